# Small Zarr, precomputed and TIFF volumes, written by the libraries that people use. A voxel holds
# (7 c + 31 z + 5 y + 3 x) mod 101, cast to each element type as in volumes.py.
#
# requirements: numpy==2.1.3 zarr==3.1.3 numcodecs==0.16.3 tensorstore==0.1.78 tifffile==2025.10.16
# requirements: imagecodecs==2025.8.2 cloud-volume==12.6.2
# writes: tests/fixtures/chunked_volumes/
import gzip
import json
import os
import shutil
import types

import numcodecs
import numpy as np
import tensorstore as ts
import tifffile
import zarr
from cloudvolume import CloudVolume

FOLDER = "tests/fixtures/chunked_volumes"

# gzip puts the time of day into each chunk.
gzip.time = types.SimpleNamespace(time=lambda: 0)


def cast(values, dtype):
    dtype = np.dtype(dtype)
    if dtype == bool:
        return values % 2 == 1
    if dtype.kind == "f":
        return ((values - 50) / 8).astype(dtype)
    if dtype.kind == "i":
        return (values - 50).astype(dtype) * dtype.type(2 ** (8 * dtype.itemsize - 8))
    return values.astype(dtype) * dtype.type(2 ** (8 * dtype.itemsize - 8))


def volume(shape, dtype):
    index = np.indices((1,) * (4 - len(shape)) + tuple(shape))
    values = np.tensordot([7, 31, 5, 3], index, 1) % 101
    return cast(values.reshape(shape), dtype).astype(dtype)


def zarr2(name, shape, dtype, chunks, **options):
    data = volume(shape, dtype)
    array = zarr.create_array(f"{FOLDER}/{name}", shape=shape, dtype=dtype, chunks=chunks, zarr_format=2, **options)
    array[...] = data


def zarr3(name, shape, dtype, chunks, **options):
    array = zarr.create_array(f"{FOLDER}/{name}", shape=shape, dtype=dtype, chunks=chunks, zarr_format=3, **options)
    array[...] = volume(shape, dtype)


