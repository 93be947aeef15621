"""The TensorFlow backend of the network, what it is trained towards, and the loss."""

import numpy as np
import onnx
import tensorflow as tf
from onnx import numpy_helper

from network import EPSILON, NAMES, STRIDES, cells, network

CLASSES = len(NAMES)
# The square root of a box's area decides which strides look for it; the ranges overlap.
RANGES = {8: (0.0, 30.0), 16: (22.0, 78.0), 32: (56.0, 1e4)}
IGNORE = 2  # a kind: neither to be found nor to be punished


class Tensorflow:
    """Convolutions with batch normalisation, on variables that it makes when first asked for them."""

    def __init__(self, seed=0):
        self.rng, self.trainable, self.moving, self.updates, self.training = np.random.default_rng(seed), {}, {}, [], True
        self.restored = None  # the exported weights, while they are being taken in

    def _variable(self, store, name, value):
        if name not in store:
            store[name] = tf.Variable(value.astype(np.float32), name=name.replace("/", "_"))
        return store[name]

    def conv(self, x, name, channels, size, stride=1, act=True, norm=True):
        inputs = x.shape[-1]
        std = np.sqrt(2.0 / (size * size * inputs)) if norm else 0.01
        w = self._variable(self.trainable, name + "/w", self.rng.normal(0, std, (size, size, inputs, channels)))
        if self.restored is not None:
            w.assign(self.restored[name + ".w"].transpose(2, 3, 1, 0))
        x = tf.nn.conv2d(x, w, stride, "SAME")
        if norm:
            gamma = self._variable(self.trainable, name + "/gamma", np.full(channels, 1.0 if act else 0.5))
            beta = self._variable(self.trainable, name + "/beta", np.zeros(channels))
            mean = self._variable(self.moving, name + "/mean", np.zeros(channels))
            var = self._variable(self.moving, name + "/var", np.ones(channels))
            if self.restored is not None:
                self._unfold(x, name, gamma, beta, mean, var)
            if self.training:
                x, m, v = tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, epsilon=EPSILON, is_training=True)
                self.updates += [(mean, m), (var, v)]
            else:
                x, _, _ = tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, mean, var, epsilon=EPSILON, is_training=False)
        else:
            bias = np.zeros(channels)
            bias[4:] = -4.0  # few cells hold something
            b = self._variable(self.trainable, name + "/b", bias)
            if self.restored is not None:
                b.assign(self.restored[name + ".b"])
            x = x + b
        return tf.nn.relu(x) if act else x

    def _unfold(self, x, name, gamma, beta, mean, var):
        """Splits a folded bias into a normalisation again: the statistics are those of `x`, and the sum does the same as before."""
        m, v = tf.nn.moments(x, [0, 1, 2])
        mean.assign(m)
        var.assign(v)
        gamma.assign(tf.sqrt(v + EPSILON))
        beta.assign(self.restored[name + ".b"] + m)

    def restore(self, path, images):
        """Takes the weights of an exported file; `images` are a sample for the normalisations' statistics."""
        self.restored = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
        self.raw(images, training=False)
        self.restored = None

    def relu(self, x):
        return tf.nn.relu(x)

    def add(self, a, b):
        return a + b

    def double(self, x):
        return tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2)

    def raw(self, images, training):
        """Raw outputs (batch, cells, 4 + classes) of images 0-255; with the moving averages' updates when training."""
        self.training, self.updates = training, []
        x = tf.cast(images, tf.float32) / 255.0
        flat = [tf.reshape(r, [tf.shape(x)[0], -1, 4 + CLASSES]) for r in network(self, x)]
        return tf.concat(flat, axis=1)

    def weights(self):
        return {k: v.numpy() for k, v in {**self.trainable, **self.moving}.items()}


POINTS, CELL = cells()
LOW = np.array([RANGES[int(s)][0] for s in CELL], np.float32)
HIGH = np.array([RANGES[int(s)][1] for s in CELL], np.float32)


