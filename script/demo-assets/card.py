"""Measures the finished detector with ONNX Runtime, on the held-back pictures and on the clip as it ships, and writes its card.

    card.py MODEL.onnx CLIP.mp4 HELDBACK.npz CARD.md [--stills DIR]
"""

import argparse
import json
import sys
import time
from pathlib import Path

import av
import cv2
import numpy as np
import onnx
import onnxruntime

from clip import FPS, inside, spans
from measure import NMS, SMALLEST, Tally, detections, letterbox
from network import HEIGHT, NAMES, WIDTH

SURE = 0.5
COLOURS = ((80, 220, 60), (60, 140, 255))


class Detector:
    """The model on one thread, as a slot runs it."""

    def __init__(self, path):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.times = []

    def __call__(self, image):
        """Detections in the network's pixels, and how to get back: scale, left, top."""
        view, *back = letterbox(image)
        tensor = np.ascontiguousarray(view.transpose(2, 0, 1)[None], np.float32) / 255
        start = time.perf_counter()
        output = self.session.run(None, {"images": tensor})[0][0]
        self.times.append(time.perf_counter() - start)
        return detections(output), back


def to_view(boxes, k, left, top):
    return [(int(kind), x1 * k + left, y1 * k + top, x2 * k + left, y2 * k + top) for kind, x1, y1, x2, y2 in boxes]


def on_clip(detector, path, stills):
    """What the detector sees in the clip, against the truth beside it."""
    truth = json.loads(Path(path).with_suffix(".truth.json").read_text())
    tally, zone, count = Tally(SURE), truth["zone"], 0
    seen = dict(occupied=[], empty_best=0.0, empty_frames=0, size=Path(path).stat().st_size)
    with av.open(path) as container:
        for index, frame in enumerate(container.decode(video=0)):
            image = frame.to_ndarray(format="bgr24")
            h, w = image.shape[:2]
            found, (k, left, top) = detector(image)
            expected = truth["frames"][index]
            tally.add(found, to_view([b[1:] for b in expected], k, left, top))
            if not expected:
                seen["empty_frames"] += 1
                seen["empty_best"] = max([seen["empty_best"]] + [d[1] for d in found])
            sure = [d for d in found if d[1] >= SURE]
            places = [(kind, score, *((v - o) / k for v, o in zip(box, (left, top, left, top)))) for kind, score, *box in sure]
            seen["occupied"].append(any(kind == 0 and inside(zone, (x1 + x2) / 2 / w, y2 / h) for kind, _, x1, _, x2, y2 in places))
            if stills and index % FPS == 0:
                draw(image, places, zone)
                Path(stills).mkdir(parents=True, exist_ok=True)
                cv2.imwrite(f"{stills}/{index:04d}.png", image)
            count += 1
    if count != len(truth["frames"]):
        raise SystemExit(f"{path} has {count} frames, its truth {len(truth['frames'])}: render both again")
    return tally.result(), seen, truth


def draw(image, places, zone):
    h, w = image.shape[:2]
    cv2.polylines(image, [np.array([[u * w, v * h] for u, v in zone], np.int32)], True, (255, 200, 0), 1, cv2.LINE_AA)
    for kind, score, x1, y1, x2, y2 in places:
        cv2.rectangle(image, (round(x1), round(y1)), (round(x2), round(y2)), COLOURS[kind], 1)
        cv2.putText(image, f"{NAMES[kind]} {score:.2f}", (round(x1), max(9, round(y1) - 3)), cv2.FONT_HERSHEY_SIMPLEX, 0.36, COLOURS[kind], 1, cv2.LINE_AA)


def row(where, result):
    cells = "".join(f" {result[n]['boxes']} | {result[n]['ap50']:.3f} | {result[n]['precision']:.3f} | {result[n]['recall']:.3f} |" for n in NAMES.values())
    return f"| {where} |{cells}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("clip")
    parser.add_argument("heldback")
    parser.add_argument("card")
    parser.add_argument("--stills", help="write a PNG of each second of the clip, boxes drawn, into this folder")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    detector = Detector(args.model)
    held = np.load(args.heldback)
    tally = Tally(SURE)
    for image, boxes in zip(held["images"], held["boxes"]):
        found, back = detector(image)
        tally.add(found, to_view([b for b in boxes if b[0] >= 0], *back))
    apart = tally.result()
    clip, seen, truth = on_clip(detector, args.clip, args.stills)
    weights = onnx.load(args.model).graph.initializer
    parameters = sum(int(np.prod(w.dims)) for w in weights if w.name.endswith((".w", ".b")))
    text = f"""# scout: the demo's detector

Finds people and vehicles in small pictures. The project made it itself, by training on pictures that the project rendered itself:
no photograph, no public data set, no weights of others went into it. It is meant for the demo's clip and for tests. **It is not meant
for real cameras**: it has never seen one.

| | |
|---|---|
| file | `scout.onnx`, {Path(args.model).stat().st_size:,} bytes, {parameters:,} parameters, opset 17 |
| input | `images` 1x3x{HEIGHT}x{WIDTH}, RGB, 0-1, letterbox (centred, padded with 114) |
| output | `output0` in YOLOv8's layout: 1x{4 + len(NAMES)}x1260, centre x, centre y, width, height in input pixels, then a score 0-1 for each class; NMS is the reader's (IoU {NMS}) |
| classes | {', '.join(f'{k} {v}' for k, v in NAMES.items())} |
| metadata | `names`, `stride`, `task`, `imgsz`, `batch`, as YOLOv8 exports have them |
| time | {1000 * float(np.median(detector.times)):.1f} ms a picture (median, ONNX Runtime {onnxruntime.__version__}, one thread of the machine that wrote this page) |
| made by | `script/demo-assets/build`; see `script/demo-assets/README.md` |

## Measured
AP at IoU 0.5; P precision and R recall at score {SURE}. Boxes under {SMALLEST} pixels of height (at the network's size) are neither asked for nor counted as
mistakes. The held-back pictures show other places, people and vehicles than the training pictures; the clip's place is in neither.

| | people | AP50 | P | R | vehicles | AP50 | P | R |
|---|---|---|---|---|---|---|---|---|
{row(f"{len(held['images'])} held-back pictures", apart)}
{row(f"the clip, all {len(truth['frames'])} frames", clip)}

In the {seen['empty_frames']} frames of the clip that show nobody, the best score is {seen['empty_best']:.2f}.

This page is written by `script/demo-assets/build --card`, which measures again.

## The clip
`walkway.mp4`: {truth['size'][0]}x{truth['size'][1]}, {truth['fps']} frames a second, {len(truth['frames']) // truth['fps']} s, H.264 High, a keyframe each second, {seen['size']:,} bytes.
A yard with a marked loading dock, a pavement, and a road behind. It begins and ends empty, so that it loops. `walkway.truth.json` has the boxes of each frame.

The dock as a zone (fractions of the picture): `{json.dumps(truth['zone'])}`

| | from - to, seconds |
|---|---|
| nobody and nothing in the picture | {told(truth['empty_s'])} |
| a person stands or walks in the dock (truth) | {told(truth['person_in_zone_s'])} |
| the same as the detector sees it, score >= {SURE} | {told(spans(seen['occupied']))} |

Two others pass close by on the pavement and never enter it; six vehicles pass on the road.
"""
    Path(args.card).write_text(text)
    print(f"{args.card}: {row('held back', apart)} {row('clip', clip)}", file=sys.stderr)


def told(pairs):
    return ", ".join(f"{a:.2f}-{b:.2f}" for a, b in pairs) or "never"


if __name__ == "__main__":
    main()
