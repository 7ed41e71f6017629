"""Reads exports with other libraries and compares them with the source.

Usage: exports_read_back.py FOLDER, which holds image.npy, labels.npy and their exports. Prints JSON: what each library found.
"""

import json
import sys

import numpy as np
import tensorstore as ts
import zarr
from cloudvolume import CloudVolume

folder = sys.argv[1]
found = {}
for name in "image", "labels":
    want = np.load(f"{folder}/{name}.npy")

    def compare(how, have, place):
        found[f"{name}, {how}"] = [bool(have.shape == want.shape and have.dtype == want.dtype and (have == want).all()), place]

    for version in 2, 3:
        root = zarr.open_group(f"{folder}/{name}{version}.zarr", mode="r")
        attributes = root.attrs["ome"] if version == 3 else root.attrs
        level = attributes["multiscales"][0]["datasets"][0]["coordinateTransformations"]
        compare(f"zarr-python, version {version}", root["0"][...], [level[0]["scale"], level[1]["translation"]])
        spec = {"driver": "zarr3" if version == 3 else "zarr", "kvstore": f"file://{folder}/{name}{version}.zarr/0/"}
        compare(f"tensorstore, zarr {version}", ts.open(spec).result().read().result(), [])
    store = ts.open({"driver": "neuroglancer_precomputed", "kvstore": f"file://{folder}/{name}/"}).result()
    compare("tensorstore, precomputed", store.read().result()[..., 0].T, list(store.domain.origin))
    cloud = CloudVolume(f"file://{folder}/{name}_gzip", progress=False)
    compare("cloud-volume, gzipped precomputed", np.asarray(cloud[:, :, :])[..., 0].T, cloud.bounds.minpt.tolist())
print(json.dumps(found))
