# requirements: numpy==1.26.4
# writes: tests/fixtures/npz/dtypes.npz
"""One small member per element type and layout, named by what it exercises; deflated, with ZIP64 local headers.

Values of a numeric member are (k - 3) * scale (unsigned: k * scale) for k = 0, 1, 2, ... in C order of the array, so a
test can compute them; `scale` spreads them over all bytes of wide types.
"""

import zipfile

import numpy as np

archive = zipfile.ZipFile("tests/fixtures/npz/dtypes.npz", "w", zipfile.ZIP_DEFLATED)


def save(name, array, **keywords):
    entry = zipfile.ZipInfo(f"{name}.npy")  # dated 1980-01-01
    entry.compress_type = zipfile.ZIP_DEFLATED
    with archive.open(entry, "w", force_zip64=True) as file:
        np.lib.format.write_array(file, array, **keywords)


for code in ["b1", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]:
    kind, size = code[0], int(code[1])
    count = np.arange(24)
    if kind == "b":
        values = count % 3 == 0
    elif kind == "f":
        values = (count - 3) * 1.25
    else:
        scale = 1 if size == 1 else 2 ** (8 * (size - 1)) // 16 + 3
        values = [int(k) * scale for k in (count if kind == "u" else count - 3)]
    for order in "<>" if size > 1 else "|":
        array = np.array(values, dtype=f"{order}{code}").reshape(2, 3, 4)
        name = {"<": "little", ">": "big", "|": "byte"}[order]
        save(f"{code}.{name}", array)
        save(f"{code}.{name}.fortran", np.asfortranarray(array))

save("special.f2", np.array([0, -0.0, 65504, 6e-8, np.inf, -np.inf, np.nan, 1 / 3], "<f2"))
save("empty.0x3.f4", np.zeros((0, 3), "<f4"))
save("scalar.f8", np.array(2.5, "<f8"))
save("version2.i4", np.arange(5, dtype="<i4"), version=(2, 0))
save("version3.i4", np.arange(5, dtype="<i4"), version=(3, 0))
save("text.S", np.array([b"alpha", b"be", b""], "S5"))
save("text.U.big", np.array(["é{}", "x\U0001f9e0"], ">U4"))
table = np.zeros(3, dtype=[("id", "<u8"), ("start", "<i4"), ("score", ">f4"), ("ok", "|b1")])
table["id"] = [1, 2**40, 2**64 - 1]
table["start"] = [-1, 0, 7]
table["score"] = [0.5, -0.25, 3]
table["ok"] = [True, False, True]
save("structured", table)
archive.close()
