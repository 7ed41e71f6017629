# requirements: torch==2.15.0 numpy==2.2.6
"""One training step of the conv stack in PyTorch (oneDNN), channels_last_3d: clipped gradients, plain SGD at RATE."""
import sys

import torch
from torch.nn.functional import binary_cross_entropy_with_logits, conv3d

from measure import arguments, report, stack

case, threads, warm_up, runs, logits_path = arguments()
rate, clip = map(float, sys.argv[6:8])
torch.set_num_threads(threads)
layout = torch.channels_last_3d
voxels_last = lambda array: torch.from_numpy(array).permute(0, 4, 1, 2, 3).contiguous(memory_format=layout)  # noqa: E731
labels, loss_weights, seed = map(voxels_last, (case.labels, case.weights, case.seed))
parameters = []
for w, b in case.convolutions:
    w = torch.from_numpy(w).permute(4, 3, 0, 1, 2).contiguous(memory_format=layout)
    parameters.append((w.requires_grad_(), torch.from_numpy(b).requires_grad_(), w.shape[2] // 2))
trained = [p for w, b, _ in parameters for p in (w, b)]
optimizer = torch.optim.SGD(trained, lr=rate)
losses = []


def convolve(x, k):
    w, b, padding = parameters[k]
    return conv3d(x, w, b, padding=padding)


def concat(image, seed):
    return torch.cat([torch.from_numpy(image), torch.from_numpy(seed)], 4).permute(0, 4, 1, 2, 3).contiguous(
        memory_format=layout
    )


def step():
    logits = seed + stack(case, concat, convolve, torch.relu)
    loss = binary_cross_entropy_with_logits(logits, labels, weight=loss_weights)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_value_(trained, clip)
    optimizer.step()
    losses.append(loss.item())
    return logits.detach().permute(0, 2, 3, 4, 1).numpy()


report("PyTorch", torch.__version__, step, runs, warm_up, logits_path, losses=losses)
