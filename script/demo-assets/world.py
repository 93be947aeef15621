"""A scene: a layout, its light and camera, and the picture of it with any actors in it.

What does not move is drawn once. A frame adds shadows, actors and whatever stands in front of them, and tells
for each actor the box of what can be seen of it.
"""

import math
from dataclasses import dataclass, field

import cv2
import numpy as np

import ground as flat
from geometry import Camera, Canvas, hull, mix
from props import Panel

SUPERSAMPLING = 2
SEEN_AT_LEAST = 0.35  # of an actor's silhouette; what is hidden more than this has no box


@dataclass
class Light:
    """Where the sun stands and what colour things take. `sun` is a unit vector towards it."""

    azimuth: float = 0.8
    elevation: float = 0.7
    ambient: float = 0.62
    shadow: float = 0.45       # how much darker it is in a shadow
    blur: float = 1.2          # pixels of the final picture
    gain: tuple = (1.0, 1.0, 1.0)
    sky: tuple = (235, 205, 165)
    dusk: bool = False

    def __post_init__(self):
        ce = math.cos(self.elevation)
        self.sun = np.array([ce * math.sin(self.azimuth), ce * math.cos(self.azimuth), math.sin(self.elevation)])
        self.dark = self.ambient * 1.08
        self.bright = 1.02

    def shade(self, normal):
        return self.ambient + (1.08 - self.ambient) * max(0.0, float(np.dot(normal, self.sun))) + 0.05 * max(0.0, float(normal[2]))


@dataclass
class Layout:
    """Everything about a place but who is in it. `walls`: (a, b, height, texture) from ground point a to b."""

    camera: dict
    light: Light
    ground: flat.Ground
    walls: list = field(default_factory=list)
    props: list = field(default_factory=list)
    lamps: list = field(default_factory=list)
    noise: float = 2.0
    label: str = ""


