"""Reads exports with other libraries and compares them with the source.

Usage: exports_read_back.py FOLDER, which holds image.npy, labels.npy and their exports. Prints JSON: what each library found.
"""

import json
import sys

import h5py
import numpy as np
import tensorstore as ts
import zarr
from cloudvolume import CloudVolume

folder = sys.argv[1]
found = {}
levels = {}
for name in "image", "labels":
    want = np.load(f"{folder}/{name}.npy")

    def compare(how, have, place):
        found[f"{name}, {how}"] = [bool(have.shape == want.shape and have.dtype == want.dtype and (have == want).all()), place]

    with h5py.File(f"{folder}/{name}.h5") as file:
        data = file["a/b"]
        assert json.loads(data.attrs["source"][0])["source"].endswith(f"{name}.npy")
        compare("h5py", data[...], [data.attrs["voxel_size"].tolist(), data.attrs["offset_zyx"].tolist()])
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

    # Each coarser level against what TensorStore makes of the one before, in its place; the other exports against that.
    def level(i):
        return ts.open({"driver": "neuroglancer_precomputed", "kvstore": f"file://{folder}/{name}/", "scale_index": i}).result()

    scales = json.load(open(f"{folder}/{name}/info"))["scales"]
    for i in range(1, len(scales)):
        have = level(i)
        factors = [round(b / a) for a, b in zip(scales[i - 1]["resolution"], scales[i]["resolution"])] + [1]
        made = ts.downsample(level(i - 1), factors, "mean" if name == "image" else "mode")
        data = have.read().result()
        mip = CloudVolume(f"file://{folder}/{name}_gzip", mip=i, progress=False)
        levels[f"{name}, level {i}"] = {
            "domain": have.domain == made.domain,
            "tensorstore": bool((data == made.read().result()).all()),
            "cloud-volume": bool((np.asarray(mip[:, :, :]) == data).all()) and mip.bounds.minpt.tolist() == scales[i]["voxel_offset"],
            **{f"zarr {v}": bool((zarr.open_group(f"{folder}/{name}{v}.zarr", mode="r")[str(i)][...] == data[..., 0].T).all()) for v in (2, 3)},
        }

# A mesh against the voxels that it goes around, of the largest object that is one piece.
cloud = CloudVolume(f"file://{folder}/meshed", progress=False)
labels = np.load(f"{folder}/labels.npy")
ids, counts = np.unique(labels[labels != 0], return_counts=True)
id = int(ids[counts.argmax()])
mesh = cloud.mesh.get(id, fuse=True)
corners = mesh.vertices.astype(np.float64)[mesh.faces]
volume = np.einsum("ij,ij->i", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])).sum() / 6
share = volume / float(np.prod(cloud.resolution)) / float(counts.max())
voxels = np.argwhere(labels == id)[:, ::-1] + cloud.bounds.minpt
box = [(voxels.min(0) * cloud.resolution).tolist(), ((voxels.max(0) + 1) * cloud.resolution).tolist()]
found_box = [mesh.vertices.min(0).tolist(), mesh.vertices.max(0).tolist()]
sides = np.sort(np.concatenate([mesh.faces[:, [0, 1]], mesh.faces[:, [1, 2]], mesh.faces[:, [2, 0]]]), axis=1)
uneven = int((np.unique(sides, axis=0, return_counts=True)[1] % 2).sum())
print(json.dumps({"exports": found, "levels": levels, "mesh": {"share": float(share), "box": found_box, "wanted": box, "open": uneven}}))
