"""Trains the demo's detector on rendered pictures and writes it as ONNX.

    train.py HELDBACK.npz OUT.onnx TRAIN.npz... [--steps N] [--stop N] [--from EARLIER.onnx]
"""

import argparse
import os
import queue
import sys
import threading
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import cv2
import numpy as np
import tensorflow as tf

from measure import Tally, detections, letterbox
from network import HEIGHT, NAMES, WIDTH, export
from trainer import IGNORE, Tensorflow, decode, loss

BATCH = 16


def augmented(rng, image, boxes):
    """A training example (RGB, boxes) in the network's size: moved, scaled, mirrored, recoloured, blurred, compressed."""
    h, w = image.shape[:2]
    k = WIDTH / w
    if rng.random() < 0.8:
        k *= rng.uniform(0.72, 1.5)
    kx, ky = k, k * (rng.uniform(0.93, 1.12) if rng.random() < 0.5 else 1.0)
    tx, ty = (WIDTH - w * kx) * rng.random(), (HEIGHT - h * ky) * rng.random()
    m = np.array([[kx, 0, tx], [0, ky, ty]])
    flip = rng.random() < 0.5
    if flip:
        m = np.array([[-kx, 0, WIDTH - tx], [0, ky, ty]])
    out = cv2.warpAffine(image, m, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(114, 114, 114))
    ramp = np.arange(256, dtype=np.float32) / 255
    curves = [np.clip(ramp ** g * c * 255, 0, 255) for g, c in zip(rng.uniform(0.75, 1.3) * rng.uniform(0.93, 1.07, 3), rng.uniform(0.75, 1.2) * rng.uniform(0.93, 1.07, 3))]
    out = cv2.LUT(out, np.stack(curves, axis=1).astype(np.uint8)[None])
    if rng.random() < 0.06:
        out = cv2.cvtColor(cv2.cvtColor(out, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    if rng.random() < 0.15:
        out = cv2.GaussianBlur(out, (0, 0), rng.uniform(0.4, 0.9))
    if rng.random() < 0.4:
        out = cv2.imdecode(cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(30, 85))])[1], cv2.IMREAD_COLOR)
    result = np.full_like(boxes, -1)
    for i, (kind, x1, y1, x2, y2) in enumerate(boxes):
        if kind < 0:
            continue
        xs = sorted((m[0, 0] * x1 + m[0, 2], m[0, 0] * x2 + m[0, 2]))
        ys = (ky * y1 + ty, ky * y2 + ty)
        c = [max(0, xs[0]), max(0, ys[0]), min(WIDTH, xs[1]), min(HEIGHT, ys[1])]
        if c[2] - c[0] < 1 or c[3] - c[1] < 1:
            continue
        kept = (c[2] - c[0]) * (c[3] - c[1]) / ((xs[1] - xs[0]) * (ys[1] - ys[0]))
        unclear = kept < 0.3 or c[3] - c[1] < 7 or c[2] - c[0] < 2.5
        result[i] = (IGNORE if unclear else kind, *c)
    return out[..., ::-1], result


def batches(images, boxes, seed, out, stop):
    """Fills a queue with batches, in an order that the seed fixes."""
    rng = np.random.default_rng(seed)
    order = []
    while not stop.is_set():
        picked = []
        for _ in range(BATCH):
            if not order:
                order = list(rng.permutation(len(images)))
            i = order.pop()
            picked.append(augmented(rng, images[i], boxes[i]))
        item = (np.stack([p[0] for p in picked]), np.stack([p[1] for p in picked]))
        while not stop.is_set():
            try:
                out.put(item, timeout=0.5)
                break
            except queue.Full:
                continue


