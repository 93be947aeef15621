"""What lies flat or stands behind everything: ground texture with its markings, facades, sky."""

import math

import cv2
import numpy as np

from geometry import mix, noise, tint

GROUNDS = {"asphalt": (92, 94, 96), "concrete": (158, 166, 170), "pavers": (128, 138, 152), "gravel": (132, 146, 156), "grass": (62, 112, 92)}


class Ground:
    """A texture over the ground from (x0, y0), `ppm` pixels a metre; markings are drawn in metres."""

    def __init__(self, rng, kind, ppm, x0=-36.0, y0=1.0, width=72.0, depth=66.0):
        self.rng, self.ppm, self.x0, self.y0 = rng, ppm, x0, y0
        self.shape = (int(depth * ppm), int(width * ppm))
        self.base = GROUNDS[kind]
        self.image = self.material(kind, self.shape)

    def material(self, kind, shape):
        rng, ppm = self.rng, self.ppm
        h, w = shape
        base = np.array(GROUNDS[kind], np.float32) * rng.uniform(0.85, 1.12) + rng.normal(0, 4, 3)
        img = np.empty((h, w, 3), np.float32)
        img[:] = base
        span = max(h, w) / ppm
        img *= 1 + 0.10 * noise(rng, shape, max(3, int(span / 9)))[..., None]
        if kind == "grass":
            img *= 1 + 0.22 * noise(rng, shape, max(4, int(span * 3)), 2)[..., None]
            img[..., 2] *= 1 + 0.2 * noise(rng, shape, max(4, int(span / 4)))
        grain = {"gravel": 22, "asphalt": 10, "grass": 14, "concrete": 5, "pavers": 5}[kind]
        img += rng.normal(0, grain, (h, w, 1)).astype(np.float32)
        if kind == "concrete":
            step = rng.uniform(2.2, 4.0) * ppm
            for v in np.arange(rng.uniform(0, step), h, step):
                img[int(v):int(v) + max(1, int(0.03 * ppm))] *= 0.78
            for v in np.arange(rng.uniform(0, step), w, step):
                img[:, int(v):int(v) + max(1, int(0.03 * ppm))] *= 0.78
        if kind == "pavers":
            rows, cols = max(2, int(h / ppm / 0.5)), max(2, int(w / ppm / 0.5))
            tone = cv2.resize(rng.normal(1, 0.06, (rows, cols)).astype(np.float32), (w, h), interpolation=cv2.INTER_NEAREST)
            img *= tone[..., None]
        return img

    def px(self, x, y):
        return (x - self.x0) * self.ppm, (y - self.y0) * self.ppm

    def patch(self, x0, y0, x1, y1, kind):
        """A rectangle of another material."""
        (a, b), (c, d) = self.px(x0, y0), self.px(x1, y1)
        a, c = (int(np.clip(v, 0, self.shape[1])) for v in (a, c))
        b, d = (int(np.clip(v, 0, self.shape[0])) for v in (b, d))
        if c - a > 2 and d - b > 2:
            self.image[b:d, a:c] = self.material(kind, (d - b, c - a))

    def paint(self, polygon, colour, wear=0.3):
        """A painted polygon in metres, worn off in places."""
        pts = np.array([self.px(*p) for p in polygon])
        mask = np.zeros(self.shape, np.uint8)
        cv2.fillPoly(mask, [np.round(pts * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        x, y, w, h = cv2.boundingRect(mask)
        if w == 0 or h == 0:
            return
        alpha = mask[y:y + h, x:x + w].astype(np.float32) / 255
        alpha *= np.clip(1 - wear + wear * noise(self.rng, (h, w), 24), 0.15, 1)
        area = self.image[y:y + h, x:x + w]
        area += (np.array(colour, np.float32) - area) * alpha[..., None]

    def stripe(self, a, b, width, colour, wear=0.3):
        a, b = np.array(a, float), np.array(b, float)
        n = (b - a) / (np.linalg.norm(b - a) + 1e-9)
        n = np.array([-n[1], n[0]]) * width / 2
        self.paint([a + n, b + n, b - n, a - n], colour, wear)

    def hatched(self, polygon, colour, gap=0.9, width=0.22):
        """A zone with a border and diagonal hatching: rectangle (x0, y0, x1, y1) in metres."""
        x0, y0, x1, y1 = polygon
        for a, b in (((x0, y0), (x1, y0)), ((x1, y0), (x1, y1)), ((x1, y1), (x0, y1)), ((x0, y1), (x0, y0))):
            self.stripe(a, b, width, colour, 0.2)
        d = y1 - y0
        for s in np.arange(x0 - d + gap / 2, x1, gap):
            ax, ay, bx, by = s, y0, s + d, y1
            if ax < x0:
                ax, ay = x0, y0 + (x0 - s)
            if bx > x1:
                bx, by = x1, y0 + (x1 - s)
            if bx - ax > 0.15:
                self.stripe((ax, ay), (bx, by), width * 0.55, colour, 0.35)

    def road(self, y0, y1, dashes=True):
        """A road along x with kerbs and a dashed middle."""
        self.patch(-99, y0, 99, y1, "asphalt")
        for y in (y0, y1):
            self.stripe((-60, y), (60, y), 0.22, (165, 170, 172), 0.15)
        white = (215, 218, 220)
        for y in (y0 + 0.5, y1 - 0.5):
            self.stripe((-60, y), (60, y), 0.12, white, 0.5)
        if dashes:
            for x in np.arange(-36, 36, 4.5):
                self.stripe((x, (y0 + y1) / 2), (x + 2.0, (y0 + y1) / 2), 0.14, white, 0.4)

    def dirt(self, count):
        """Oil spots, cracks and patches, so that no two places look the same."""
        for _ in range(count):
            x, y = self.rng.uniform(-20, 20), self.rng.uniform(4, 45)
            pts = [(x + self.rng.uniform(0.2, 0.9) * math.cos(t), y + self.rng.uniform(0.2, 0.9) * math.sin(t)) for t in np.linspace(0, 6, 9)]
            self.paint(pts, tint(self.base, self.rng.uniform(0.6, 0.9)), 0.7)
        for _ in range(count // 2):
            x, y, t = self.rng.uniform(-20, 20), self.rng.uniform(4, 40), self.rng.uniform(0, 6)
            for _ in range(6):
                nx, ny = x + 0.6 * math.cos(t), y + 0.6 * math.sin(t)
                self.stripe((x, y), (nx, ny), 0.04, tint(self.base, 0.55), 0.3)
                x, y, t = nx, ny, t + self.rng.normal(0, 0.5)

    def render(self, camera):
        """The ground as the camera sees it; only valid below the horizon."""
        tex = np.clip(self.image, 0, 255).astype(np.uint8)
        world = np.array([[1 / self.ppm, 0, self.x0], [0, 1 / self.ppm, self.y0], [0, 0, 1.0]])
        h = camera.ground_homography() @ world
        border = tuple(float(c) for c in tint(self.base, 0.95))
        near = cv2.warpPerspective(tex, h, camera.size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=border)
        small = cv2.resize(tex, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
        far = cv2.warpPerspective(small, h @ np.diag([4.0, 4.0, 1.0]), camera.size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=border)
        rows = np.arange(camera.size[1], dtype=np.float32)
        height = rows - camera.horizon()
        blend = np.clip(height / camera.size[1] * 3.2 - 0.55, 0, 1)[:, None, None]
        return (near * blend + far * (1 - blend)).astype(np.uint8)


def sky(rng, camera, colour):
    """A gradient with clouds, above the horizon."""
    w, h = camera.size
    top = int(np.clip(camera.horizon() + 2, 1, h))
    t = np.linspace(0, 1, top, dtype=np.float32)[:, None, None]
    img = np.array(colour, np.float32) * (1 - t) + np.array(mix(colour, (225, 225, 225), 0.6), np.float32) * t
    img = np.repeat(img, w, axis=1)
    cloud = np.clip(cv2.resize(noise(rng, (max(8, top // 4), w // 4), 7, 4), (w, top)) * 1.6, 0, 1)[..., None]
    img += (np.array([238, 236, 236]) - img) * cloud * 0.7
    return img.astype(np.uint8)


def facade(rng, width, height, ppm, style=None):
    """The texture of a wall: plaster, brick or sheet metal, with windows, doors and gates."""
    style = style or ("plaster", "brick", "metal")[rng.integers(3)]
    base = np.array({"plaster": [(190, 200, 205), (150, 175, 200), (175, 170, 165), (200, 195, 185)][rng.integers(4)],
                     "brick": [(70, 85, 135), (95, 110, 140), (85, 90, 115)][rng.integers(3)],
                     "metal": [(165, 160, 150), (140, 120, 95), (120, 130, 125), (185, 188, 190)][rng.integers(4)]}[style], np.float32)
    h, w = max(8, int(height * ppm)), max(8, int(width * ppm))
    img = np.empty((h, w, 3), np.float32)
    img[:] = base
    img *= 1 + 0.08 * noise(rng, (h, w), 5)[..., None]
    img *= 1 - 0.15 * (np.linspace(0, 1, h, dtype=np.float32) ** 3)[:, None, None]
    if style == "brick":
        rows, cols = int(height / 0.12), int(width / 0.3)
        img *= cv2.resize(rng.normal(1, 0.09, (rows, cols)).astype(np.float32), (w, h), interpolation=cv2.INTER_NEAREST)[..., None]
    if style == "metal":
        img *= (1 + 0.07 * np.sign(np.sin(np.arange(w) / ppm * 2 * np.pi / rng.uniform(0.3, 0.7))))[None, :, None]
    img += rng.normal(0, 3, (h, w, 1))
    img = np.clip(img, 0, 255).astype(np.uint8)
    rect = lambda x0, y0, x1, y1, c: cv2.rectangle(img, (int(x0 * ppm), int(y0 * ppm)), (int(x1 * ppm), int(y1 * ppm)), tuple(float(v) for v in c), -1)
    frame = tint(base, rng.uniform(0.55, 1.25))
    # v runs down from the roof.
    pane = rng.uniform(1.0, 1.8)
    pitch = pane + rng.uniform(0.8, 2.2)
    for floor in np.arange(height - 3.0, 0.3, -3.2):
        if style == "metal" and rng.random() < 0.5:
            continue
        if floor > height - 3.5 and rng.random() < 0.5:
            continue
        for x in np.arange(0.8, width - pane - 0.5, pitch):
            rect(x - 0.08, floor - 0.08, x + pane + 0.08, floor + 1.38, frame)
            glass = mix((75, 62, 52), (215, 205, 190), rng.uniform(0, 0.45))
            if rng.random() < 0.12:
                glass = (120, 190, 225)
            rect(x, floor, x + pane, floor + 1.3, glass)
            rect(x, floor, x + pane, floor + 0.45, mix(glass, (225, 220, 210), 0.2))
            rect(x + pane / 2 - 0.03, floor, x + pane / 2 + 0.03, floor + 1.3, frame)
    for x in np.arange(rng.uniform(1, 5), width - 4, rng.uniform(6, 12)):
        if rng.random() < 0.5:  # a roller gate
            c = tint([(170, 172, 175), (150, 110, 70), (80, 110, 80)][rng.integers(3)], rng.uniform(0.8, 1.1))
            rect(x - 0.15, height - 3.35, x + 3.35, height, tint(base, 0.6))
            rect(x, height - 3.2, x + 3.2, height, c)
            for y in np.arange(height - 3.2, height, 0.3):
                rect(x, y, x + 3.2, y + 0.05, tint(c, 0.8))
        else:
            rect(x, height - 2.15, x + 1.0, height, tint([(70, 80, 110), (60, 90, 60), (120, 120, 125)][rng.integers(3)], 1))
    rect(0, 0, width, 0.3, tint(base, 0.7))
    return img
