"""The detector's network, written once for two backends: TensorFlow trains it, ONNX carries it away.

Input 1x3x192x320 (TensorFlow: NHWC), RGB 0-1. Output: a row for each cell of the grids of strides 8, 16 and 32 with
centre x, centre y, width, height (input pixels) and a score (0-1) for each class.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HEIGHT, WIDTH = 192, 320
STRIDES = (8, 16, 32)
NAMES = {0: "person", 1: "vehicle"}
EPSILON = 1e-3  # of the batch normalisation
NECK = 40


def cells():
    """Centres (n, 2) in input pixels and strides (n,) of all cells, in the order of the output."""
    points, strides = [], []
    for s in STRIDES:
        ys, xs = np.mgrid[0:HEIGHT // s, 0:WIDTH // s]
        points.append(np.stack([(xs.ravel() + 0.5) * s, (ys.ravel() + 0.5) * s], axis=1))
        strides.append(np.full(xs.size, s))
    return np.concatenate(points).astype(np.float32), np.concatenate(strides).astype(np.float32)


def network(o, x):
    """Feature maps to raw outputs, one for each stride: 4 of the box, then one for each class."""
    def residual(x, name, channels):
        y = o.conv(x, name + "a", channels // 2, 1)
        return o.relu(o.add(x, o.conv(y, name + "b", channels, 3, act=False)))

    x = o.conv(x, "stem", 16, 3, 2)
    x = residual(o.conv(x, "down4", 24, 3, 2), "r4", 24)
    x = residual(residual(o.conv(x, "down8", 48, 3, 2), "r8_0", 48), "r8_1", 48)
    p3 = x
    x = residual(residual(o.conv(x, "down16", 64, 3, 2), "r16_0", 64), "r16_1", 64)
    p4 = x
    p5 = residual(o.conv(x, "down32", 80, 3, 2), "r32", 80)
    t5 = o.conv(p5, "side5", NECK, 1)
    t4 = o.conv(o.add(o.conv(p4, "side4", NECK, 1), o.double(t5)), "neck4", NECK, 3)
    t3 = o.conv(o.add(o.conv(p3, "side3", NECK, 1), o.double(t4)), "neck3", NECK, 3)
    return [o.conv(o.conv(t, f"head{s}", NECK, 3), f"out{s}", 4 + len(NAMES), 1, act=False, norm=False) for s, t in zip(STRIDES, (t3, t4, t5))]


class Onnx:
    """Builds an ONNX graph; batch normalisation is folded into the convolutions."""

    def __init__(self, weights):
        self.weights, self.nodes, self.constants, self.count = weights, [], [], 0

    def constant(self, array, name=None):
        name = name or f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind, inputs, output=None, **attributes):
        output = output or f"t{self.count}"
        self.count += 1
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def conv(self, x, name, channels, size, stride=1, act=True, norm=True):
        w = self.weights[name + "/w"].transpose(3, 2, 0, 1)  # HWIO to OIHW
        if norm:
            k = self.weights[name + "/gamma"] / np.sqrt(self.weights[name + "/var"] + EPSILON)
            w, b = w * k[:, None, None, None], self.weights[name + "/beta"] - self.weights[name + "/mean"] * k
        else:
            b = self.weights[name + "/b"]
        # TensorFlow's SAME: with stride 2 on an even size, the odd line of padding comes last.
        before, after = (0, 1) if stride == 2 else (size // 2, size // 2)
        y = self.node("Conv", [x, self.constant(w.astype(np.float32), name + ".w"), self.constant(b.astype(np.float32), name + ".b")],
                      kernel_shape=[size, size], strides=[stride, stride], pads=[before, before, after, after])
        return self.relu(y) if act else y

    def relu(self, x):
        return self.node("Relu", [x])

    def add(self, a, b):
        return self.node("Add", [a, b])

    def double(self, x):
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        return self.node("Resize", [x, "", scales], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")


def export(weights, path):
    """Writes the ONNX file, in the layout and with the metadata that YOLOv8 exports have."""
    o = Onnx(weights)
    raw = network(o, "images")
    channels = 4 + len(NAMES)
    flat = [o.node("Reshape", [r, o.constant(np.array([1, channels, -1], np.int64))]) for r in raw]
    whole = o.node("Concat", flat, axis=2)
    axis = o.constant(np.array([1], np.int64))
    cut = lambda a, b: o.node("Slice", [whole, o.constant(np.array([a], np.int64)), o.constant(np.array([b], np.int64)), axis])
    points, strides = cells()
    centre = o.node("Add", [o.node("Mul", [cut(0, 2), o.constant(strides[None, None])]), o.constant(points.T[None])])
    size = o.node("Mul", [o.node("Exp", [o.node("Clip", [cut(2, 4), o.constant(np.float32(-6)), o.constant(np.float32(4))])]), o.constant(strides[None, None])])
    score = o.node("Sigmoid", [cut(4, channels)])
    o.node("Concat", [centre, size, score], "output0", axis=1)
    graph = helper.make_graph(o.nodes, "scout", [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH])],
                              [helper.make_tensor_value_info("output0", TensorProto.FLOAT, [1, channels, len(points)])], o.constants)
    model = helper.make_model(graph, producer_name="parapet demo-assets", opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"description": "Parapet's demo detector: people and vehicles in rendered scenes", "author": "Parapet", "task": "detect",
                                   "stride": str(max(STRIDES)), "batch": "1", "imgsz": str([HEIGHT, WIDTH]), "names": str(NAMES)})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