def evaluate(predict, images, boxes):
    tally = Tally()
    for start in range(0, len(images), 20):
        views = [letterbox(im) for im in images[start:start + 20]]
        outputs = predict(np.stack([v[0] for v in views]))
        for j, (_, k, left, top) in enumerate(views):
            truth = [(int(b[0]), b[1] * k + left, b[2] * k + top, b[3] * k + left, b[4] * k + top) for b in boxes[start + j] if b[0] >= 0]
            tally.add(detections(outputs[j]), truth)
    return tally.result()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("heldback", help="measured on now and then; nothing is chosen by it")
    parser.add_argument("out")
    parser.add_argument("train", nargs="+")
    parser.add_argument("--from", dest="earlier", help="go on from the weights of this file")
    parser.add_argument("--steps", type=int, default=7000, help="of the schedule")
    parser.add_argument("--stop", type=int, default=0, help="end after so many steps of the schedule")
    parser.add_argument("--minutes", type=float, default=0, help="end the schedule by then, on a slow machine (then not repeatable)")
    parser.add_argument("--rate", type=float, default=2.5e-3)
    parser.add_argument("--focus", type=float, default=2, help="see trainer.loss")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    tf.config.threading.set_intra_op_parallelism_threads(2)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.random.set_seed(1)

    sets = [np.load(path) for path in args.train]
    images, boxes = (np.concatenate([s[part] for s in sets]) for part in ("images", "boxes"))
    held = np.load(args.heldback)
    net = Tensorflow(seed=1)
    net.raw(tf.zeros([1, HEIGHT, WIDTH, 3]), training=False)
    if args.earlier:
        sample = np.random.default_rng(2).permutation(len(images))[:64]
        rng = np.random.default_rng(3)
        net.restore(args.earlier, tf.constant(np.stack([augmented(rng, images[i], boxes[i])[0] for i in sample])))
    names = list(net.trainable)
    variables = [net.trainable[n] for n in names]
    print(f"{sum(v.shape.num_elements() for v in variables)} parameters, {len(images)} pictures", file=sys.stderr, flush=True)
    first = [tf.Variable(tf.zeros_like(v)) for v in variables]
    second = [tf.Variable(tf.zeros_like(v)) for v in variables]
    smooth = [tf.Variable(v) for v in variables]

    @tf.function(input_signature=[tf.TensorSpec([BATCH, HEIGHT, WIDTH, 3], tf.uint8), tf.TensorSpec([BATCH, None, 5], tf.float32), tf.TensorSpec([], tf.float32), tf.TensorSpec([], tf.float32)])
    def step(x, truth, rate, t):
        """One step of AdamW; `smooth` follows the weights and is what is exported."""
        with tf.GradientTape() as tape:
            value, box = loss(net.raw(x, training=True), truth, args.focus)
        gradients, _ = tf.clip_by_global_norm(tape.gradient(value, variables), 10.0)
        for moving, batch in net.updates:
            moving.assign(moving * 0.98 + batch * 0.02)
        keep = tf.minimum(0.998, (t + 1) / (t + 10))
        for v, g, m, s, e, n in zip(variables, gradients, first, second, smooth, names):
            m.assign(0.9 * m + 0.1 * g)
            s.assign(0.999 * s + 0.001 * g * g)
            update = (m / (1 - 0.9 ** (t + 1))) / (tf.sqrt(s / (1 - 0.999 ** (t + 1))) + 1e-8)
            v.assign_sub(rate * (update + (0.02 * v if n.endswith("/w") else 0.0)))
            e.assign(keep * e + (1 - keep) * v)
        return value, box

    @tf.function(input_signature=[tf.TensorSpec([None, HEIGHT, WIDTH, 3], tf.uint8)])
    def infer(x):
        raw = net.raw(x, training=False)
        b = decode(raw)
        whole = tf.concat([(b[..., :2] + b[..., 2:]) / 2, b[..., 2:] - b[..., :2], tf.sigmoid(raw[..., 4:])], axis=-1)
        return tf.transpose(whole, [0, 2, 1])

    def report(n):
        now = [v.numpy() for v in variables]
        for v, e in zip(variables, smooth):
            v.assign(e)
        result = evaluate(lambda x: infer(tf.constant(x)).numpy(), held["images"][:n], held["boxes"][:n])
        export(net.weights(), args.out)
        for v, w in zip(variables, now):
            v.assign(w)
        return ", ".join(f"{k}: AP50 {r['ap50']:.3f}, P {r['precision']:.3f}, R {r['recall']:.3f}" for k, r in result.items())

    ready, stop = queue.Queue(8), threading.Event()
    threading.Thread(target=batches, args=(images, boxes, 2 if args.earlier else 1, ready, stop), daemon=True).start()
    start, done, n = time.time(), 0.0, 0
    while done < 1.0 and n != (args.stop or None):
        x, truth = ready.get()
        rate = args.rate * min(1.0, (n + 1) / 150) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * done)))
        value, box = step(tf.constant(np.ascontiguousarray(x)), tf.constant(truth.astype(np.float32)), tf.constant(rate, tf.float32), tf.constant(n, tf.float32))
        n += 1
        spent = (time.time() - start) / 60
        done = max(n / args.steps, spent / args.minutes if args.minutes else 0.0)
        if n % 100 == 0:
            print(f"step {n}, {spent:.1f} min: loss {float(value):.3f} (boxes {float(box):.3f})", file=sys.stderr, flush=True)
        if n % 800 == 0:
            print("   " + report(100), file=sys.stderr, flush=True)
    stop.set()
    final = report(len(held["images"]))
    # The file must say what the network says.
    import onnxruntime
    session = onnxruntime.InferenceSession(args.out, providers=["CPUExecutionProvider"])
    for v, e in zip(variables, smooth):
        v.assign(e)
    view = letterbox(held["images"][0])[0]
    theirs = session.run(None, {"images": view.transpose(2, 0, 1)[None].astype(np.float32) / 255})[0]
    difference = float(np.abs(theirs - infer(tf.constant(view[None])).numpy()).max())
    print(f"{n} steps in {(time.time() - start) / 60:.1f} min; held back: {final}; ONNX Runtime differs by at most {difference:.1e} ({', '.join(NAMES.values())})", file=sys.stderr)
    if difference > 5e-3:
        raise SystemExit("the exported file and the network disagree")


if __name__ == "__main__":
    main()
