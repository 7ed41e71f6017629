# Seconds, of CPU and by the clock, that the peers need for label work on two volumes: python label_kernels.py A.npy B.npy OUT.npy
# Prints a line of JSON per task; writes what `meet_of_reference` gives to OUT.npy, in the first call only.
#
# requirements: numpy==2.4.6 scikit-image==0.26.0 connected-components-3d==4.1.1
import json
import os
import sys
import time

import cc3d
import numpy as np
import skimage.measure

a, b = (np.load(path) for path in sys.argv[1:3])


def measure(name, work, times=3):
    seconds, walls = [], []
    for _ in range(times):
        wall, start = time.perf_counter(), time.process_time()
        result = work()
        seconds.append(time.process_time() - start)
        walls.append(time.perf_counter() - wall)
    medians = {"seconds": sorted(seconds)[times // 2], "wall": sorted(walls)[times // 2]}
    print(json.dumps({"task": name, **medians}), flush=True)
    return result


def merge_from_min_id(out, labels, where, new_id):
    """As run_consensus.py does: components of a region, made contiguous, numbered from new_id."""
    scratch = np.zeros_like(labels)
    scratch[where] = labels[where]
    components = skimage.measure.label(scratch, connectivity=1, background=0)
    values, inverse = np.unique(components, return_inverse=True)
    out[where] = new_id + inverse.reshape(components.shape)[where]
    return new_id + len(values) - 1


def meet_of_reference():
    out = np.zeros(a.shape, np.uint32)
    left, right = a.astype(np.int64), b.astype(np.int64)
    last = merge_from_min_id(out, left, (left != 0) & (right == 0), 1)
    last = merge_from_min_id(out, right, (left == 0) & (right != 0), last + 1)
    merge_from_min_id(out, left, (left != 0) & (right != 0), last + 1)
    return out


print(json.dumps({"versions": f"NumPy {np.__version__}, scikit-image {skimage.__version__}"}), flush=True)
measure("components cc3d", lambda: cc3d.connected_components(a, connectivity=6))
measure("components scikit-image", lambda: skimage.measure.label(a, connectivity=1, background=0))
# The fastest way to count pairs with np.unique: one key per pair.
key = np.uint64(1) + b.max()
measure("pairs np.unique", lambda: np.unique(a.ravel() * key + b.ravel(), return_counts=True))
if not os.path.exists(sys.argv[3]):
    # Long enough for one time to do.
    np.save(sys.argv[3], measure("meet reference", meet_of_reference, times=1))
