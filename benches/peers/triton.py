"""nvidia-pytriton: a model behind Triton on this machine, asked by clients that read the same videos as the other peers do.

Triton's server runs the model in Python (one ONNX Runtime session, one thread, no spinning) and batches dynamically; one client a video prepares and reads.
Prints the same line as loop.py. Processor time is that of this process and of everything that it started.
"""

import argparse
import json
import os
import resource
import threading
import time

import cv2
import numpy as np
from pytriton.client import ModelClient
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig

import yolox

PORTS = (18700, 18701, 18702)


def cpu_of_others():
    """Seconds of processor time of all processes below this one that still run."""
    parents, times, ticks = {}, {}, os.sysconf("SC_CLK_TCK")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
                fields = stat.read().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(pid)], times[int(pid)] = int(fields[1]), sum(map(int, fields[11:15])) / ticks
    total, below = 0.0, {os.getpid()}
    while below:
        below = {pid for pid, parent in parents.items() if parent in below}
        total += sum(times[pid] for pid in below)
    return total


def cpu():
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime + cpu_of_others()


def server(model):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    @batch
    def look(image):
        # The model takes one picture at a time.
        return {"output": np.concatenate([session.run(None, {name: one[None]})[0] for one in image])}

    return look


def ask(path, arguments, totals, lock):
    looked = found = 0
    with ModelClient(f"grpc://127.0.0.1:{PORTS[1]}", "yolox") as client:
        until = time.monotonic() + arguments.seconds
        while time.monotonic() < until:
            capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
            nth, index = yolox.every(capture, arguments.fps), 0
            while time.monotonic() < until and capture.grab():
                index += 1
                if (index - 1) % nth:
                    continue
                tensor, ratio = yolox.prepare(capture.retrieve()[1])
                answer = client.infer_sample(tensor[0])["output"]
                found += len(yolox.objects(answer, ratio))
                looked += 1
            capture.release()
    with lock:
        totals[0] += looked
        totals[1] += found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--fps", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("videos", nargs="+")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    here = {f"{kind}_address": "127.0.0.1" for kind in ("http", "grpc", "metrics")}
    ports = dict(zip(("http_port", "grpc_port", "metrics_port"), PORTS))
    with Triton(config=TritonConfig(**here, **ports)) as triton:
        triton.bind(
            "yolox",
            server(arguments.model),
            inputs=[Tensor(name="image", dtype=np.float32, shape=(3, yolox.SIDE, yolox.SIDE))],
            outputs=[Tensor(name="output", dtype=np.float32, shape=(3549, 85))],
            config=ModelConfig(max_batch_size=8, batcher=DynamicBatcher(max_queue_delay_microseconds=1000)),
        )
        triton.run()
        totals, lock = [0, 0], threading.Lock()
        began, before = time.monotonic(), cpu()
        threads = [threading.Thread(target=ask, args=(path, arguments, totals, lock)) for path in arguments.videos]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        used, wall = cpu() - before, time.monotonic() - began
    print(json.dumps({"looked": totals[0], "cpu": used, "wall": wall, "objects": totals[1]}), flush=True)


if __name__ == "__main__":
    main()
