"""Places at random: the training and held-back renderings. The clip's place is in `clip.py`."""

import math

import numpy as np

from geometry import tint
from ground import Ground, facade
from people import Look, Person
from props import KINDS, make
from vehicles import Model, Vehicle
from world import Layout, Light, Scene, fence

LABELS = ("", "", "CAM 1", "YARD EAST", "GATE 2  2031-04-11", "LOT B", "REAR ENTRANCE", "CH07 14:22:08", "NORTH")


def light(rng):
    """Sun, overcast, or dusk."""
    sky = [(235, 205, 165), (225, 215, 205), (230, 190, 140), (215, 210, 205)][rng.integers(4)]
    kind = rng.choice(3, p=[0.5, 0.25, 0.25])
    azimuth, elevation = float(rng.uniform(-math.pi, math.pi)), float(rng.uniform(0.35, 1.15))
    warm = rng.uniform(-0.05, 0.05)
    level = rng.uniform(0.8, 1.15)
    gain = (level * (1 - warm), level, level * (1 + warm))
    if kind == 0:
        return Light(azimuth, elevation, rng.uniform(0.5, 0.65), rng.uniform(0.35, 0.6), 0.8, gain, sky)
    if kind == 1:
        return Light(azimuth, 1.25, rng.uniform(0.75, 0.85), rng.uniform(0.15, 0.3), 2.5, gain, (215, 212, 210))
    level = rng.uniform(0.36, 0.65)
    return Light(azimuth, 1.2, 0.8, rng.uniform(0.1, 0.25), 2.5, (level * 1.15, level, level * rng.uniform(0.85, 1.1)), (190, 150, 140), True)


def place(rng, size, busy=False):
    """A random layout with its road: (scene, (y0, y1) of the road or None). A busy place is full of things to be left alone."""
    kinds = ("asphalt", "concrete", "pavers", "gravel", "grass")
    g = Ground(rng, kinds[rng.choice(5, p=[0.28, 0.28, 0.18, 0.14, 0.12])], 9.0)
    height = float(rng.uniform(3.0, 7.5))
    camera = dict(height=height, pitch=float(rng.uniform(0.16, 0.5)), yaw=float(rng.uniform(-0.5, 0.5)), hfov=float(rng.uniform(0.85, 1.45)))
    road = None
    if rng.random() < 0.85:
        y0 = float(rng.uniform(8, 24))
        road = (y0, y0 + float(rng.uniform(6, 8.5)))
        for a, b in ((road[0] - rng.uniform(1.5, 3), road[0]), (road[1], road[1] + 2)):
            if rng.random() < 0.7:
                g.patch(-99, a, 99, b, ("concrete", "pavers")[rng.integers(2)])
        g.road(*road, dashes=rng.random() < 0.8)
    else:
        g.patch(-99, rng.uniform(10, 25), 99, 70, kinds[rng.integers(5)])
    back = (road[1] if road else 22) + float(rng.uniform(3, 14))
    g.patch(-99, back - rng.uniform(0.5, 3), 99, 70, ("grass", "concrete", "gravel")[rng.integers(3)])
    colours = [(60, 200, 235), (225, 225, 228), (60, 60, 200)]
    for _ in range(rng.integers(0, 3)):
        x, y = rng.uniform(-9, 6), rng.uniform(5, max(6, (road[0] if road else 18) - 4))
        box = (x, y, x + rng.uniform(2.5, 6), y + rng.uniform(2, 4))
        if rng.random() < 0.5:
            g.hatched(box, colours[rng.integers(3)])
        else:
            for i in range(rng.integers(2, 6)):
                g.stripe((x + 2.6 * i, y), (x + 2.6 * i, y + 5), 0.12, (220, 222, 225), 0.4)
    g.dirt(int(rng.integers(0, 14)))

    walls, props = [], []
    x = -40.0
    while x < 40 and rng.random() < 0.93:
        width, h = float(rng.uniform(7, 20)), float(rng.uniform(3.2, 10))
        y = back + float(rng.uniform(0, 3))
        walls.append(((x, y), (x + width, y), h, facade(rng, width, h, 12)))
        walls.append(((x + width, y), (x + width, y + 8), h, facade(rng, 8, h, 8)))
        walls.append(((x, y), (x, y + 8), h, facade(rng, 8, h, 8)))
        x += width + float(rng.choice([0.05, rng.uniform(1, 9)]))
    if rng.random() < 0.4:  # a wall that runs away from the camera
        side = rng.choice([-1, 1])
        xw, ya = side * rng.uniform(6, 12), rng.uniform(8, 12)
        h, length = float(rng.uniform(3, 7)), float(rng.uniform(5, 14))
        walls.append(((xw, ya), (xw, ya + length), h, facade(rng, length, h, 16)))
        walls.append(((xw, ya), (xw + side * 8, ya), h, facade(rng, 8, h, 16)))
    if rng.random() < 0.55:
        y = (road[0] - 0.6 if road and rng.random() < 0.5 else back - 1)
        wires = rng.random() < 0.7
        props += fence((-24, y), (rng.uniform(-4, 24), y), float(rng.uniform(1.0, 2.2)), not wires, tint((130, 132, 134) if wires else (95, 130, 160), rng.uniform(0.7, 1.2)))
    clear = lambda y, m: not road or y < road[0] - m or y > road[1] + m
    for _ in range(int(rng.integers(10, 28) if busy else rng.integers(3, 15))):
        kind = KINDS[rng.integers(len(KINDS))]
        margin = {"container": 3.6, "tree": 1.0}.get(kind, 0.8)
        px, py = float(rng.uniform(-16, 16)), float(rng.uniform(6, back - 0.5))
        if clear(py, margin) and not (kind in ("container", "tree") and py < 11):
            props.append(make(rng, kind, px, py))
    lamps = [(float(rng.uniform(-14, 14)), float(rng.uniform(6, 28)), float(rng.uniform(0.2, 0.7))) for _ in range(rng.integers(1, 6))]
    layout = Layout(camera, light(rng), g, walls, props, lamps, float(rng.uniform(0.5, 4.5)), LABELS[rng.integers(len(LABELS))])
    return Scene(rng, layout, size), road


