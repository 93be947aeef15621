"""Things that stand about and are neither person nor vehicle: the detector must learn to leave them alone."""

import math

import cv2
import numpy as np

from geometry import FACES, box_corners, facing, hull, on_quad, tint


class Boxes:
    """One or more boxes that make one thing: a skip, crates, a pallet, a bench, a cabinet."""

    def __init__(self, x, y, yaw, pieces):
        # pieces: (dx, dy, z, length, width, height, colour, slats)
        self.x, self.y, self.yaw = x, y, yaw
        c, s = math.cos(yaw), math.sin(yaw)
        self.pieces = [(box_corners((x + dx * c - dy * s, y + dx * s + dy * c, z), (l, w, h), yaw), colour, slats)
                       for dx, dy, z, l, w, h, colour, slats in pieces]

    def foot(self):
        return (self.x, self.y, 0.0)

    def points(self):
        return np.concatenate([p[0] for p in self.pieces])

    def draw(self, canvas, camera, light, owner=0):
        for corners, colour, slats in sorted(self.pieces, key=lambda p: (p[0][0, 2] > 0.3, -camera.depth(p[0].mean(axis=0)))):
            for face in FACES:
                normal = facing(corners, face, camera)
                if normal is None:
                    continue
                quad, shade = corners[list(face)], light.shade(normal)
                canvas.polygon(camera.project(quad)[0], tint(colour, shade), owner)
                for i in range(slats):
                    v = (i + 0.5) / slats
                    a, b = camera.project(np.array([on_quad(quad, 0.02, v), on_quad(quad, 0.98, v)]))[0]
                    canvas.line(a, b, tint(colour, shade * 0.72), 0.05 * camera.f / camera.depth(quad.mean(axis=0)))

    def shadow(self, light):
        out = []
        for corners, _, _ in self.pieces:
            flat = corners[:, :2] - light.sun[:2] / light.sun[2] * corners[:, 2:3]
            pts = cv2.convexHull(flat.astype(np.float32))[:, 0, :]
            out.append(np.concatenate([pts, np.zeros((len(pts), 1))], axis=1))
        return out


class Rounds:
    """Rounded parts: spheres' hulls, as people are made of, but for barrels, bollards, cones, posts, trees."""

    def __init__(self, x, y, parts, base=None):
        # parts: (spheres (n, 4) relative to the foot, colour)
        self.x, self.y = x, y
        self.parts = [(np.array(s, float) + np.array([x, y, 0, 0]), c) for s, c in parts]

    def foot(self):
        return (self.x, self.y, 0.0)

    def points(self):
        return np.concatenate([s[:, :3] for s, _ in self.parts])

    def draw(self, canvas, camera, light, owner=0):
        side = np.array([light.sun @ camera.right, -(light.sun @ camera.up)])
        for spheres, colour in self.parts:
            uv, depth = camera.project(spheres[:, :3])
            if depth.min() < 0.5:
                return
            r = np.maximum(spheres[:, 3] * camera.f / depth, 0.5)
            canvas.polygon(hull(uv, r), tint(colour, light.dark), owner)
            canvas.polygon(hull(uv + side * r[:, None] * 0.3, r * 0.66), tint(colour, light.bright), owner)

    def shadow(self, light):
        out = []
        for spheres, _ in self.parts:
            flat = spheres[:, :2] - light.sun[:2] / light.sun[2] * spheres[:, 2:3]
            pts = hull(flat, spheres[:, 3])
            out.append(np.concatenate([pts, np.zeros((len(pts), 1))], axis=1))
        return out


