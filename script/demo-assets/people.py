"""People: jointed bodies of rounded parts, with varied clothes, that walk or stand."""

import math

import numpy as np

from geometry import hull, tint

SKIN = [(150, 185, 225), (120, 160, 205), (85, 120, 170), (60, 85, 125), (45, 60, 90), (165, 195, 235)]
HAIR = [(25, 25, 30), (35, 50, 75), (55, 90, 130), (110, 160, 200), (130, 130, 135), (30, 40, 90)]
CLOTH = [(40, 40, 45), (70, 60, 55), (120, 80, 50), (150, 90, 40), (40, 45, 150), (60, 60, 200), (60, 120, 70),
         (200, 200, 205), (225, 225, 225), (60, 150, 190), (130, 100, 140), (90, 130, 160), (170, 150, 120), (35, 80, 60),
         (180, 110, 170), (30, 120, 220), (150, 170, 60)]
TROUSERS = [(40, 38, 36), (95, 65, 45), (120, 85, 60), (60, 70, 85), (75, 100, 120), (45, 50, 50), (140, 140, 145), (60, 90, 70)]
VIVID = [(40, 240, 230), (30, 130, 250), (60, 250, 190)]


class Look:
    """What one person looks like."""

    def __init__(self, rng, **fixed):
        pick = lambda items: items[rng.integers(len(items))]
        jitter = lambda c: tuple(np.clip(np.array(c) + rng.normal(0, 10, 3), 8, 250))
        self.height = float(rng.uniform(1.55, 1.92))
        self.build = float(rng.uniform(0.9, 1.22))
        self.skin = jitter(pick(SKIN))
        self.hair = jitter(pick(HAIR))
        self.top = jitter(pick(CLOTH))
        self.legs = jitter(pick(TROUSERS))
        self.shoes = jitter(pick([(25, 25, 28), (200, 200, 205), (50, 70, 100), (35, 35, 60)]))
        self.sleeves = bool(rng.random() < 0.7)
        self.shorts = bool(rng.random() < 0.15)
        self.coat = bool(rng.random() < 0.15)
        self.skirt = bool(rng.random() < 0.1)
        self.vest = jitter(pick(VIVID)) if rng.random() < 0.22 else None
        self.helmet = jitter(pick([(40, 210, 240), (235, 235, 235), (200, 110, 40)])) if rng.random() < (0.6 if self.vest else 0.05) else None
        self.hood = bool(self.helmet is None and rng.random() < 0.15)
        self.pack = jitter(pick(CLOTH)) if rng.random() < 0.2 else None
        self.bag = jitter(pick(CLOTH)) if rng.random() < 0.15 else None
        self.carries = jitter((95, 140, 180)) if rng.random() < 0.1 else None
        self.long_hair = bool(not self.hood and rng.random() < 0.35)
        self.cadence = float(rng.uniform(0.92, 1.1))
        for key, value in fixed.items():
            if not hasattr(self, key):
                raise AttributeError(key)
            setattr(self, key, value)


