"""Loads archives the way the reference program does, reports what they hold, and saves them again.

Usage: numpy_reads.py FILE.npz... (each is saved again as FILE.npz.again). Run by numpy_reads.ts with each NumPy.
"""

import collections
import json
import sys
import types

import numpy as np

# The reference's class under the name that pickles give it (ffn/inference/storage.py).
storage = types.ModuleType("ffn.inference.storage")
storage.OriginInfo = collections.namedtuple("OriginInfo", ["start_zyx", "iters", "walltime_sec"])
storage.OriginInfo.__module__ = "ffn.inference.storage"
for name in ["ffn", "ffn.inference"]:
    sys.modules[name] = types.ModuleType(name)
sys.modules["ffn.inference.storage"] = storage


def plain(value):
    """A JSON form of a member that tells types apart."""
    if isinstance(value, storage.OriginInfo):
        return ["OriginInfo", plain(value.start_zyx), value.iters, value.walltime_sec]
    if isinstance(value, dict):
        return [[key, plain(item)] for key, item in value.items()]
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, bytes):
        return value.hex()
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype == object:
        return plain(value.item())
    if value.dtype.names:
        return [str(value.dtype.descr), [str(row) for row in value.tolist()]]
    # Text, because JSON has neither NaN nor 64-bit integers; repr of a float gives all its digits.
    flat = value.item() if value.shape == () else [repr(item) for item in value.ravel().tolist()]
    return [value.dtype.str, list(value.shape), plain(flat) if value.shape == () else flat]


report = {}
for path in sys.argv[1:]:
    with np.load(path, allow_pickle=True) as archive:
        members = {name: archive[name] for name in archive.files}
    report[path] = [[name, plain(value)] for name, value in members.items()]
    with open(f"{path}.again", "wb") as file:
        np.savez_compressed(file, **members)
print(json.dumps({"numpy": np.__version__, "files": report}))