class Panel:
    """A panel of fence: posts and wires, or boards."""

    def __init__(self, a, b, height, boards, colour):
        self.a, self.b, self.height, self.boards, self.colour = np.array(a, float), np.array(b, float), height, boards, colour

    def foot(self):
        m = (self.a + self.b) / 2
        return (m[0], m[1], 0.0)

    def points(self):
        return np.array([[*p, z] for p in (self.a, self.b) for z in (0, self.height)])

    def draw(self, canvas, camera, light, owner=0):
        quad = np.array([[*self.a, 0], [*self.b, 0], [*self.b, self.height], [*self.a, self.height]])
        depth = camera.project(quad)[1]
        if depth.min() < 0.8:
            return
        scale = camera.f / depth.mean()
        if self.boards:
            canvas.polygon(camera.project(quad)[0], tint(self.colour, 0.9), owner)
            for u in np.linspace(0, 1, 9):
                a, b = camera.project(np.array([on_quad(quad, u, 0), on_quad(quad, u, 1)]))[0]
                canvas.line(a, b, tint(self.colour, 0.68), 0.03 * scale)
            return
        for u in np.linspace(0, 1, 13):  # ownership stays: one sees through wires
            a, b = camera.project(np.array([on_quad(quad, u, 0), on_quad(quad, u, 1)]))[0]
            canvas.line(a, b, self.colour, 0.02 * scale if 0 < u < 1 else 0.09 * scale)
        for v in (0.05, 0.5, 0.97):
            a, b = camera.project(np.array([on_quad(quad, 0, v), on_quad(quad, 1, v)]))[0]
            canvas.line(a, b, self.colour, 0.035 * scale)

    def shadow(self, light):
        out = []
        for u0 in np.linspace(0, 1, 13) if not self.boards else ():
            p = self.a + (self.b - self.a) * u0
            q = p - light.sun[:2] / light.sun[2] * self.height
            n = np.array([0.02, 0.0])
            out.append(np.array([[*(p - n), 0], [*(p + n), 0], [*(q + n), 0], [*(q - n), 0]]))
        if self.boards:
            d = -light.sun[:2] / light.sun[2] * self.height
            out.append(np.array([[*self.a, 0], [*self.b, 0], [*(self.b + d), 0], [*(self.a + d), 0]]))
        return out


WOOD = (95, 135, 170)


