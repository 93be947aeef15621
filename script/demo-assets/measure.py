"""Boxes out of the detector's output, and what they are worth: AP at IoU 0.5, precision and recall."""

import cv2
import numpy as np

from network import HEIGHT, NAMES, WIDTH

NMS = 0.45
SMALLEST = 12  # pixels of height at the network's size; what is smaller is neither asked for nor held against it


def letterbox(image):
    """The network's view (HEIGHT, WIDTH, 3) of a BGR picture as RGB, with scale, left and top: centred, padded with 114."""
    h, w = image.shape[:2]
    k = min(WIDTH / w, HEIGHT / h)
    nw, nh = round(w * k), round(h * k)
    left, top = (WIDTH - nw) // 2, (HEIGHT - nh) // 2
    out = np.full((HEIGHT, WIDTH, 3), 114, np.uint8)
    out[top:top + nh, left:left + nw] = cv2.resize(image, (nw, nh), interpolation=cv2.INTER_LINEAR)[..., ::-1]
    return out, k, left, top


def iou(a, b):
    """(n, m) of boxes x1, y1, x2, y2."""
    lo, hi = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.prod(np.maximum(hi - lo, 0), axis=2)
    return common / (np.prod(a[:, 2:] - a[:, :2], axis=1)[:, None] + np.prod(b[:, 2:] - b[:, :2], axis=1)[None] - common + 1e-9)


def detections(output, least=0.05):
    """[(kind, score, x1, y1, x2, y2)] of an output (4 + classes, n), after NMS for each class, best first."""
    out = []
    for kind in NAMES:
        score = output[4 + kind]
        order = np.argsort(-score, kind="stable")
        order = order[score[order] >= least][:300]
        cx, cy, w, h = output[:4, order]
        boxes = np.stack([cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2], axis=1)
        alive = np.ones(len(order), bool)
        for i in range(len(order)):
            if alive[i]:
                out.append((kind, float(score[order[i]]), *map(float, boxes[i])))
                alive[i + 1:] &= iou(boxes[i:i + 1], boxes[i + 1:])[0] <= NMS
    return sorted(out, key=lambda d: -d[1])


class Tally:
    """Collects pictures' detections against their truth."""

    def __init__(self, threshold=0.5):
        self.threshold = threshold
        self.hits = {k: [] for k in NAMES}  # (score, found one)
        self.wanted = {k: 0 for k in NAMES}
        self.missed, self.false = {k: 0 for k in NAMES}, {k: 0 for k in NAMES}

    def add(self, found, truth):
        """found: detections; truth: [(kind, x1, y1, x2, y2)], both in pixels of the network's input."""
        for kind in NAMES:
            wanted = np.array([t[1:] for t in truth if t[0] == kind], float).reshape(-1, 4)
            small = wanted[:, 3] - wanted[:, 1] < SMALLEST
            self.wanted[kind] += int((~small).sum())
            taken = np.zeros(len(wanted), bool)
            sure = 0
            for k, score, *box in found:
                if k != kind:
                    continue
                over = iou(np.array([box]), wanted)[0] if len(wanted) else np.zeros(0)
                over = np.where(taken, 0, over)
                best = int(over.argmax()) if len(over) else -1
                hit = best >= 0 and over[best] >= 0.5
                if hit:
                    taken[best] = True
                    if small[best]:
                        continue
                self.hits[kind].append((score, hit))
                if score >= self.threshold:
                    sure += hit
                    self.false[kind] += not hit
            self.missed[kind] += int((~small).sum()) - int(sure)

    def result(self):
        """{class: {ap50, precision, recall, boxes}}; precision and recall at the threshold."""
        out = {}
        for kind, name in NAMES.items():
            hits = np.array([h for _, h in sorted(self.hits[kind], key=lambda s: -s[0])], float)
            tp = np.cumsum(hits)
            recall = tp / max(1, self.wanted[kind])
            precision = tp / np.arange(1, len(tp) + 1)
            envelope = np.maximum.accumulate(precision[::-1])[::-1] if len(tp) else precision
            ap = float(np.sum(np.diff(np.concatenate([[0], recall])) * envelope)) if len(tp) else 0.0
            right = self.wanted[kind] - self.missed[kind]
            out[name] = dict(ap50=ap, precision=right / max(1, right + self.false[kind]), recall=right / max(1, self.wanted[kind]), boxes=self.wanted[kind])
        return out
