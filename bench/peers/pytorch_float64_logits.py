# requirements: torch==2.15.0 numpy==2.2.6
"""Logits of a case in float64, as the truth that float32 engines are measured against: CASE LOGITS."""
import sys

import numpy as np
import torch
from torch.nn.functional import conv3d

from measure import Case, stack

case = Case(sys.argv[1])
as_double = lambda array: torch.from_numpy(np.asarray(array, dtype=np.float64))  # noqa: E731


def convolve(x, k):
    w, b = case.convolutions[k]
    return conv3d(x, as_double(w).permute(4, 3, 0, 1, 2), as_double(b), padding=w.shape[0] // 2)


with torch.inference_mode():
    both = torch.cat([as_double(case.image), as_double(case.seed)], 4).permute(0, 4, 1, 2, 3)
    update = stack(case, lambda *_: both, convolve, torch.relu).permute(0, 2, 3, 4, 1)
    np.save(sys.argv[2], (as_double(case.seed) + update).numpy())
