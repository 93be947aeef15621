"""The loop that one writes by hand: OpenCV reads, ONNX Runtime looks at some frames a second of each video.

`--tuned` does what a careful person does: one process a core, one thread each, no spinning, and frames that are not wanted are only grabbed. Prints one
line of JSON: frames looked at, seconds of processor time of everything, seconds by the clock, and objects found.
"""

import argparse
import json
import multiprocessing
import os
import resource
import threading
import time

import cv2
import onnxruntime

import yolox


def look_at(path, session, arguments, tuned, totals, lock):
    until = time.monotonic() + arguments.seconds
    name = session.get_inputs()[0].name
    parameters = [cv2.CAP_PROP_N_THREADS, 1] if tuned else []
    looked = found = 0
    while time.monotonic() < until:
        capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, parameters)
        nth, index = yolox.every(capture, arguments.fps), 0
        while time.monotonic() < until:
            wanted = index % nth == 0
            index += 1
            if tuned:
                if not capture.grab():
                    break
                if not wanted:
                    continue
                ok, frame = capture.retrieve()
            else:
                ok, frame = capture.read()
            if not ok:
                break
            if wanted:
                tensor, ratio = yolox.prepare(frame)
                found += len(yolox.objects(session.run(None, {name: tensor})[0][0], ratio))
                looked += 1
        capture.release()
    with lock:
        totals[0] += looked
        totals[1] += found


def default(arguments):
    totals, lock = [0, 0], threading.Lock()
    session = onnxruntime.InferenceSession(arguments.model, providers=["CPUExecutionProvider"])
    threads = [
        threading.Thread(target=look_at, args=(path, session, arguments, False, totals, lock))
        for path in arguments.videos
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return totals


def tuned_share(arguments, paths, results):
    cv2.setNumThreads(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(arguments.model, options, providers=["CPUExecutionProvider"])
    totals, lock = [0, 0], threading.Lock()
    # The videos of a core take turns: a thread more gains nothing.
    share = argparse.Namespace(**{**vars(arguments), "seconds": arguments.seconds / len(paths)})
    for path in paths:
        look_at(path, session, share, True, totals, lock)
    results.put(totals)


def tuned(arguments):
    cores = min(len(os.sched_getaffinity(0)), len(arguments.videos))
    results = multiprocessing.Queue()
    shares = [
        multiprocessing.Process(target=tuned_share, args=(arguments, arguments.videos[core::cores], results))
        for core in range(cores)
    ]
    for share in shares:
        share.start()
    totals = [results.get() for _ in shares]
    for share in shares:
        share.join()
    return [sum(column) for column in zip(*totals)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--fps", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--tuned", action="store_true")
    parser.add_argument("videos", nargs="+")
    arguments = parser.parse_args()
    began = time.monotonic()
    looked, found = (tuned if arguments.tuned else default)(arguments)
    wall = time.monotonic() - began
    use = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(u.ru_utime + u.ru_stime for u in use)
    print(json.dumps({"looked": looked, "cpu": cpu, "wall": wall, "objects": found}))


if __name__ == "__main__":
    main()
