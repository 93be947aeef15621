"""The demo's clip: one yard with a loading dock, and what happens in it in forty seconds.

It begins and ends with nobody there, so that it loops. Nothing of it is in the training set.
"""

import json
import math
import subprocess
from pathlib import Path

import cv2
import numpy as np

from ground import Ground, facade
from people import Look, Person
from props import Boxes, make
from vehicles import Model, Vehicle
from world import Layout, Light, Scene, fence

SIZE, FPS, SECONDS, SEED = (640, 360), 15, 40, 77_777
ROAD = (18.5, 25.5)
DOCK = (0.6, 8.8, 5.4, 12.6)  # metres: x0, y0, x1, y1
MARGIN = 0.15                 # of the zone around the painted border


def scene(rng):
    g = Ground(rng, "concrete", 22.0, -30.0, 1.0, 60.0, 56.0)
    g.patch(-99, 15.6, 99, ROAD[0], "pavers")
    g.road(*ROAD)
    g.patch(-99, ROAD[1], 99, ROAD[1] + 2.2, "pavers")
    g.patch(-99, ROAD[1] + 2.2, 99, 70, "grass")
    g.hatched(DOCK, (60, 200, 235), 0.95, 0.2)
    for x in np.arange(-12.5, -4, 2.7):
        g.stripe((x, 10.5), (x, 15.2), 0.12, (222, 224, 226), 0.4)
    g.dirt(16)
    walls, x = [], -34.0
    for width, h, style in ((13, 6.5, "brick"), (9, 4.2, "plaster"), (16, 7.5, "metal"), (11, 5.4, "brick"), (14, 8.5, "plaster"), (14, 6, "metal")):
        walls.append(((x, 31), (x + width, 31), h, facade(rng, width, h, 22, style)))
        walls.append(((x + width, 31), (x + width, 40), h, facade(rng, 9, h, 12, style)))
        x += width + (0.05, 2.5, 0.05, 4.0, 0.05, 0.0)[len(walls) // 2 - 1]
    # The hall on the right, with the gate that the dock belongs to.
    hall = Boxes(11.2, 11.5, 0.0, [(0, 0, 0, 8.0, 7.0, 3.3, (165, 158, 146), 9), (-4.03, 0.9, 0.35, 0.06, 2.8, 2.4, (110, 90, 60), 8), (0, 0, 3.3, 8.3, 7.3, 0.22, (120, 112, 104), 0)])
    props = [hall] + fence((-22, 15.5), (-4.2, 15.5), 1.3, False, (150, 152, 154))
    for kind, x, y in (("crates", 6.4, 13.9), ("pallets", 6.4, 12.2), ("bollard", 0.2, 13.1), ("bollard", 5.9, 13.1), ("barrel", 6.7, 15.0),
                       ("skip", -6.6, 13.2), ("bin", -4.6, 14.6), ("cone", -2.6, 13.6), ("cone", -0.9, 8.6), ("tree", -13.5, 29), ("tree", -5.5, 29.5), ("tree", 9, 29.2),
                       ("tree", 17, 29), ("bush", -9.5, 28.8), ("bush", 4.5, 28.9), ("post", -4.0, 15.9), ("bench", -8.6, 16.2), ("cabinet", 3.4, 16.1)):
        props.append(make(rng, kind, x, y))
    light = Light(-2.35, 0.72, 0.6, 0.46, 0.9, (0.97, 1.0, 1.03), (232, 204, 166))
    camera = dict(height=5.2, pitch=0.30, yaw=0.03, hfov=1.06)
    return Scene(rng, Layout(camera, light, g, walls, props, [], 1.3, "WALKWAY - CAM 3"), SIZE)


class Walk:
    """A person's way: points with the times of arrival; between two equal points they stand."""

    def __init__(self, look, *points, face=None):
        self.look, self.points, self.face = look, points, face
        self.step = 0.78 * look.height / 1.75  # metres a step

    def at(self, t):
        times = [p[0] for p in self.points]
        if not times[0] <= t < times[-1]:
            return None
        travelled, yaw, previous = 0.0, 0.0, None
        for (t0, x0, y0), (t1, x1, y1) in zip(self.points, self.points[1:]):
            length = math.hypot(x1 - x0, y1 - y0)
            if length > 0.01:
                yaw = math.atan2(y1 - y0, x1 - x0)
            if t < t1:
                k = (t - t0) / (t1 - t0)
                if length <= 0.01:  # turns to what it waits for, and breathes
                    goal = self.face if self.face is not None else yaw
                    turn = min(1.0, (t - t0) / 0.7)
                    return Person(self.look, x0, y0, yaw + (goal - yaw) * turn, 0.4 * math.sin(t * 1.7), 0.10)
                if previous is not None and self.face is not None and previous <= 0.01:
                    turn = min(1.0, (t - t0) / 0.5)
                    yaw = self.face + (yaw - self.face) * turn
                phase = math.pi * (travelled + length * k) / self.step
                return Person(self.look, x0 + (x1 - x0) * k, y0 + (y1 - y0) * k, yaw, phase, 1.0)
            travelled += length
            previous = length
        return None


class Drive:
    """A vehicle's way along the road at a constant speed (metres a second, signed), at x at time t0."""

    def __init__(self, model, t0, speed):
        self.model, self.t0, self.speed = model, t0, speed
        self.lane = ROAD[0] + (ROAD[1] - ROAD[0]) * (0.27 if speed > 0 else 0.73)

    def at(self, t):
        x = -26 * math.copysign(1, self.speed) + self.speed * (t - self.t0)
        if abs(x) > 26.5:
            return None
        return Vehicle(self.model, x, self.lane, 0.0 if self.speed > 0 else math.pi, abs(x))


def story(rng):
    """Who comes when. Empty until 5 s and from 38.5 s on."""
    plain = dict(vest=None, helmet=None, carries=None, pack=None, bag=None, hood=False, coat=False, skirt=False, shorts=False)
    ann = Look(rng, **{**plain, "height": 1.74, "top": (150, 75, 45), "legs": (60, 55, 52), "sleeves": True, "bag": (40, 60, 110)})
    ben = Look(rng, **{**plain, "height": 1.83, "vest": (40, 235, 225), "helmet": (235, 235, 238), "legs": (95, 65, 45), "carries": (95, 140, 180)})
    cleo = Look(rng, **{**plain, "height": 1.68, "top": (60, 60, 195), "legs": (45, 45, 48), "long_hair": True})
    dan = Look(rng, **{**plain, "height": 1.80, "top": (190, 195, 200), "legs": (110, 80, 55), "pack": (50, 90, 60)})
    return [
        Drive(Model(rng, "sedan", (150, 70, 35)), 6.2, 9.0),
        # Ann crosses the yard from the left, waits in the dock, and goes out by the gap in the fence.
        Walk(ann, (5.3, -9.0, 10.2), (13.0, 2.0, 10.4), (18.6, 2.0, 10.4), (22.0, 1.2, 15.0), (25.3, 5.2, 16.9), (30.5, 12.5, 17.1), face=0.9),
        Drive(Model(rng, "van", (235, 235, 238)), 13.5, -8.0),
        # Cleo and Dan walk along the pavement, one behind the other: near, but never in the dock.
        Walk(cleo, (15.6, 14.5, 16.7), (34.3, -12.5, 16.6)),
        Walk(dan, (17.2, 14.5, 17.3), (35.9, -12.5, 17.2)),
        Drive(Model(rng, "hatch", (40, 40, 175)), 21.5, 10.0),
        # Ben brings a box from behind the hall to the dock, and goes away to the front.
        Walk(ben, (19.6, 9.6, 16.4), (22.0, 6.5, 15.8), (26.2, 3.8, 11.0), (30.2, 3.8, 11.0), (38.2, -4.5, 4.2), face=-2.2),
        Drive(Model(rng, "lorry", (60, 170, 215)), 25.6, 7.5),
        Drive(Model(rng, "suv", (120, 122, 125)), 31.8, -11.0),
    ]


def zone(camera):
    """The dock as fractions of the picture: the painted rectangle and a little around it."""
    x0, y0, x1, y1 = DOCK[0] - MARGIN, DOCK[1] - MARGIN, DOCK[2] + MARGIN, DOCK[3] + MARGIN
    uv, _ = camera.project([(x0, y0, 0), (x1, y0, 0), (x1, y1, 0), (x0, y1, 0)])
    return [[round(float(u) / camera.size[0], 3), round(float(v) / camera.size[1], 3)] for u, v in uv]


def inside(polygon, x, y):
    """Whether a point lies in a polygon (even-odd)."""
    result = False
    for (ax, ay), (bx, by) in zip(polygon, polygon[1:] + polygon[:1]):
        if (ay > y) != (by > y) and x < ax + (y - ay) * (bx - ax) / (by - ay):
            result = not result
    return result


def spans(flags):
    """[[first, last], …] of the runs of true values, in seconds."""
    out, start = [], None
    for i, flag in enumerate(list(flags) + [False]):
        if flag and start is None:
            start = i
        if not flag and start is not None:
            out.append([round(start / FPS, 2), round((i - 1) / FPS, 2)])
            start = None
    return out


def undated(path):
    """Takes the time of making out of an MP4 (version 0 of the headers that hold it), so that the same clip is the same file."""
    data = bytearray(Path(path).read_bytes())
    head = data.find(b"moov")
    end = head - 4 + int.from_bytes(data[head - 4:head], "big")
    for kind in (b"mvhd", b"tkhd", b"mdhd"):
        at = data.find(kind, head, end)
        while at != -1:
            if data[at + 4] == 0:
                data[at + 8:at + 16] = bytes(8)
            at = data.find(kind, at + 4, end)
    Path(path).write_bytes(data)


def write(out, stills=None):
    rng = np.random.default_rng(SEED)
    place = scene(rng)
    actors = story(rng)
    polygon = zone(place.camera)
    # A keyframe each second lets a reader start anywhere; one thread keeps the bytes the same each time.
    encoder = subprocess.Popen(
        ["gst-launch-1.0", "-q", "fdsrc", "fd=0", "!", "rawvideoparse", f"width={SIZE[0]}", f"height={SIZE[1]}", "format=bgr", f"framerate={FPS}/1", "!",
         "videoconvert", "!", "video/x-raw,format=I420,colorimetry=bt709", "!", "x264enc", "pass=quant", "quantizer=26", f"key-int-max={FPS}", "bframes=2",
         "speed-preset=veryslow", "threads=1", "option-string=scenecut=0", "!", "video/x-h264,profile=high", "!", "h264parse", "!", "mp4mux", "faststart=true", "!",
         "filesink", f"location={out}"], stdin=subprocess.PIPE)
    frames, occupied = [], []
    for index in range(FPS * SECONDS):
        t = index / FPS
        here = [(i + 1, a.at(t)) for i, a in enumerate(actors)]
        here = [(i, a) for i, a in here if a is not None]
        image, boxes = place.frame(rng, [a for _, a in here])
        frames.append([[here[i][0], kind, *(round(v, 1) for v in box)] for i, kind, *box in boxes])
        occupied.append(any(kind == 0 and inside(polygon, (x1 + x2) / 2 / SIZE[0], y2 / SIZE[1]) for _, kind, x1, _, x2, y2 in frames[-1]))
        encoder.stdin.write(image.tobytes())
        if stills and index % (2 * FPS) == 0:
            Path(stills).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(f"{stills}/{index:04d}.png", image)
    encoder.stdin.close()
    if encoder.wait() != 0:
        raise SystemExit("gst-launch-1.0 could not encode the clip; it needs gstreamer1.0-tools and -plugins-{base,good,bad,ugly}")
    undated(out)
    truth = {"about": "frames[i] lists what is seen in frame i: [id, class, x1, y1, x2, y2], in pixels; an id is one person or vehicle",
             "names": ["person", "vehicle"], "size": SIZE, "fps": FPS, "zone": polygon, "person_in_zone_s": spans(occupied),
             "empty_s": spans(not f for f in frames), "frames": frames}
    path = Path(out).with_suffix(".truth.json")
    path.write_text(json.dumps(truth, separators=(",", ":")).replace('"frames":', '\n"frames":').replace("]],[[", "]],\n[[") + "\n")
    print(f"{out}: {Path(out).stat().st_size} bytes; person in the zone {truth['person_in_zone_s']} s, zone {polygon}")