def make(rng, kind, x, y):
    """A prop of a kind at a place."""
    pick = lambda items: items[rng.integers(len(items))]
    yaw = float(rng.uniform(0, math.pi))
    if kind == "skip":
        c = pick([(60, 110, 50), (150, 90, 40), (50, 70, 170), (60, 150, 190)])
        return Boxes(x, y, yaw, [(0, 0, 0.1, 1.9, 1.1, 1.15, c, 3), (0, 0, 1.25, 1.95, 1.15, 0.08, tint(c, 0.6), 0)])
    if kind == "crates":
        out, s = [], rng.uniform(0.6, 1.0)
        for i in range(rng.integers(1, 4)):
            out.append((i * s * 1.05, 0, 0, s, s, s, tint(WOOD, rng.uniform(0.75, 1.15)), 4))
        if rng.random() < 0.6:
            out.append((0.1, 0, s, s * 0.9, s * 0.9, s * 0.9, tint(WOOD, rng.uniform(0.75, 1.15)), 4))
        return Boxes(x, y, yaw, out)
    if kind == "pallets":
        return Boxes(x, y, yaw, [(0, 0, i * 0.15, 1.2, 0.8, 0.12, tint(WOOD, rng.uniform(0.7, 1.0)), 1) for i in range(rng.integers(1, 9))])
    if kind == "cabinet":
        c = pick([(150, 155, 155), (110, 130, 110), (185, 188, 190)])
        return Boxes(x, y, 0.0, [(0, 0, 0, 0.9, 0.45, rng.uniform(1.1, 1.7), c, 0)])
    if kind == "bin":
        c = pick([(60, 90, 50), (60, 60, 62), (150, 100, 50), (50, 140, 190)])
        return Boxes(x, y, yaw, [(0, 0, 0.05, 0.6, 0.65, 0.95, c, 0), (0, 0, 1.0, 0.66, 0.7, 0.07, tint(c, 0.7), 0)])
    if kind == "bench":
        return Boxes(x, y, yaw, [(-0.7, 0, 0, 0.08, 0.45, 0.42, (70, 70, 72), 0), (0.7, 0, 0, 0.08, 0.45, 0.42, (70, 70, 72), 0),
                                 (0, 0, 0.42, 1.7, 0.5, 0.06, tint(WOOD, 0.8), 2), (0, 0.24, 0.5, 1.7, 0.05, 0.42, tint(WOOD, 0.8), 2)])
    if kind == "container":
        c = pick([(60, 70, 160), (150, 95, 50), (70, 120, 60), (60, 130, 190), (170, 172, 172)])
        return Boxes(x, y, pick([0.0, math.pi / 2, 0.2]), [(0, 0, 0, 6.0, 2.4, 2.5, c, 8)])
    if kind == "cone":
        c = (40, 95, 235)
        return Rounds(x, y, [([[0, 0, 0.03, 0.2], [0, 0, 0.03, 0.2]], tint(c, 0.7)), ([[0, 0, 0.05, 0.14], [0, 0, 0.7, 0.03]], c), ([[0, 0, 0.35, 0.10], [0, 0, 0.42, 0.09]], (225, 225, 228))])
    if kind == "barrel":
        c = pick([(150, 90, 40), (50, 60, 160), (70, 130, 60), (90, 95, 100)])
        return Rounds(x, y, [([[0, 0, 0.12, 0.3], [0, 0, 0.8, 0.3]], c), ([[0, 0, 0.9, 0.27]], tint(c, 0.8))])
    if kind == "bollard":
        c = pick([(50, 200, 235), (120, 122, 124), (60, 60, 190)])
        return Rounds(x, y, [([[0, 0, 0.05, 0.09], [0, 0, 0.95, 0.09]], c), ([[0, 0, 0.7, 0.095], [0, 0, 0.8, 0.095]], (230, 230, 230))])
    if kind == "post":  # a lamp or a sign on a post
        h = rng.uniform(2.2, 5.5)
        parts = [([[0, 0, 0, 0.06], [0, 0, h, 0.045]], (110, 112, 114))]
        if h < 3.2:
            parts.append(([[-0.2, 0, h, 0.12], [0.2, 0, h, 0.12], [-0.2, 0, h - 0.4, 0.12], [0.2, 0, h - 0.4, 0.12]], pick([(60, 60, 200), (190, 110, 40), (230, 230, 232)])))
        else:
            parts.append(([[0, 0, h, 0.05], [0.7, 0, h + 0.15, 0.07]], (120, 122, 124)))
        return Rounds(x, y, parts)
    if kind in ("tree", "bush"):
        green = np.array(pick([(50, 95, 70), (45, 115, 90), (60, 100, 95), (40, 80, 60)])) * rng.uniform(0.85, 1.15)
        tall = kind == "tree"
        h, r = (rng.uniform(2.2, 3.6), rng.uniform(1.1, 1.9)) if tall else (0.45, rng.uniform(0.4, 0.7))
        parts = [([[0, 0, 0, 0.16], [0, 0, h, 0.11]], (60, 80, 100))] if tall else []
        blobs = []
        for _ in range(34 if tall else 14):
            d = rng.normal(0, 0.5, 3) * r
            blobs.append((d, rng.uniform(0.25, 0.45) * r))
        blobs.sort(key=lambda b: b[0][2] - b[0][1])
        for d, rr in blobs:
            parts.append(([[d[0], d[1], max(0.2, h + r * 0.5 + d[2]), rr]], tuple(np.clip(green * rng.uniform(0.75, 1.2), 0, 255))))
        return Rounds(x, y, parts)
    raise ValueError(f"no prop is called {kind!r}")


KINDS = ("skip", "crates", "pallets", "cabinet", "bin", "bench", "cone", "barrel", "bollard", "post", "tree", "bush", "container")
