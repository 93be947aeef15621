"""Vehicles: cars, vans, pickups and lorries, built of hexahedra with windows, lights and wheels."""

import math

import cv2
import numpy as np

from geometry import FACES, facing, mix, on_quad, tint

PAINT = [(235, 235, 238), (195, 198, 200), (120, 122, 125), (45, 45, 48), (25, 25, 28), (150, 70, 35), (190, 120, 50), (40, 40, 175),
         (30, 30, 110), (50, 110, 60), (60, 170, 215), (140, 160, 175), (60, 95, 150), (160, 140, 90), (40, 120, 220)]
GLASS = (62, 52, 44)
SHAPES = ("hatch", "sedan", "estate", "suv", "pickup", "van", "lorry")
# The order of a hexahedron's faces (geometry.FACES) for a body that points to +x.
RIGHT, FRONT, LEFT, BACK, TOP = range(5)


def block(x0, x1, z0, z1, w, top=None):
    """A block's 8 corners; `top` = (x0, x1, width) of the upper face, if it differs."""
    tx0, tx1, tw = top or (x0, x1, w)
    low = [(x0, -w / 2, z0), (x1, -w / 2, z0), (x1, w / 2, z0), (x0, w / 2, z0)]
    high = [(tx0, -tw / 2, z1), (tx1, -tw / 2, z1), (tx1, tw / 2, z1), (tx0, tw / 2, z1)]
    return np.array(low + high)


