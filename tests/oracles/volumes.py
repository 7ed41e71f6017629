# Small volumes of every kind, written by the libraries that people use. A voxel holds
# (7 c + 31 z + 5 y + 3 x) mod 101, which the tests turn into each element type as `cast` does here.
#
# requirements: h5py==3.14.0 numpy==2.1.3 pillow==11.3.0
# writes: tests/fixtures/volumes/
import os

import h5py
import numpy as np
from PIL import Image

FOLDER = "tests/fixtures/volumes"


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
    # Arithmetic drops the byte order, so it is set last.
    return cast(values.reshape(shape), dtype).astype(dtype)


def newest(path):
    # The newest format keeps the times of files and groups, with which no two runs would write the same bytes.
    def untimed(kind):
        properties = h5py.h5p.create(kind)
        properties.set_obj_track_times(False)
        return properties

    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
    file = h5py.File(h5py.h5f.create(path.encode(), h5py.h5f.ACC_TRUNC, untimed(h5py.h5p.FILE_CREATE), access))
    h5py.h5g.create(file.id, b"channels", gcpl=untimed(h5py.h5p.GROUP_CREATE))
    return file


def hdf5():
    # Superblock 0 and 3: the formats of old libraries, and of the newest ones.
    for file in h5py.File(f"{FOLDER}/old.h5", "w", libver="earliest"), newest(f"{FOLDER}/new.h5"):
        with file:
            raw = file.create_dataset("raw", data=volume((6, 10, 12), "u1"), chunks=(2, 4, 8), compression="gzip", compression_opts=4)
            raw.attrs["resolution"] = np.array([30.0, 8.0, 8.0])
            raw.attrs["bounding_boxes"] = np.arange(12, dtype="<i8").reshape(2, 2, 3)
            raw.attrs["note"] = "made for tests"
            file.create_dataset("channels/labels", data=volume((2, 5, 6, 7), "i8"), chunks=(1, 3, 3, 4))
    with h5py.File(f"{FOLDER}/types.h5", "w", libver="earliest") as file:
        for dtype in "?", "u1", "i1", "<u2", "<i2", "<u4", "<i4", "<u8", "<i8", "<f2", "<f4", "<f8":
            file[f"le/{np.dtype(dtype).name}"] = volume((2, 3, 4), dtype)
        for dtype in ">u2", ">i4", ">u8", ">f4":
            file[f"be/{np.dtype(dtype).name}"] = volume((2, 3, 4), dtype)
        file["flat"] = volume((3, 4), "u1")
        file["deep"] = volume((2, 3, 4), "u1").reshape(1, 1, 2, 3, 4)
        file["empty"] = np.zeros((0, 3, 4), "u1")
        file["rows"] = np.zeros((2, 3, 4), [("a", "<u4"), ("b", "<f4")])
        file["names"] = np.array([[["a", "b"]]], dtype="S3")
        file["checked"] = volume((2, 3, 4), "<u4")
        file["scalar"] = np.uint8(3)
    with h5py.File(f"{FOLDER}/filters.h5", "w", libver="earliest") as file:
        data = volume((4, 5, 6), "<u4")
        file.create_dataset("all", data=data, chunks=(2, 5, 3), compression="gzip", shuffle=True, fletcher32=True)
        file.create_dataset("sparse", shape=(4, 5, 6), dtype="u1", chunks=(2, 2, 2), fillvalue=9)
        file["linked"] = h5py.SoftLink("/all")
    with h5py.File(f"{FOLDER}/user_block.h5", "w", userblock_size=1024) as file:
        file["raw"] = volume((2, 3, 4), "u1")
    with h5py.File(f"{FOLDER}/mapped.h5", "w", libver="earliest") as file:
        labels = np.array([[[0, 10, 10], [20, 30, 30]], [[30, 20, 20], [0, 10, 40]]], "<i4")
        file["stack"] = labels
        file["transforms"] = np.array([[10, 1], [20, 2], [30, 1], [40, 4]], "<u8")
        file["wide/stack"] = labels
        file["wide/transforms"] = np.array([[10, 2**40], [20, 2], [30, 1], [40, 4]], "<u8")
        file["short/stack"] = labels
        file["short/transforms"] = np.array([[10, 1], [20, 2], [30, 1]], "<u8")
        file["plain/stack"] = labels


def png():
    def section(folder, name, array, mode=None):
        os.makedirs(f"{FOLDER}/{folder}", exist_ok=True)
        image = Image.fromarray(array)
        (image if mode is None else image.convert(mode)).save(f"{FOLDER}/{folder}/{name}.png")

    grey = volume((12, 10, 12), "u1")
    for z in range(12):
        section("png8", f"s{z}", grey[z])
    for z, plane in enumerate(volume((3, 10, 12), "<u2")):
        section("png16", f"iso.{z:03d}", plane)
    colour = volume((3, 10, 12), "u1")
    for z in range(2):
        section("png_rgb", f"{z}", np.stack([colour[z], 255 - colour[z], colour[z] // 2], -1))
    section("png_palette", "0", colour[0], "P")
    section("png_bits", "0", colour[0] > 50)
    section("png_sizes", "0", colour[0])
    section("png_sizes", "1", colour[0][:, 1:])
    section("png_modes", "0", colour[0])
    section("png_modes", "1", volume((1, 10, 12), "<u2")[0])


def numpy():
    np.save(f"{FOLDER}/c_order.npy", volume((6, 10, 12), "<u2"))
    np.save(f"{FOLDER}/big_endian.npy", volume((6, 10, 12), ">i4"))
    np.save(f"{FOLDER}/fortran.npy", np.asfortranarray(volume((6, 10, 12), "<f4")))
    np.save(f"{FOLDER}/channels.npy", volume((2, 5, 6, 7), "<i8"))
    np.save(f"{FOLDER}/flat.npy", volume((6, 10), "u1"))


hdf5()
png()
numpy()