def decode(raw):
    """Boxes x1, y1, x2, y2 of raw outputs."""
    centre = raw[..., :2] * CELL[:, None] + POINTS
    half = tf.exp(tf.clip_by_value(raw[..., 2:4], -6.0, 4.0)) * CELL[:, None] / 2
    return tf.concat([centre - half, centre + half], axis=-1)


def targets(boxes):
    """For each cell: index of its box, whether it must find one, and the weight of staying silent (0 in what is ignored). boxes: (batch, m, 5), kind first."""
    kind, x1, y1, x2, y2 = [boxes[:, None, :, i] for i in range(5)]
    w, h = x2 - x1, y2 - y1
    px, py, s = POINTS[None, :, None, 0], POINTS[None, :, None, 1], CELL[None, :, None]
    dx, dy = tf.abs(px - (x1 + x2) / 2), tf.abs(py - (y1 + y2) / 2)
    real = tf.logical_and(kind >= 0, kind < IGNORE)
    size = tf.sqrt(tf.maximum(w * h, 1.0))
    level = tf.logical_and(size >= LOW[None, :, None], size < HIGH[None, :, None])
    # At least the nearest cell, and for large boxes a few around the centre.
    rx, ry = tf.maximum(0.55 * s, tf.minimum(1.3 * s, 0.3 * w)), tf.maximum(0.55 * s, tf.minimum(1.3 * s, 0.3 * h))
    hit = tf.logical_and(tf.logical_and(dx <= rx, dy <= ry), tf.logical_and(real, level))
    hidden = tf.logical_and(tf.logical_and(dx <= w / 2 + s, dy <= h / 2 + s), tf.equal(kind, IGNORE))
    distance = tf.where(hit, (dx / (w + 1) + dy / (h + 1)) + size * 1e-3, 1e6)
    positive = tf.reduce_any(hit, axis=2)
    return tf.argmin(distance, axis=2), positive, 1.0 - tf.cast(tf.reduce_any(hidden, axis=2), tf.float32)


def loss(raw, boxes, focus):
    """Varifocal classification, GIoU and a little distance on the code of the box.

    A cell that should be silent counts by its score to the power `focus`: 2 learns faster, 1 makes fewer false alarms.
    """
    index, positive, silent = targets(boxes)
    mine = tf.gather(boxes, index, batch_dims=1)
    weight = tf.cast(positive, tf.float32)
    count = tf.maximum(tf.reduce_sum(weight), 1.0)
    found = decode(raw)
    a1, a2, b1, b2 = found[..., :2], found[..., 2:], mine[..., 1:3], mine[..., 3:5]
    area = lambda lo, hi: tf.reduce_prod(tf.maximum(hi - lo, 0.0), axis=-1)
    common = area(tf.maximum(a1, b1), tf.minimum(a2, b2))
    union = area(a1, a2) + area(b1, b2) - common + 1e-6
    iou = common / union
    around = area(tf.minimum(a1, b1), tf.maximum(a2, b2)) + 1e-6
    giou = iou - (around - union) / around
    code = tf.concat([((b1 + b2) / 2 - POINTS) / CELL[:, None], tf.math.log(tf.maximum(b2 - b1, 1.0) / CELL[:, None])], axis=-1)
    distance = tf.reduce_sum(tf.minimum(tf.abs(code - raw[..., :4]), 4.0), axis=-1)
    box = tf.reduce_sum(weight * (2.0 * (1.0 - giou) + 0.25 * distance)) / count

    logits = raw[..., 4:]
    p = tf.sigmoid(logits)
    quality = (0.4 + 0.6 * tf.stop_gradient(iou)) * weight
    one = tf.one_hot(tf.cast(mine[..., 0], tf.int32), CLASSES) * weight[..., None]
    target = one * quality[..., None]
    bce = tf.nn.sigmoid_cross_entropy_with_logits(target, logits)
    scale = one + (1.0 - one) * (0.5 + 0.5 / focus) * tf.stop_gradient(p) ** focus * tf.maximum(silent, weight)[..., None]
    return tf.reduce_sum(bce * scale) / count + box, box