class Model:
    """A kind of vehicle in one colour: blocks with what is painted on their faces, and wheels."""

    def __init__(self, rng, shape=None, paint=None):
        self.shape = shape or SHAPES[rng.choice(len(SHAPES), p=[0.2, 0.2, 0.13, 0.15, 0.07, 0.13, 0.12])]
        base = PAINT[rng.integers(len(PAINT))] if paint is None else paint
        self.paint = tuple(np.clip(np.array(base) + rng.normal(0, 6, 3), 12, 250))
        k = float(rng.uniform(0.94, 1.06))
        self.blocks, self.wheels = [], []
        getattr(self, "_" + self.shape)(rng, k)

    def _add(self, corners, colour, marks=()):
        self.blocks.append((corners, colour, list(marks)))

    def _lights(self, low, high):
        """Head and tail lights, plates and bumpers for the block that carries the ends."""
        marks = []
        for face, lamp, glow in ((FRONT, (235, 240, 245), "head"), (BACK, (40, 35, 190), "tail")):
            for u in (0.03, 0.80):
                marks.append((face, (u, low, u + 0.17, high), lamp, glow))
            marks.append((face, (0.36, low - 0.32, 0.64, low - 0.1), (215, 220, 225), None))
        return marks

    def _windows(self, sides, front=True, back=True):
        marks = []
        for u0, u1 in sides:
            marks.append((RIGHT, (u0, 0.10, u1, 0.88), GLASS, None))
            marks.append((LEFT, (1 - u1, 0.10, 1 - u0, 0.88), GLASS, None))
        if front:
            marks.append((FRONT, (0.06, 0.08, 0.94, 0.90), mix(GLASS, (150, 140, 125), 0.25), None))
        if back:
            marks.append((BACK, (0.08, 0.12, 0.92, 0.86), GLASS, None))
        return marks

    def _doors(self, seams):
        marks = []
        for u in seams:
            line = tint(self.paint, 0.6)
            marks.append((RIGHT, (u, 0.08, u + 0.006, 0.98), line, None))
            marks.append((LEFT, (1 - u - 0.006, 0.08, 1 - u, 0.98), line, None))
        return marks

    def _car(self, length, width, belt, roof, cabin, top, sides, wheel, axles, seams):
        h = length / 2
        self._add(block(-h, h, 0.20, 0.48, width, (-h, h, width)), tint(self.paint, 0.82), [(FRONT, (0.15, 0.2, 0.85, 0.75), (35, 35, 36), None)])
        self._add(block(-h, h, 0.48, belt, width, (-h + 0.14, h - 0.22, width * 0.95)), self.paint, self._lights(0.30, 0.85) + self._doors(seams))
        self._add(block(cabin[0], cabin[1], belt, roof, width * 0.93, (top[0], top[1], width * 0.74)), self.paint, self._windows(sides))
        self._axles(axles, wheel, width)
        self.length, self.width = length, width

    def _axles(self, xs, radius, width):
        for x in xs:
            for side in (-1, 1):
                self.wheels.append((x, side * (width / 2 - 0.02), radius))

    def _hatch(self, rng, k):
        self._car(3.9 * k, 1.75, 0.88, 1.48 * k, (-1.9 * k, 1.05), (-1.45 * k, 0.25), ((0.12, 0.46), (0.50, 0.82)), 0.31, (-1.2 * k, 1.22 * k), (0.36, 0.66))

    def _sedan(self, rng, k):
        self._car(4.6 * k, 1.82, 0.90, 1.44 * k, (-1.75 * k, 1.15), (-1.0 * k, 0.3), ((0.16, 0.48), (0.52, 0.80)), 0.33, (-1.4 * k, 1.42 * k), (0.42, 0.64))

    def _estate(self, rng, k):
        self._car(4.6 * k, 1.82, 0.92, 1.50 * k, (-2.2 * k, 1.15), (-1.95 * k, 0.3), ((0.06, 0.27), (0.30, 0.55), (0.58, 0.84)), 0.33, (-1.4 * k, 1.42 * k), (0.42, 0.64))

    def _suv(self, rng, k):
        self._car(4.5 * k, 1.92, 1.05, 1.75 * k, (-2.15 * k, 1.0), (-1.9 * k, 0.35), ((0.06, 0.26), (0.30, 0.56), (0.60, 0.86)), 0.38, (-1.35 * k, 1.4 * k), (0.40, 0.63))

    def _pickup(self, rng, k):
        self._car(5.2 * k, 1.92, 1.02, 1.76 * k, (-0.55, 1.25), (-0.4, 0.55), ((0.08, 0.46), (0.50, 0.84)), 0.39, (-1.65 * k, 1.65 * k), (0.43, 0.62))
        self._add(block(-2.5 * k, -0.65, 1.0, 1.04, 1.6), (50, 50, 52))

    def _van(self, rng, k):
        length, width, high = 5.4 * k, 2.0, float(rng.uniform(2.1, 2.6))
        h = length / 2
        self._add(block(-h, h, 0.25, 0.55, width), tint(self.paint, 0.7), [(FRONT, (0.1, 0.2, 0.9, 0.8), (35, 35, 36), None)])
        stripe = [] if rng.random() < 0.5 else [(f, (0.06, 0.35, 0.66, 0.75) if f == RIGHT else (0.34, 0.35, 0.94, 0.75), tint(PAINT[rng.integers(len(PAINT))], 0.95), None) for f in (RIGHT, LEFT)]
        self._add(block(-h, h, 0.55, 1.15, width, (-h, h - 0.4, width * 0.97)), self.paint, self._lights(0.25, 0.75) + self._doors((0.40, 0.66)) + stripe)
        rear = rng.random() < 0.5
        self._add(block(-h, h - 0.4, 1.15, high, width * 0.97, (-h + 0.1, h - 1.15, width * 0.86)), self.paint,
                  self._windows(((0.72, 0.90),), front=True, back=bool(rear)) + ([] if rear else self._doors((0.35,))))
        self._axles((-1.6 * k, 1.75 * k), 0.36, width)
        self.length, self.width = length, width

    def _lorry(self, rng, k):
        cargo, width = float(rng.uniform(4.2, 6.4)), 2.3
        high = float(rng.uniform(2.8, 3.3))
        cab = 1.9
        h = (cargo + cab + 0.15) / 2
        body = PAINT[rng.integers(6)] if rng.random() < 0.6 else PAINT[rng.integers(len(PAINT))]
        self._add(block(-h, h, 0.45, 0.85, width * 0.9), (50, 50, 52), [(BACK, (u, 0.3, u + 0.12, 0.8), (40, 35, 190), "tail") for u in (0.04, 0.84)])
        band = tint(PAINT[rng.integers(len(PAINT))], 0.95)
        marks = [(f, (0.12, 0.40, 0.88, 0.66), band, None) for f in (RIGHT, LEFT)] if rng.random() < 0.6 else []
        marks += [(BACK, (0.495, 0.02, 0.505, 0.98), tint(body, 0.6), None)]
        self._add(block(-h, -h + cargo, 0.85, high, width), body, marks)
        self._add(block(h - cab, h, 0.45, 1.35, width * 0.95), self.paint, [(FRONT, (u, 0.25, u + 0.16, 0.5), (235, 240, 245), "head") for u in (0.04, 0.80)]
                  + [(FRONT, (0.25, 0.2, 0.75, 0.7), (40, 40, 42), None)] + self._doors((0.2, 0.85)))
        self._add(block(h - cab, h, 1.35, 2.35, width * 0.95, (h - cab, h - 0.35, width * 0.86)), self.paint, self._windows(((0.30, 0.85),), back=False))
        self._axles((-h + 1.1, h - 1.0) if cargo < 5.2 else (-h + 1.0, -h + 2.0, h - 1.0), 0.46, width)
        self.length, self.width = 2 * h, width