class Scene:
    """A layout at a picture size (width, height in pixels), ready to be filled with actors."""

    def __init__(self, rng, layout, size):
        self.size, self.layout, self.light = size, layout, layout.light
        self.big = (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING)
        self.camera = Camera(self.big, **layout.camera)
        self.canvas = Canvas(self.big)
        self._background(rng)
        self._lightmap(rng)

    def _background(self, rng):
        cam, light, canvas = self.camera, self.light, self.canvas
        canvas.image[:] = self.layout.ground.render(cam)
        sky = flat.sky(rng, cam, light.sky)
        above = int(np.clip(cam.horizon() + 1, 0, self.big[1]))
        canvas.image[:above] = sky[:above]
        rows = np.arange(above, self.big[1])
        if len(rows):  # far ground fades into the haze
            far = cam.f * cam.position[2] / np.maximum(rows - cam.horizon(), 0.5)
            haze = np.clip((far - 48) / 40, 0, 0.9)[:, None, None].astype(np.float32)
            colour = np.array(mix(light.sky, (105, 125, 110), 0.7), np.float32)
            canvas.image[above:] = (canvas.image[above:] * (1 - haze) + colour * haze).astype(np.uint8)
        self._far_hills(rng, above)
        shadows = [s for p in self.layout.props for s in p.shadow(light)]
        for a, b, height, _ in self.layout.walls:
            d = -light.sun[:2] / light.sun[2] * height
            a, b = np.array(a), np.array(b)
            shadows.append(np.array([[*a, 0], [*b, 0], [*(b + d), 0], [*(a + d), 0]]))
        self._shade(canvas.image, shadows)
        for a, b, height, texture in sorted(self.layout.walls, key=lambda w: -cam.depth([*(np.array(w[0]) + w[1]) / 2, 0])):
            self._wall(a, b, height, texture)
        self.layout.props.sort(key=lambda p: -cam.depth(p.foot()))
        self.props = []
        for prop in self.layout.props:
            uv, depth = cam.project(prop.points())
            if depth.min() < 1.0:
                continue
            prop.draw(canvas, cam, light)
            self.props.append((prop, uv.min(axis=0) - 6, uv.max(axis=0) + 6))
        self.base = canvas.image.copy()

    def _far_hills(self, rng, above):
        w, h = self.big
        for k, (low, high) in enumerate(((4, 26), (2, 14))):
            colour = mix(self.light.sky, (95, 110, 95) if k else (135, 130, 120), 0.55 + 0.25 * k)
            n = int(rng.integers(9, 24))
            ys = above - rng.uniform(low, high, n) * h / 360
            xs = np.linspace(-20, w + 20, n)
            if rng.random() < 0.5:  # roofs rather than hills
                xs, ys = np.repeat(xs, 2)[1:], np.repeat(ys, 2)[:-1]
            self.canvas.shape(np.concatenate([np.stack([xs, ys], axis=1), [[w + 20, above + 3], [-20, above + 3]]]), colour)

    def _wall(self, a, b, height, texture):
        quad = np.array([[*a, height], [*b, height], [*b, 0], [*a, 0]], float)
        uv, depth = self.camera.project(quad)
        if depth.min() < 0.7:
            return
        h, w = texture.shape[:2]
        width = np.linalg.norm(uv[1] - uv[0])
        if width < w / 2:  # shrink first, lest it flickers into moiré
            k = max(0.06, width / w)
            texture = cv2.resize(texture, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
            h, w = texture.shape[:2]
        along = np.array([b[0] - a[0], b[1] - a[1], 0.0])
        normal = np.array([along[1], -along[0], 0.0]) / (np.linalg.norm(along) + 1e-9)
        if normal @ (self.camera.position - quad[0]) < 0:
            normal = -normal
        texture = np.clip(texture * self.light.shade(normal), 0, 255).astype(np.uint8)
        m = cv2.getPerspectiveTransform(np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32), uv.astype(np.float32))
        warped = cv2.warpPerspective(texture, m, self.big, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        mask = np.zeros(self.big[::-1], np.uint8)
        cv2.fillConvexPoly(mask, np.round(uv * 16).astype(np.int32), 255, cv2.LINE_AA, 4)
        alpha = mask.astype(np.float32)[..., None] / 255
        self.canvas.image[:] = (self.canvas.image * (1 - alpha) + warped * alpha).astype(np.uint8)

    def _shade(self, image, outlines):
        """Darkens the ground inside the outlines (lists of world points on it)."""
        light, (w, h) = self.light, self.size
        mask = np.zeros((h, w), np.uint8)
        for outline in outlines:
            uv, depth = self.camera.project(outline)
            if depth.min() > 0.6 and np.abs(uv).max() < 30000:
                cv2.fillPoly(mask, [np.round(uv / SUPERSAMPLING * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        x, y, bw, bh = cv2.boundingRect(mask)
        if bw == 0 or light.shadow <= 0:
            return
        pad = int(3 * light.blur + 2)
        x0, y0, x1, y1 = max(0, x - pad), max(0, y - pad), min(w, x + bw + pad), min(h, y + bh + pad)
        part = cv2.GaussianBlur(mask[y0:y1, x0:x1], (0, 0), light.blur)
        s = SUPERSAMPLING
        keep = cv2.resize(part, None, fx=s, fy=s, interpolation=cv2.INTER_LINEAR).astype(np.float32)
        keep = 1 - keep / 255 * light.shadow
        area = image[y0 * s:y1 * s, x0 * s:x1 * s]
        area[:] = (area * keep[..., None] * np.array([1.02, 1.0, 0.99], np.float32)).clip(0, 255).astype(np.uint8)

    def _lightmap(self, rng):
        w, h = self.size
        us, vs = np.meshgrid((np.arange(w) + 0.5) * SUPERSAMPLING, (np.arange(h) + 0.5) * SUPERSAMPLING)
        inv = np.linalg.inv(self.camera.ground_homography())
        p = np.stack([us, vs, np.ones_like(us)], axis=-1) @ inv.T
        below = vs > self.camera.horizon() + 4
        with np.errstate(divide="ignore", invalid="ignore"):
            self.ground_xy = np.where(below[..., None], p[..., :2] / p[..., 2:3], 1e4).astype(np.float32)
        r2 = ((us / self.big[0] - 0.5) ** 2 + (vs / self.big[1] - 0.5) ** 2)
        self.vignette = (1 - 0.35 * r2)[..., None].astype(np.float32)
        self.static_light = np.empty((h, w, 3), np.float32)
        self.static_light[:] = self.light.gain
        if self.light.dusk:
            for x, y, strength in self.layout.lamps:
                d2 = (self.ground_xy[..., 0] - x) ** 2 + (self.ground_xy[..., 1] - y) ** 2
                self.static_light += (strength * np.exp(-d2 / 40))[..., None] * np.array([0.55, 0.8, 1.0], np.float32)

    def behind_wall(self, x, y):
        """Whether a wall stands between the camera and a point on the ground: actors are drawn over walls, so none may go there."""
        cross = lambda o, a, b: (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0])
        eye, p = (0.0, 0.0), (x, y)
        return any(cross(eye, p, a) * cross(eye, p, b) < 0 and cross(a, b, eye) * cross(a, b, p) < 0 for a, b, _, _ in self.layout.walls)

    def frame(self, rng, actors):
        """The picture (height, width, 3) and a list of (index of the actor, kind, x1, y1, x2, y2) in its pixels."""
        cam, light, canvas = self.camera, self.light, self.canvas
        canvas.image[:] = self.base
        canvas.owner[:] = 0
        canvas.glow = np.zeros_like(canvas.image) if light.dusk else None
        outlines = []
        for actor in actors:
            outlines += actor.shadow(light)
        self._shade(canvas.image, outlines)
        queue = [(cam.depth(a.foot()), i + 1, a) for i, a in enumerate(actors)]
        farthest = max((q[0] for q in queue), default=0.0)
        queue += [(cam.depth(p.foot()), 0, p) for p, _, _ in self.props if cam.depth(p.foot()) < farthest]
        queue.sort(key=lambda q: -q[0])
        drawn, whole = [], {}
        bounds = {id(p): (lo, hi) for p, lo, hi in self.props}
        for depth, owner, item in queue:
            if owner:
                item.draw(canvas, cam, light, owner)
                mine = canvas.owner == owner
                whole[owner] = int(np.count_nonzero(mine))
                if whole[owner]:
                    drawn.append(cv2.boundingRect(mine.astype(np.uint8)))
            else:
                lo, hi = bounds[id(item)]
                if any(x < hi[0] and x + w > lo[0] and y < hi[1] and y + h > lo[1] for x, y, w, h in drawn):
                    item.draw(canvas, cam, light, 0)
                    drawn.append((lo[0], lo[1], hi[0] - lo[0], hi[1] - lo[1]))  # and what stands before it
        boxes = []
        for i, actor in enumerate(actors):
            mine = canvas.owner == i + 1
            count = int(np.count_nonzero(mine))
            if count < max(1, SEEN_AT_LEAST * whole.get(i + 1, 0)):
                continue
            x, y, w, h = cv2.boundingRect(mine.astype(np.uint8))
            s = SUPERSAMPLING
            boxes.append((i, actor.kind, x / s, y / s, (x + w) / s, (y + h) / s))
        return self._develop(rng, actors), boxes

    def _develop(self, rng, actors):
        """Light, lens and sensor."""
        image = cv2.resize(self.canvas.image, self.size, interpolation=cv2.INTER_AREA).astype(np.float32)
        light = self.static_light
        if self.light.dusk:
            light = light.copy()
            for actor in actors:
                if actor.kind == 1 and getattr(actor, "lit", True):
                    c, s = math.cos(actor.yaw), math.sin(actor.yaw)
                    dx, dy = self.ground_xy[..., 0] - actor.x, self.ground_xy[..., 1] - actor.y
                    along, across = dx * c + dy * s, -dx * s + dy * c
                    reach = actor.model.length / 2 + 4.5
                    light += (0.5 * np.exp(-((along - reach) ** 2) / 14 - across ** 2 / 2.2))[..., None] * np.array([0.75, 0.9, 1.0], np.float32)
        image *= light * self.vignette
        if self.canvas.glow is not None:
            glow = cv2.resize(self.canvas.glow, self.size, interpolation=cv2.INTER_AREA).astype(np.float32)
            image += glow * 0.8 + cv2.GaussianBlur(glow, (0, 0), 5) * 0.9
        image = cv2.GaussianBlur(image, (0, 0), 0.45)
        if self.layout.noise > 0:
            image += rng.normal(0, self.layout.noise, image.shape[:2] + (1,)) + rng.normal(0, self.layout.noise * 0.4, image.shape)
        image = np.clip(image, 0, 255).astype(np.uint8)
        if self.layout.label:
            scale = self.size[0] / 640 * 0.42
            at = (int(self.size[0] * 0.015), int(self.size[1] * 0.965))
            for dx, dy, colour in ((1, 1, (20, 20, 20)), (0, 0, (240, 240, 240))):
                cv2.putText(image, self.layout.label, (at[0] + dx, at[1] + dy), cv2.FONT_HERSHEY_SIMPLEX, scale, colour, 1, cv2.LINE_AA)
        return image


def fence(a, b, height, boards, colour, step=2.5):
    """Panels from a to b, so that each has a depth of its own."""
    a, b = np.array(a, float), np.array(b, float)
    n = max(1, int(np.linalg.norm(b - a) / step))
    return [Panel(a + (b - a) * i / n, a + (b - a) * (i + 1) / n, height, boards, colour) for i in range(n)]
