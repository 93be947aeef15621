"""YOLOX as one writes it by hand with OpenCV, NumPy and ONNX Runtime: what all Python peers share."""

import cv2
import numpy as np

SIDE = 416


def prepare(frame):
    """A BGR picture, letterboxed to SIDE, as [1, 3, SIDE, SIDE] of 0 to 255."""
    ratio = min(SIDE / frame.shape[0], SIDE / frame.shape[1])
    small = cv2.resize(frame, (int(frame.shape[1] * ratio), int(frame.shape[0] * ratio)))
    padded = np.full((SIDE, SIDE, 3), 114, dtype=np.uint8)
    padded[: small.shape[0], : small.shape[1]] = small
    return np.ascontiguousarray(padded.transpose(2, 0, 1), dtype=np.float32)[None], ratio


def _grid():
    cells, strides = [], []
    for stride in (8, 16, 32):
        side = SIDE // stride
        x, y = np.meshgrid(np.arange(side), np.arange(side))
        cells.append(np.stack((x, y), 2).reshape(-1, 2))
        strides.append(np.full((side * side, 1), stride))
    return np.concatenate(cells), np.concatenate(strides)


CELLS, STRIDES = _grid()


def objects(output, ratio, at_least=0.25, overlap=0.45):
    """Boxes (left, top, width, height), scores and classes of one answer [anchors, 85]."""
    scores = output[:, 4:5] * output[:, 5:]
    classes = scores.argmax(1)
    best = scores[np.arange(len(scores)), classes]
    kept = best >= at_least
    if not kept.any():
        return []
    centres = (output[kept, :2] + CELLS[kept]) * STRIDES[kept]
    sizes = np.exp(output[kept, 2:4]) * STRIDES[kept]
    boxes = np.concatenate((centres - sizes / 2, sizes), 1) / ratio
    best, classes = best[kept], classes[kept]
    chosen = cv2.dnn.NMSBoxesBatched(boxes.tolist(), best.tolist(), classes.tolist(), at_least, overlap)
    return [(boxes[i], best[i], classes[i]) for i in chosen]


def every(capture, rate):
    """One frame in so many is looked at to look at `rate` a second."""
    return max(1, round((capture.get(cv2.CAP_PROP_FPS) or 30.0) / rate))
