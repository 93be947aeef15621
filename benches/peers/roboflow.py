"""roboflow's `inference`: its InferencePipeline reads the same videos, drops and pairs frames as it does, and hands them to the same model.

Its own models come from a server that asks for a key, so the model is given as custom logic: what is compared is the pipeline around it. Prints the same line
as loop.py.
"""

import argparse
import json
import os
import resource
import threading
import time

os.environ.setdefault("ENABLE_FRAME_DROP_ON_VIDEO_FILE_RATE_LIMITING", "True")
os.environ.setdefault("METRICS_ENABLED", "False")
os.environ.setdefault("TELEMETRY_OPT_OUT", "True")

import onnxruntime  # noqa: E402
from inference import InferencePipeline  # noqa: E402

import yolox  # noqa: E402


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--fps", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("videos", nargs="+")
    arguments = parser.parse_args()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(arguments.model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    totals = [0, 0]

    def look(frames):
        answers = []
        for frame in frames:
            tensor, ratio = yolox.prepare(frame.image)
            answers.append(yolox.objects(session.run(None, {name: tensor})[0][0], ratio))
            totals[0] += 1
            totals[1] += len(answers[-1])
        return answers

    pipeline = InferencePipeline.init_with_custom_logic(
        video_reference=list(arguments.videos),
        on_video_frame=look,
        on_prediction=lambda predictions, frames: None,
        max_fps=arguments.fps,
    )
    use = resource.getrusage(resource.RUSAGE_SELF)
    began, before = time.monotonic(), use.ru_utime + use.ru_stime
    threading.Timer(arguments.seconds, pipeline.terminate).start()
    pipeline.start(use_main_thread=False)
    pipeline.join()
    use = resource.getrusage(resource.RUSAGE_SELF)
    used, wall = use.ru_utime + use.ru_stime - before, time.monotonic() - began
    print(json.dumps({"looked": totals[0], "cpu": used, "wall": wall, "objects": totals[1]}), flush=True)


if __name__ == "__main__":
    main()
