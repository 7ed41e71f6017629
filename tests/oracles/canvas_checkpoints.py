# requirements: numpy==1.26.4
# writes: tests/fixtures/canvas_checkpoints/
"""Canvas checkpoints in the two styles of the reference programs: policy states as pickled deques, sets and tuples."""

import collections
import sys
import types
import zipfile

import numpy as np

# The class is pickled by the name of the module that it has in the reference.
OriginInfo = collections.namedtuple("OriginInfo", "start_zyx iters walltime_sec", module="ffn.inference.storage")
for name in ["ffn", "ffn.inference", "ffn.inference.storage"]:
    sys.modules[name] = types.ModuleType(name)
sys.modules["ffn.inference.storage"].OriginInfo = OriginInfo


def scalar(value):
    array = np.empty((), object)
    array[()] = value
    return array


def row(*values):
    array = np.empty((1, len(values)), object)
    for i, value in enumerate(values):
        array[0, i] = value
    return array


def pair(*values):
    array = np.empty(len(values), object)
    for i, value in enumerate(values):
        array[i] = value
    return array


def save(name, members):
    with zipfile.ZipFile(f"tests/fixtures/canvas_checkpoints/{name}.cpoint", "w") as archive:
        for key, value in members.items():
            entry = zipfile.ZipInfo(f"{key}.npy")  # dated 1980-01-01
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(value))


size = (3, 4, 5)
segmentation = np.zeros(size, np.int32)
segmentation[0, 0, :3] = 1
segmentation[2, 3, 4] = -1
seed = np.full(size, np.nan, np.float32)
seed[1, 1, 1:4] = [2.5, -1.25, 0]
queue = collections.deque([(np.float32(2.5), (1, 2, 3)), (np.float32(2.25), np.array([0, 1, 2]))])
done = {(0, 0, 0), (0, 0, 1), (-1, 0, 0)}
seeds = np.array([[1, 1, 1], [1, 2, 2], [2, 2, 2]], np.int64)
shared = {
    "segmentation": segmentation,
    "seg_qprob": (segmentation > 0).astype(np.uint8) * 240,
    "seed": seed,
    "origins": scalar({1: OriginInfo((0, 0, 1), 7, 0.5)}),
    "overlaps": scalar({1: np.array([[4], [9]], np.int64)}),
    "history": np.array([[1, 1, 1], [1, 1, 2]], np.int64),
    "history_deleted": np.array([0, 3], np.int64),
    "counters": '{"update_at-calls": 9, "voxels-segmented": 3}',
}
save("fork", {
    "movement_policy": row(queue, done),
    **shared,
    "seed_policy_state": pair(seeds, 2),
})
upstream = dict(shared)
del upstream["seg_qprob"]
save("upstream", {
    "movement_policy": row(queue, done, (1, 1, 1)),
    **upstream,
    "seed_policy_state": pair(seeds, 1),
    "min_pos": np.array([1, 1, 1]),
    "max_pos": np.array([1, 1, 2]),
    "partial_segment_iters": np.array(2),
    "hosts": np.array(["worker-1"]),
})
save("unseeded", {"movement_policy": row(collections.deque(), set()), **shared, "seed_policy_state": scalar(None)})
