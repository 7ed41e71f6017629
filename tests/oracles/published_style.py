# writes: tests/fixtures/npz/published_style.npz
"""A small archive in the style of the published sample result, which Python 2 wrote in 2017.

Assembled by hand, since Python 2 cannot be installed any more: headers of 16-byte alignment with long integers, a
byte-string `counters`, a protocol 2 pickle whose memo starts at 1, byte strings as Python 2's `str`, NumPy scalars, and
`OriginInfo` in the module where the authors had it. Python's own unpickler checks it, with stand-ins for NumPy.
"""

import io
import pickle
import struct
import zipfile

ORIGINS = {1: ((16, 18, 109), 1884, 26.25), 2: ((16, 19, 228), 7, 0.125), 300: ((1, 70000, 3), 70000, 0.5)}


class Writer:
    """Appends opcodes; the memo counts from 1."""

    def __init__(self):
        self.out = io.BytesIO()
        self.memo_size = 0

    def raw(self, *parts):
        for part in parts:
            self.out.write(part)

    def put(self):
        self.memo_size += 1
        self.raw(b"q", bytes([self.memo_size]))
        return self.memo_size

    def get(self, index):
        self.raw(b"h" + bytes([index]))

    def string(self, data):
        self.raw(b"U", bytes([len(data)]), data)

    def integer(self, value):
        if 0 <= value < 256:
            self.raw(b"K", bytes([value]))
        elif 0 <= value < 65536:
            self.raw(b"M", struct.pack("<H", value))
        else:
            self.raw(b"J", struct.pack("<i", value))

    def dtype(self, code, order, flags):
        """The `numpy.dtype` on the stack, called and given its state; returns its place in the memo."""
        self.string(code)
        self.raw(b"K\0K\1\x87R")
        index = self.put()
        self.raw(b"(K\3")
        self.string(order)
        self.raw(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK", bytes([flags]), b"tb")
        return index


def origins_pickle():
    w = Writer()
    w.raw(b"\x80\2cnumpy.core.multiarray\n_reconstruct\n")
    w.put()
    w.raw(b"cnumpy\nndarray\n")
    w.put()
    w.raw(b"K\0\x85")
    w.string(b"b")
    w.raw(b"\x87R")
    w.put()
    w.raw(b"(K\1)")
    w.raw(b"cnumpy\ndtype\n")
    dtype = w.put()
    w.dtype(b"O8", b"|", 63)
    w.raw(b"\x89]")
    w.put()
    w.raw(b"}")
    w.put()
    w.raw(b"(")
    scalar = int64 = origin = None
    for key, (start, iters, seconds) in ORIGINS.items():
        w.integer(key)
        if origin is None:
            w.raw(b"cgoogle3.research.neuromancer.segmentation.ffn.storage\nOriginInfo\n")
            origin = w.put()
        else:
            w.get(origin)
        for coordinate in start:
            if scalar is None:
                w.raw(b"cnumpy.core.multiarray\nscalar\n")
                scalar = w.put()
                w.get(dtype)
                int64 = w.dtype(b"i8", b"<", 0)
            else:
                w.get(scalar)
                w.get(int64)
            w.string(struct.pack("<q", coordinate))
            w.raw(b"\x86R")
            w.put()
        w.raw(b"\x87")
        w.put()
        w.integer(iters)
        w.raw(b"G", struct.pack(">d", seconds), b"\x87\x81")
        w.put()
    w.raw(b"uatb.")
    return w.out.getvalue()


class Stub:
    """Stands in for arrays and dtypes: remembers its state."""

    def __init__(self, *args):
        self.state = None

    def __setstate__(self, state):
        self.state = state


class Origin(tuple):
    def __new__(cls, *args):
        return tuple.__new__(cls, args)


class Checker(pickle.Unpickler):
    def find_class(self, module, name):
        if name == "scalar":
            return lambda dtype, data: struct.unpack("<q", data.encode("latin1"))[0]
        return Origin if name == "OriginInfo" else Stub


def member(descr, shape, data):
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape}, }}"
    padding = -(10 + len(text) + 1) % 16
    header = text.encode() + b" " * padding + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + data


payload = origins_pickle()
loaded = Checker(io.BytesIO(payload), encoding="latin1").load()
assert loaded.state[4][0] == ORIGINS, loaded.state

counters = b'{"predict-calls": 25799, "voxels-segmented": 13867123}'
with zipfile.ZipFile("tests/fixtures/npz/published_style.npz", "w", zipfile.ZIP_DEFLATED) as archive:
    for name, content in [
        ("segmentation", member("|u1", "(2L, 3L, 4L)", bytes(range(24)))),
        ("counters", member(f"|S{len(counters)}", "()", counters)),
        ("request", member("|S6", "()", bytes([0x15, 0, 0, 0, 0x43, 0]))),
        ("origins", member("|O", "()", payload)),
    ]:
        archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content, zipfile.ZIP_DEFLATED)
