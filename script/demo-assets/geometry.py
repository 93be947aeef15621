"""The camera, and the few drawing primitives that everything else is made of.

World: metres, x to the right, y away from the camera, z up; the camera stands at (0, 0, height).
Pixels: x to the right, y down, at the supersampled size. Colours: BGR, 0-255.
"""

import math

import cv2
import numpy as np

SHIFT = 4  # OpenCV draws at a sixteenth of a pixel
CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 14, endpoint=False)),
                   np.sin(np.linspace(0, 2 * np.pi, 14, endpoint=False))], axis=1)


class Camera:
    """A pinhole at a fixed place: `pitch` looks down, `yaw` to the right (radians)."""

    def __init__(self, size, height, pitch, yaw, hfov):
        self.size = size
        w, h = size
        self.f = w / 2 / math.tan(hfov / 2)
        self.position = np.array([0.0, 0.0, height])
        cp, sp, cy, sy = math.cos(pitch), math.sin(pitch), math.cos(yaw), math.sin(yaw)
        self.right = np.array([cy, -sy, 0.0])
        self.forward = np.array([sy * cp, cy * cp, -sp])
        self.up = np.cross(self.right, self.forward)
        self.rotation = np.stack([self.right, -self.up, self.forward])
        self.k = np.array([[self.f, 0, w / 2], [0, self.f, h / 2], [0, 0, 1.0]])

    def project(self, points):
        """Pixels (n, 2) and depths (n,) of world points (n, 3)."""
        p = (np.asarray(points, float) - self.position) @ self.rotation.T
        depth = np.maximum(p[:, 2], 1e-3)
        uv = p[:, :2] / depth[:, None] * self.f + np.array([self.size[0] / 2, self.size[1] / 2])
        return uv, p[:, 2]

    def depth(self, point):
        return float((np.asarray(point, float) - self.position) @ self.forward)

    def ground_homography(self):
        """World (x, y, 1) on the ground to homogeneous pixels."""
        t = -self.rotation @ self.position
        return self.k @ np.stack([self.rotation[:, 0], self.rotation[:, 1], t], axis=1)

    def unproject(self, u, v):
        """The ground point that the pixel (u, v) shows; None above the horizon."""
        x, y, w = np.linalg.solve(self.ground_homography(), np.array([u, v, 1.0]))
        ray = self.rotation.T @ np.linalg.solve(self.k, np.array([u, v, 1.0]))
        return None if ray[2] >= -1e-6 else (x / w, y / w)

    def horizon(self):
        """The horizon's pixel row (there is no roll)."""
        return self.size[1] / 2 + self.f * self.forward[2] / math.hypot(self.forward[0], self.forward[1])


class Canvas:
    """The picture being drawn, and which actor each pixel belongs to (0: none)."""

    def __init__(self, size):
        w, h = size
        self.image = np.zeros((h, w, 3), np.uint8)
        self.owner = np.zeros((h, w), np.uint8)
        self.glow = None  # what shines by itself, at dusk

    def polygon(self, points, colour, owner=None):
        """Fills a convex polygon; `owner` None leaves the ownership alone."""
        pts = np.clip(np.round(np.asarray(points) * (1 << SHIFT)), -60000 * 4, 60000 * 4).astype(np.int32)
        cv2.fillConvexPoly(self.image, pts, tuple(float(c) for c in colour), cv2.LINE_AA, SHIFT)
        if owner is not None:
            cv2.fillConvexPoly(self.owner, pts, int(owner), cv2.LINE_8, SHIFT)

    def shape(self, points, colour, owner=None):
        """Fills any simple polygon."""
        pts = [np.round(np.asarray(points) * (1 << SHIFT)).astype(np.int32)]
        cv2.fillPoly(self.image, pts, tuple(float(c) for c in colour), cv2.LINE_AA, SHIFT)
        if owner is not None:
            cv2.fillPoly(self.owner, pts, int(owner), cv2.LINE_8, SHIFT)

    def line(self, a, b, colour, width):
        scale = 1 << SHIFT
        pa, pb = (tuple(int(round(float(v) * scale)) for v in p) for p in (a, b))
        cv2.line(self.image, pa, pb, tuple(float(c) for c in colour), max(1, int(round(width))), cv2.LINE_AA, SHIFT)

    def shine(self, centre, radius, colour):
        """A light source, when the scene collects them."""
        if self.glow is not None:
            c = tuple(int(round(float(v) * 16)) for v in centre)
            cv2.circle(self.glow, c, max(8, int(radius * 16)), tuple(float(v) for v in colour), -1, cv2.LINE_AA, SHIFT)


def hull(uv, radii):
    """The outline around circles: centres (n, 2), radii (n,) in pixels."""
    pts = (uv[:, None, :] + CIRCLE[None] * radii[:, None, None]).reshape(-1, 2)
    return cv2.convexHull(pts.astype(np.float32))[:, 0, :]


def tint(colour, k):
    """A colour made darker (k < 1) or lighter."""
    return tuple(min(255.0, max(0.0, c * k)) for c in colour)


def mix(a, b, t):
    return tuple(x * (1 - t) + y * t for x, y in zip(a, b))


def noise(rng, shape, cells, octaves=3):
    """Smooth noise, about -1 to 1: `cells` is the number of cells of the coarsest octave over the longer side."""
    h, w = shape
    out = np.zeros(shape, np.float32)
    amplitude, total = 1.0, 0.0
    for _ in range(octaves):
        n = min(cells, max(h, w))
        small = rng.standard_normal((max(2, int(n * h / max(h, w)) + 2), max(2, int(n * w / max(h, w)) + 2)))
        out += amplitude * cv2.resize(small.astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC)
        total += amplitude
        amplitude *= 0.55
        cells *= 3
    return np.clip(out / total * 0.8, -1, 1)


def box_corners(centre, size, yaw):
    """The 8 corners of a box that stands on the ground at `centre` (x, y, z of its bottom): bottom 4, then top 4."""
    l, w, h = size
    c, s = math.cos(yaw), math.sin(yaw)
    out = []
    for z in (0.0, h):
        for dx, dy in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
            px, py = dx * l / 2, dy * w / 2
            out.append((centre[0] + px * c - py * s, centre[1] + px * s + py * c, centre[2] + z))
    return np.array(out)


FACES = ((0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7), (4, 5, 6, 7))


def facing(corners, face, camera):
    """The outward normal of a face of a hexahedron, or None if it looks away from the camera."""
    quad = corners[list(face)]
    normal = np.cross(quad[2] - quad[0], quad[3] - quad[1])
    length = np.linalg.norm(normal)
    if length < 1e-9:
        return None
    normal = normal / length
    centre = quad.mean(axis=0)
    if normal @ (centre - corners.mean(axis=0)) < 0:
        normal = -normal
    return normal if normal @ (camera.position - centre) > 0 else None


def on_quad(quad, u, v):
    """The point at (u, v) of a quad's four corners: u along its first edge, v along its last."""
    a, b, c, d = quad
    return a * (1 - u) * (1 - v) + b * u * (1 - v) + c * u * v + d * (1 - u) * v
