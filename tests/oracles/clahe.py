# Adaptive equalisation of sections of odd sizes by scikit-image, as bytes (255 times the result, cut off).
#
# requirements: numpy==2.1.3 scikit-image==0.25.2
# writes: tests/fixtures/clahe.json
import json

import numpy as np
from skimage.exposure import equalize_adapthist

cases = []
for height, width, levels in (16, 24, 200), (17, 19, 251), (33, 70, 256), (41, 23, 4), (100, 9, 90):
    y, x = np.indices((height, width))
    section = ((7 * x + 11 * y + x * y % 13) % levels).astype(np.uint8)
    result = (255 * equalize_adapthist(section)).astype(np.uint8)
    cases.append({"section": section.tolist(), "equalized": result.tobytes().hex()})
with open("tests/fixtures/clahe.json", "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases) + "\n]\n")