def zarrs():
    shape, chunks = (6, 10, 12), (4, 6, 7)
    zarr2("v2_gzip.zarr", shape, "<u2", chunks, compressors=numcodecs.GZip(5))
    zarr2("v2_blosc.zarr", (2, 5, 6, 7), "<i8", (1, 3, 3, 4), compressors=numcodecs.Blosc("lz4", shuffle=1))
    zarr2("v2_zstd_fortran.zarr", shape, "<f4", chunks, compressors=numcodecs.Zstd(), order="F")
    zarr2("v2_zlib_big.zarr", shape, ">i4", chunks, compressors=numcodecs.Zlib())
    zarr2("v2_lz4_bool.zarr", shape, "|b1", chunks, compressors=numcodecs.LZ4())
    zarr3("v3_zstd.zarr", shape, "uint8", chunks)
    zarr3("v3_gzip.zarr", shape, "uint64", chunks, compressors=zarr.codecs.GzipCodec(level=5))
    zarr3("v3_blosc.zarr", shape, "float32", chunks, compressors=zarr.codecs.BloscCodec(cname="zstd", shuffle="bitshuffle"))
    zarr3("v3_half.zarr", shape, "float16", chunks, compressors=None)
    zarr3("v3_transposed.zarr", shape, "int32", chunks, filters=zarr.codecs.TransposeCodec(order=(2, 0, 1)), compressors=None)
    zarr3("v3_sharded.zarr", (8, 12, 15), "uint32", (4, 4, 5), shards=(8, 4, 15))
    zarr3("v3_big.zarr", shape, "int16", chunks, serializer=zarr.codecs.BytesCodec(endian="big"), compressors=None)
    sparse = zarr.create_array(f"{FOLDER}/v3_sparse.zarr", shape=shape, dtype="int64", chunks=chunks, fill_value=-(2**63) + 1)
    sparse[0:4, 0:6, 0:7] = 7
    # An image of five dimensions in nanometres, and a pyramid whose axes stand in an own order.
    root = zarr.create_group(f"{FOLDER}/ome.zarr", zarr_format=3)
    for level, scale in (("0", 1), ("1", 2)):
        size = tuple(-(-n // scale) for n in shape)
        array = root.create_array(level, shape=(1, 2, *size), dtype="uint8", chunks=(1, 1, 4, 6, 7), dimension_names=("t", "c", "z", "y", "x"))
        array[0] = volume((2, *size), "uint8")
    axes = [{"name": "t", "type": "time"}, {"name": "c", "type": "channel"}]
    axes += [{"name": n, "type": "space", "unit": "micrometer"} for n in "zyx"]
    datasets = [
        {
            "path": p,
            "coordinateTransformations": [
                {"type": "scale", "scale": [1, 1, 0.03 * s, 0.008 * s, 0.008 * s]},
                {"type": "translation", "translation": [0, 0, 0.03 * (4 + s / 2), 0.008 * (2 + s / 2), 0.008 * s / 2]},
            ],
        }
        for p, s in (("0", 1), ("1", 2))
    ]
    root.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    two = zarr.create_group(f"{FOLDER}/ome_xyz.zarr", zarr_format=2)
    array = two.create_array("raw", shape=shape[::-1], dtype="uint8", chunks=(7, 6, 4), compressors=numcodecs.Zlib(), chunk_key_encoding={"name": "v2", "separator": "/"})
    array[...] = volume(shape, "uint8").T
    two.attrs["multiscales"] = [
        {
            "version": "0.4",
            "axes": [{"name": n, "type": "space", "unit": "nanometer"} for n in "xyz"],
            "datasets": [{"path": "raw", "coordinateTransformations": [{"type": "scale", "scale": [8, 8.5, 30]}]}],
        }
    ]


def precomputed(name, shape, dtype, encoding, chunk, offset=(0, 0, 0), **options):
    """A volume [z, y, x] or [channel, z, y, x], by TensorStore; vectors xyz."""
    data = volume(shape, dtype)
    channels = data if data.ndim == 4 else data[None]
    size = list(channels.shape[:0:-1])
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": {"driver": "file", "path": f"{FOLDER}/{name}"},
        "multiscale_metadata": {"type": "segmentation" if encoding != "raw" else "image", "data_type": dtype, "num_channels": channels.shape[0]},
        "scale_metadata": {
            "size": size,
            "resolution": [8, 8, 30],
            "encoding": encoding,
            "chunk_size": chunk,
            "voxel_offset": offset,
            **options,
        },
        "create": True,
    }
    ts.open(spec).result()[...] = channels.T


def precomputeds():
    shape, chunk, small = (10, 18, 20), [11, 10, 7], [7, 8, 9]
    precomputed("raw", shape, "uint8", "raw", chunk)
    precomputed("raw_channels", (2, 5, 6, 7), "float32", "raw", [4, 4, 4], [100, -20, 3])
    block = {"compressed_segmentation_block_size": [4, 3, 2]}
    precomputed("cseg64", shape, "uint64", "compressed_segmentation", chunk, **block)
    precomputed("cseg32", (2, 5, 6, 7), "uint32", "compressed_segmentation", [4, 4, 4])
    shards = {"@type": "neuroglancer_uint64_sharded_v1", "preshift_bits": 1, "minishard_bits": 2, "shard_bits": 1}
    murmur = {**shards, "hash": "murmurhash3_x86_128", "minishard_index_encoding": "gzip", "data_encoding": "gzip"}
    precomputed("sharded_raw", shape, "uint16", "raw", small, [5, 6, 7], sharding={**shards, "hash": "identity"})
    precomputed("sharded_cseg", shape, "uint64", "compressed_segmentation", small, sharding=murmur)
    # cloud-volume packs the files of a folder and adds a coarser scale.
    info = CloudVolume.create_new_info(
        num_channels=1, layer_type="segmentation", data_type="uint64", encoding="compressed_segmentation",
        resolution=[8, 8, 30], voxel_offset=[3, 2, 1], chunk_size=[12, 11, 10], volume_size=[20, 18, 10],
    )
    cloud = CloudVolume(f"file://{os.path.abspath(FOLDER)}/cloud", info=info, compress="gzip", progress=False)
    cloud.commit_info()
    cloud[:, :, :] = volume(shape, "uint64").T[..., None]
    for name in os.listdir(f"{FOLDER}/cloud"):
        if name == "provenance":
            os.remove(f"{FOLDER}/cloud/{name}")


def tiffs():
    grey = volume((3, 10, 12), "uint8")
    wide = volume((3, 10, 12), "uint16")
    for name, data, options in (
        ("tif8", grey, {"compression": "lzw"}),
        ("tif16", wide, {"compression": "deflate", "predictor": True}),
        ("tif16_big", wide, {"compression": "deflate", "byteorder": ">"}),
        ("tif16_refused", wide[:1], {"compression": "deflate", "byteorder": ">", "predictor": True}),
        ("tif_float", volume((3, 10, 12), "float32"), {"compression": "zstd", "predictor": True}),
    ):
        os.makedirs(f"{FOLDER}/{name}")
        for z, plane in enumerate(data):
            tifffile.imwrite(f"{FOLDER}/{name}/s{z}.tif", plane, rowsperstrip=4, datetime=False, software="", metadata=None, **options)
    plain = {"datetime": False, "software": "", "metadata": None}
    tifffile.imwrite(f"{FOLDER}/pages.tif", volume((6, 10, 12), "uint8"), photometric="minisblack", compression="packbits", **plain)
    tifffile.imwrite(f"{FOLDER}/tiled.tif", volume((3, 40, 35), "uint16"), photometric="minisblack", tile=(16, 16), bigtiff=True, compression="zstd", **plain)
    tifffile.imwrite(f"{FOLDER}/labels.tif", volume((3, 10, 12), "uint32"), photometric="minisblack", **plain)
    tifffile.imwrite(f"{FOLDER}/colour.tif", np.stack([grey, 255 - grey, grey // 2], -1), photometric="rgb", **plain)


def pyramids():
    """What TensorStore makes of a random image and random labels, each axis halved."""
    random = np.random.default_rng(7)
    image = random.integers(0, 256, (7, 9, 11), "uint8")
    labels = random.integers(0, 4, (7, 9, 11), "uint64") * 2**40
    result = {"image": image.ravel().tolist(), "labels": [str(v) for v in labels.ravel()]}
    for name, data, method in (("mean", image, "mean"), ("mode", labels, "mode")):
        for origin in (0, 1):
            view = ts.array(data).translate_to[origin, origin, origin]
            half = ts.downsample(view, [2, 2, 2], method).read().result()
            result[f"{name}{origin}"] = {"shape": half.shape, "data": [str(v) for v in half.ravel()]}
    with open(f"{FOLDER}/pyramids.json", "w") as file:
        json.dump(result, file)


shutil.rmtree(FOLDER, ignore_errors=True)
os.makedirs(FOLDER)
zarrs()
precomputeds()
tiffs()
pyramids()
