# Conditions on voxel coordinates as NumPy evaluates them over a box that starts at zyx (-2, 5, -3) and has size
# (4, 5, 7); each result is one bit per voxel in C order, in hexadecimal.
#
# requirements: numpy==2.1.3
# writes: tests/fixtures/coordinate_expressions.json
import json
import random

import numpy as np

START, SIZE = (-2, 5, -3), (4, 5, 7)
Z, Y, X = (i + s for i, s in zip(np.indices(SIZE).astype(np.int64), START))
NAMES = {"x": X, "y": Y, "z": Z, "abs": np.abs, "sqrt": np.sqrt, "min": np.minimum, "max": np.maximum}

EXPRESSIONS = """
x > 0
(x > 3) & (z < 1)
(x == 2) | (y != 6) ^ (z >= 0)
~(x < y)
x + y * z <= 10
x ** 2 + y ** 2 < 50.5
-x ** 2 == -4
2 ** 3 ** 2 - 500 > x
x // 3 == -1
x // -3 == 0
x % 3 == 1
x % -3 == -2
y // x == 3
y % x == 1
x / y > 0.25
y / x > 0
x // 0.5 == 4
x % 0.75 > 0.5
(x - 0.5) // 0.0 < 0
(x & 3) == 1
(x | 4) == 5
x ^ y < 3
~x == 1
-~x > +2
sqrt(x) > 1
sqrt(abs(x)) <= 1.5
min(x, y) == max(z, x)
max(x, 0.5) > 1
abs(x - 1) + abs(z) < 3
(x > 1) == (y > 6)
(x > 1) != (y > 6)
1e1 > y
.5 < x
6. == y
z == 0
y > 6
1 < 2
(x < 0) | ((x > 1) & ((y < 7) | ~(z > 0)))
x * x * x % 7 == 1
2 ** (x + 3) == 8
(x + 0.0) ** -1 > 0.4
(x > 0) & (y > 0) & (z > 0)
x - y - z > -9
100000 * x * y // 7 % 1000 > 500
"""


def bits(text):
    with np.errstate(all="ignore"):
        result = eval(text, {"__builtins__": {}}, NAMES)
    result = np.broadcast_to(np.asarray(result), SIZE)
    assert result.dtype == bool, text
    return np.packbits(result.ravel()).tobytes().hex()


def number(rng, depth):
    """A random term; divisors and powers stay small."""
    kind = rng.randrange(9) if depth else rng.randrange(2)
    if kind == 0:
        return rng.choice("xyz")
    if kind == 1:
        return rng.choice(["1", "2", "3", "7", "0.5", "1.25", "10"])
    a, b = number(rng, depth - 1), number(rng, depth - 1)
    if kind == 2:
        return f"-{a}"
    if kind == 3:
        return f"abs({a})"
    if kind == 4:
        return f"{rng.choice(['min', 'max'])}({a}, {b})"
    if kind == 5:
        return f"({a}) ** {rng.choice('0123')}"
    return f"({a}) {rng.choice(['+', '-', '*', '//', '%', '/'])} ({b})"


def condition(rng, depth):
    kind = rng.randrange(5) if depth else 0
    if kind < 2:
        # A coordinate in each, so that Python's own booleans do not turn up.
        left = f"{rng.choice('xyz')} + ({number(rng, 2)})"
        return f"{left} {rng.choice(['<', '<=', '>', '>=', '==', '!='])} {number(rng, 2)}"
    if kind == 2:
        return f"~({condition(rng, depth - 1)})"
    return f"({condition(rng, depth - 1)}) {rng.choice('&|^')} ({condition(rng, depth - 1)})"


RNG = random.Random(3)
texts = EXPRESSIONS.strip().split("\n")
texts += [condition(RNG, 3) for _ in range(150)]
with open("tests/fixtures/coordinate_expressions.json", "w") as file:
    file.write("[\n" + ",\n".join(json.dumps([t, bits(t)]) for t in texts) + "\n]\n")
