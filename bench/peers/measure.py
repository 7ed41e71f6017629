"""What the peers share: reading the case that the bench wrote, timing one step, printing the result as JSON.

The case is an .npz with `image`, `seed` [batch, z, y, x, 1] float32 and, per convolution k in order of use, `weights_k`
[z, y, x, in, out] and `biases_k`. Even k > 0 opens a residual module, odd k closes it, the last one is 1x1x1. For training
it also holds `labels` and `weights` of the loss, as large as the image.
"""
import json
import resource
import sys
import time

import numpy as np


class Case:
    def __init__(self, path):
        data = np.load(path)
        self.image, self.seed = data["image"], data["seed"]
        self.labels, self.weights = data.get("labels"), data.get("weights")
        count = sum(name.startswith("weights_") for name in data.files)
        self.convolutions = [(data[f"weights_{k}"], data[f"biases_{k}"]) for k in range(count)]


def arguments():
    """(case, threads, warm-up runs, timed runs, path for the logits)"""
    path, threads, warm_up, runs, logits = sys.argv[1:6]
    return Case(path), int(threads), int(warm_up), int(runs), logits


def stack(case, concat, convolve, relu):
    """The reference network (spec: pre-activation residual modules); `convolve(x, k)` adds the bias."""
    last = len(case.convolutions) - 1
    x = convolve(relu(convolve(concat(case.image, case.seed), 0)), 1)
    for k in range(2, last, 2):
        x = x + convolve(relu(convolve(relu(x), k)), k + 1)
    return convolve(relu(x), last)


def report(engine, version, step, runs, warm_up, logits_path, **more):
    """`step()` runs one step and returns the logits as a NumPy array; what else is given is printed too."""
    for _ in range(warm_up):
        logits = step()
    wall, cpu = [], []
    for _ in range(runs):
        cpu_start, start = time.process_time(), time.perf_counter()
        logits = step()
        wall.append(1e3 * (time.perf_counter() - start))
        cpu.append(1e3 * (time.process_time() - cpu_start))
    np.save(logits_path, np.ascontiguousarray(logits, dtype=np.float32))
    print(json.dumps({
        "engine": engine,
        "version": version,
        "wallMs": wall,
        "cpuMs": cpu,
        "peakRssBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        **more,
    }))