class Vehicle:
    """One vehicle at a place, ready to be drawn."""

    kind = 1

    def __init__(self, model, x, y, yaw, rolled=0.0):
        self.model, self.x, self.y, self.yaw, self.rolled = model, x, y, yaw, rolled
        c, s = math.cos(yaw), math.sin(yaw)
        self.turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])

    def world(self, points):
        return np.asarray(points, float) @ self.turn.T + np.array([self.x, self.y, 0.0])

    def foot(self):
        return (self.x, self.y, 0.0)

    def draw(self, canvas, camera, light, owner):
        blocks = [(self.world(b[0]), b[1], b[2]) for b in self.model.blocks]
        everything = np.concatenate([b[0] for b in blocks])
        if camera.project(everything)[1].min() < 0.8:
            return
        # Far blocks first; one that stands higher comes after what carries it.
        blocks.sort(key=lambda b: (round(b[0][:4, 2].mean(), 1) > 0.6, -camera.depth(b[0].mean(axis=0)) + 3.0 * b[0][0, 2]))
        low = [b for b in blocks if b[0][0, 2] < 0.6]
        high = [b for b in blocks if b[0][0, 2] >= 0.6]
        for b in low:
            self._block(canvas, camera, light, owner, b)
        self._wheels(canvas, camera, light, owner)
        for b in high:
            self._block(canvas, camera, light, owner, b)

    def _block(self, canvas, camera, light, owner, item):
        corners, colour, marks = item
        for index, face in enumerate(FACES):
            normal = facing(corners, face, camera)
            if normal is None:
                continue
            quad = corners[list(face)]
            shade = light.shade(normal)
            canvas.polygon(camera.project(quad)[0], tint(colour, shade), owner)
            if index == TOP:  # the sky in the paint
                inner = np.array([on_quad(quad, u, v) for u, v in ((0.1, 0.15), (0.9, 0.15), (0.9, 0.85), (0.1, 0.85))])
                canvas.polygon(camera.project(inner)[0], tint(mix(colour, light.sky, 0.16), shade), owner)
            for mark, (u0, v0, u1, v1), paint, glow in marks:
                if mark != index:
                    continue
                pts = camera.project(np.array([on_quad(quad, u, v) for u, v in ((u0, v0), (u1, v0), (u1, v1), (u0, v1))]))[0]
                canvas.polygon(pts, tint(paint, 0.55 + 0.45 * shade), owner)
                if paint == GLASS or (index == FRONT and glow is None and v0 < 0.1):  # a reflection
                    pts = camera.project(np.array([on_quad(quad, u, v) for u, v in ((u0, (v0 + v1) / 2), (u1, (v0 * 0.7 + v1 * 1.3) / 2), (u1, v1), (u0, v1))]))[0]
                    canvas.polygon(pts, mix(paint, light.sky, 0.22), owner)
                if glow:
                    centre, size = pts.mean(axis=0), np.ptp(pts, axis=0).max()
                    canvas.shine(centre, size * (0.9 if glow == "head" else 0.6), (190, 225, 255) if glow == "head" else (20, 20, 210))

    def _wheels(self, canvas, camera, light, owner):
        angles = np.linspace(0, 2 * np.pi, 18, endpoint=False)
        for x, y, r in self.model.wheels:
            outward = self.turn @ np.array([0, math.copysign(1, y), 0])
            centre = self.world([[x, y, r]])[0]
            if outward @ (camera.position - centre) <= 0:
                continue
            ring = lambda k: camera.project(self.world(np.stack([x + k * r * np.cos(angles), np.full(18, y), r + k * r * np.sin(angles)], axis=1)))[0]
            arch = ring(1.18)
            canvas.polygon(arch, (28, 28, 30), owner)
            canvas.polygon(ring(1.0), tint((45, 45, 47), light.dark), owner)
            canvas.polygon(ring(0.62), tint((175, 175, 178), light.shade(outward)), owner)
            spokes = self.world([[x + 0.6 * r * math.cos(self.rolled / r + a), y, r + 0.6 * r * math.sin(self.rolled / r + a)] for a in (0, 2.094, 4.189)])
            hub = camera.project(centre[None])[0][0]
            for spoke in camera.project(spokes)[0]:
                canvas.line(hub, spoke, (90, 90, 94), 0.08 * r * camera.f / camera.depth(centre))
            canvas.polygon(ring(0.16), (60, 60, 62), owner)

    def shadow(self, light):
        out = []
        for corners, _, _ in self.model.blocks:
            world = self.world(corners)
            flat = world[:, :2] - light.sun[:2] / light.sun[2] * world[:, 2:3]
            pts = cv2.convexHull(flat.astype(np.float32))[:, 0, :]
            out.append(np.concatenate([pts, np.zeros((len(pts), 1))], axis=1))
        base = self.world([(sx * self.model.length / 2, sy * self.model.width / 2, 0) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
        out.append(base)
        return out
