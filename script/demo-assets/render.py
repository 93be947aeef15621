"""Renders what the demo's detector learns from and is measured on, and the demo's clip.

    render.py set train    OUT.npz     pictures of 384x216 with boxes, for training
    render.py set busy     OUT.npz     more of them, full of things that are neither person nor vehicle
    render.py set heldback OUT.npz     pictures of 640x360 of other places, people and vehicles
    render.py clip         OUT.mp4     the clip, with its truth in OUT.truth.json
"""

import argparse
import sys
import time

import cv2
import numpy as np

import clip
import places

# The seeds are apart, so nothing that is trained on is measured on; the clip has a place and people of its own.
SETS = {"train": dict(seed=1, scenes=800, each=8, size=(384, 216)),
        "busy": dict(seed=400_001, scenes=450, each=8, size=(384, 216), busy=True),
        "heldback": dict(seed=900_001, scenes=100, each=5, size=(640, 360))}
MOST_BOXES = 16


def write_set(name, out, scenes):
    spec = dict(SETS[name])
    if scenes:
        spec["scenes"] = scenes
    count = spec["scenes"] * spec["each"]
    images = np.zeros((count, spec["size"][1], spec["size"][0], 3), np.uint8)
    boxes = np.full((count, MOST_BOXES, 5), -1, np.float32)
    start = time.time()
    for i, (image, found) in enumerate(places.examples(**spec)):
        images[i] = image
        for j, box in enumerate(found[:MOST_BOXES]):
            boxes[i, j] = box
        if (i + 1) % 500 == 0:
            print(f"{name}: {i + 1} of {count} pictures, {time.time() - start:.0f} s", file=sys.stderr, flush=True)
    np.savez(out, images=images, boxes=boxes)
    kinds = boxes[..., 0]
    print(f"{name}: {count} pictures, {(kinds == 0).sum()} people, {(kinds == 1).sum()} vehicles, {time.time() - start:.0f} s", file=sys.stderr)


def main():
    cv2.setNumThreads(1)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    a = commands.add_parser("set")
    a.add_argument("name", choices=SETS)
    a.add_argument("out")
    a.add_argument("--scenes", type=int, default=0, help="fewer places, to try something")
    a = commands.add_parser("clip")
    a.add_argument("out")
    a.add_argument("--stills", help="write a PNG each two seconds into this folder")
    args = parser.parse_args()
    if args.command == "set":
        write_set(args.name, args.out, args.scenes)
    else:
        clip.write(args.out, args.stills)


if __name__ == "__main__":
    main()