def crowd(rng, scene, road, busy=False):
    """Random people and vehicles where the camera can see them; none at all in one picture of twelve, of a busy place one of five."""
    if rng.random() < (0.2 if busy else 0.08):
        return []
    cam = scene.camera
    actors, taken = [], []
    solid = [(p.x, p.y, 0.8) for p in scene.layout.props if hasattr(p, "x")]

    def spot(near, far):
        for _ in range(12):
            depth = math.exp(rng.uniform(math.log(near), math.log(far)))
            bearing = cam_yaw + rng.uniform(-0.48, 0.48) * hfov
            x, y = depth * math.sin(bearing), depth * math.cos(bearing)
            if y > 3:
                return x, y
        return 0.0, 12.0

    hfov, cam_yaw = scene.layout.camera["hfov"], scene.layout.camera["yaw"]
    free = lambda x, y, r: not scene.behind_wall(x, y + r) and all((x - a) ** 2 + (y - b) ** 2 > (r + c) ** 2 for a, b, c in taken + solid)
    for _ in range(rng.choice(4, p=[0.3, 0.37, 0.22, 0.11])):
        model = Model(rng)
        if road and rng.random() < 0.72:
            lane = rng.random() < 0.5
            y = road[0] + (road[1] - road[0]) * (0.27 if lane else 0.73) + rng.normal(0, 0.2)
            x, _ = spot(y, y + 1)
            x = y * math.tan(np.clip(cam_yaw + rng.uniform(-0.52, 0.52) * hfov, -1.3, 1.3))
            yaw = (0.0 if lane else math.pi) + rng.normal(0, 0.04)
        else:
            x, y = spot(7.5, 32)
            yaw = rng.uniform(-math.pi, math.pi)
        if free(x, y, 2.4):
            vehicle = Vehicle(model, x, y, yaw, float(rng.uniform(0, 2)))
            vehicle.lit = rng.random() < 0.8
            actors.append(vehicle)
            taken.append((x, y, 2.3))
            if model.length > 5.6:
                taken.append((x + 2 * math.cos(yaw), y + 2 * math.sin(yaw), 2.0))
                taken.append((x - 2 * math.cos(yaw), y - 2 * math.sin(yaw), 2.0))
    for _ in range(rng.choice(6, p=[0.14, 0.24, 0.25, 0.18, 0.12, 0.07])):
        x, y = spot(8, 30) if busy else spot(4.5, 34)
        if taken and rng.random() < 0.15:  # someone close to another
            a, b, _ = taken[rng.integers(len(taken))]
            x, y = a + rng.normal(0, 1.2), b + rng.normal(0, 1.2)
        if y > 3 and free(x, y, 0.3):
            walks = rng.random() < 0.72
            actors.append(Person(Look(rng), x, y, float(rng.uniform(-math.pi, math.pi)), float(rng.uniform(0, 6.3)), float(rng.uniform(0.6, 1.1)) if walks else 0.05))
            taken.append((x, y, 0.2))
    return actors


def examples(seed, scenes, each, size, busy=False):
    """Pictures with their boxes [(kind, x1, y1, x2, y2), …]: `each` pictures of each of `scenes` places."""
    for index in range(scenes):
        rng = np.random.default_rng((seed, index))
        scene, road = place(rng, size, busy)
        for _ in range(each):
            image, boxes = scene.frame(rng, crowd(rng, scene, road, busy))
            yield image, [b[1:] for b in boxes]