def parts(look, phase, stride):
    """Body parts as (spheres (n, 4): forward, left, up, radius; colour), in metres in the body's own frame.

    `phase` (radians) is the place in the step, `stride` 0 (stands) to 1 (walks).
    """
    H, B = look.height, look.build
    out = []
    add = lambda spheres, colour: out.append((np.array(spheres, float), colour))
    bob = 0.015 * H * math.cos(2 * phase) * stride
    lean = 0.03 * H * stride
    hip_z, shoulder_z = 0.50 * H + bob, 0.815 * H + bob
    legs = look.skin if look.shorts or look.skirt else look.legs

    for side in (-1, 1):
        swing = 0.50 * math.sin(phase + (math.pi if side > 0 else 0)) * stride
        lift = max(0.0, math.cos(phase + (math.pi if side > 0 else 0))) * stride
        hip = np.array([0.0, side * 0.052 * H * B, hip_z])
        knee = hip + 0.245 * H * np.array([math.sin(swing), 0, -math.cos(swing)])
        bend = swing - 0.10 * stride - 0.75 * lift
        ankle = knee + 0.225 * H * np.array([math.sin(bend), 0, -math.cos(bend)])
        ankle[2] = max(ankle[2], 0.035 * H)
        toe = ankle + np.array([0.10 * H, side * 0.01, -0.012 * H + 0.05 * H * min(0.0, swing)])
        toe[2] = max(toe[2], 0.018 * H)
        add([[*ankle, 0.028 * H * B], [*knee, 0.036 * H * B]], legs)
        add([[*knee, 0.039 * H * B], [*hip, 0.056 * H * B]], look.legs)
        add([[*(ankle - [0.015 * H, 0, 0.012 * H]), 0.024 * H], [*toe, 0.018 * H]], look.shoes)

        arm = -0.42 * math.sin(phase + (math.pi if side > 0 else 0)) * stride
        shoulder = np.array([lean, side * 0.108 * H * B, shoulder_z - 0.015 * H])
        if look.carries:
            elbow = shoulder + np.array([0.04 * H, side * 0.02 * H, -0.17 * H])
            hand = elbow + np.array([0.15 * H, -side * 0.02 * H, 0.0])
        else:
            elbow = shoulder + 0.17 * H * np.array([math.sin(arm), side * 0.14, -math.cos(arm)])
            hand = elbow + 0.15 * H * np.array([math.sin(arm + 0.35), 0, -math.cos(arm + 0.35)])
        sleeve = look.top if look.sleeves or look.coat else look.skin
        add([[*elbow, 0.026 * H * B], [*hand, 0.021 * H * B]], sleeve)
        add([[*shoulder, 0.034 * H * B], [*elbow, 0.029 * H * B]], look.top)
        add([[*hand, 0.022 * H]], look.skin)
        if look.bag and side > 0:
            add([[*(hand - [0.05 * H, 0, 0.05 * H]), 0.02 * H], [*(hand - [-0.05 * H, 0, 0.05 * H]), 0.02 * H],
                 [*(hand - [0.06 * H, 0, 0.16 * H]), 0.03 * H], [*(hand - [-0.06 * H, 0, 0.16 * H]), 0.03 * H]], look.bag)

    w, t = 0.088 * H * B, 0.056 * H * B
    torso = [[lean, w, shoulder_z - 0.02 * H, t * 0.8], [lean, -w, shoulder_z - 0.02 * H, t * 0.8],
             [0, 0.05 * H * B, hip_z + 0.02 * H, t * 1.05], [0, -0.05 * H * B, hip_z + 0.02 * H, t * 1.05]]
    add(torso, look.vest or look.top)
    if look.vest:  # reflecting bands
        for z in (0.12, 0.22):
            add([[lean * 0.5, 0.068 * H * B, hip_z + z * H, 0.018 * H + t * 0.55], [lean * 0.5, -0.068 * H * B, hip_z + z * H, 0.018 * H + t * 0.55]], None)
    if look.coat or look.skirt:
        low = hip_z - (0.2 if look.coat else 0.17) * H
        reach = 0.05 * H * stride * math.sin(phase)
        add([[0, 0.05 * H * B, hip_z, t], [0, -0.05 * H * B, hip_z, t], [reach, 0.06 * H * B, low, t], [-reach, -0.06 * H * B, low, t]],
            look.top if look.coat else look.legs)
    if look.pack:
        add([[lean - 0.10 * H, 0.05 * H, shoulder_z - 0.04 * H, 0.05 * H], [lean - 0.10 * H, -0.05 * H, shoulder_z - 0.04 * H, 0.05 * H],
             [-0.10 * H, 0, hip_z + 0.1 * H, 0.06 * H]], look.pack)
    if look.carries:
        for z in (0.05, 0.19):
            add([[0.17 * H + dx, s * 0.085 * H, hip_z + z * H, 0.012 * H] for s in (-1, 1) for dx in (0, 0.15 * H)], tint(look.carries, 0.9 + z))
        add([[0.17 * H + dx, s * 0.085 * H, hip_z + z * H, 0.012 * H] for s in (-1, 1) for dx in (0, 0.15 * H) for z in (0.05, 0.19)], look.carries)

    head = np.array([lean + 0.012 * H, 0, 0.915 * H + bob])
    add([[lean, 0, shoulder_z + 0.01 * H, 0.03 * H], [*(head - [0, 0, 0.03 * H]), 0.028 * H]], look.skin)
    add([[*head, 0.050 * H], [*(head + [0.012 * H, 0, -0.025 * H]), 0.038 * H]], look.skin)
    if look.helmet:
        add([[*(head + [-0.002, 0, 0.022 * H]), 0.052 * H], [*(head + [0.05 * H, 0, 0.012 * H]), 0.012 * H]], look.helmet)
    elif look.hood:
        add([[*(head + [-0.014 * H, 0, 0.006 * H]), 0.056 * H]], look.top)
    else:
        add([[*(head + [-0.014 * H, 0, 0.014 * H]), 0.050 * H]], look.hair)
        if look.long_hair:
            add([[*(head + [-0.03 * H, 0, 0.0]), 0.042 * H], [*(head + [-0.04 * H, 0, -0.06 * H]), 0.03 * H]], look.hair)
    return out


class Person:
    """One person at a place, ready to be drawn."""

    kind = 0

    def __init__(self, look, x, y, yaw, phase=0.0, stride=1.0):
        self.look, self.x, self.y = look, x, y
        c, s = math.cos(yaw), math.sin(yaw)
        turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])
        self.parts = []
        for spheres, colour in parts(look, phase, stride):
            world = spheres.copy()
            world[:, :3] = spheres[:, :3] @ turn.T + np.array([x, y, 0.0])
            self.parts.append((world, colour))

    def foot(self):
        return (self.x, self.y, 0.0)

    def draw(self, canvas, camera, light, owner):
        ordered = sorted(self.parts, key=lambda p: -camera.depth(p[0][:, :3].mean(axis=0)) + p[0][:, 2].mean() * 0.02)
        side = np.array([light.sun @ camera.right, -(light.sun @ camera.up)])
        for spheres, colour in ordered:
            uv, depth = camera.project(spheres[:, :3])
            if depth.min() < 0.5:
                return
            r = np.maximum(spheres[:, 3] * camera.f / depth, 0.6)
            if colour is None:
                canvas.polygon(hull(uv, r), (225, 228, 228), owner)
                continue
            canvas.polygon(hull(uv, r), tint(colour, light.dark), owner)
            canvas.polygon(hull(uv + side * r[:, None] * 0.3, r * 0.68), tint(colour, light.bright), owner)

    def shadow(self, light):
        """Outlines on the ground, as lists of circles (x, y, radius)."""
        out = []
        for spheres, _ in self.parts:
            flat = spheres[:, :2] - light.sun[:2] / light.sun[2] * spheres[:, 2:3]
            pts = hull(flat, spheres[:, 3])
            out.append(np.concatenate([pts, np.zeros((len(pts), 1))], axis=1))
        return out
