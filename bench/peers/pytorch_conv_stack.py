# requirements: torch==2.15.0 numpy==2.2.6
"""One FOV step of the conv stack in PyTorch (oneDNN), channels_last_3d."""
import torch
from torch.nn.functional import conv3d

from measure import arguments, report, stack

case, threads, warm_up, runs, logits_path = arguments()
torch.set_num_threads(threads)
layout = torch.channels_last_3d
weights = [
    (torch.from_numpy(w).permute(4, 3, 0, 1, 2).contiguous(memory_format=layout), torch.from_numpy(b), w.shape[0] // 2)
    for w, b in case.convolutions
]


def convolve(x, k):
    w, b, padding = weights[k]
    return conv3d(x, w, b, padding=padding)


def concat(image, seed):
    both = torch.cat([torch.from_numpy(image), torch.from_numpy(seed)], 4)
    return both.permute(0, 4, 1, 2, 3).contiguous(memory_format=layout)


@torch.inference_mode()
def step():
    update = stack(case, concat, convolve, torch.relu).permute(0, 2, 3, 4, 1)
    return (torch.from_numpy(case.seed) + update).numpy()


report("PyTorch", torch.__version__, step, runs, warm_up, logits_path)
