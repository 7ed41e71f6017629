# requirements: torch==2.15.0 numpy==2.2.6
"""One iteration of SECGAN in PyTorch (oneDNN), channels_last_3d: the networks of spec/secgan.md without noise, plain SGD at RATE.

One sweep gives the gradients of both generators; the discriminators' weights take no part in it. The case is float32 arrays one
after the other, and beside it as JSON their names, shapes and first elements.
"""
import json
import sys

import numpy as np
import torch
from torch.nn import functional as f

from measure import report

path, threads, warm_up, runs, rate, results = sys.argv[1:7]
torch.set_num_threads(int(threads))
layout = torch.channels_last_3d
with open(path + ".json") as file:
    case = json.load(file)
flat = np.memmap(path, np.float32, mode="r")
variables = {}
for array in case["arrays"]:
    shape, first = array["shape"], array["first"]
    value = torch.from_numpy(np.array(flat[first:first + int(np.prod(shape))]).reshape(shape))
    if len(shape) == 5 and array["name"].endswith("weights"):
        value = value.permute(4, 3, 0, 1, 2).contiguous(memory_format=layout)
    elif len(shape) == 5:
        value = value.permute(0, 4, 1, 2, 3).contiguous(memory_format=layout)
    variables[array["name"]] = value
del flat  # Its pages would count as memory of this process.
scopes = {
    name: [value for key, value in variables.items() if key.startswith(name + "/")]
    for name in ("generator_G", "generator_F", "discriminator_D_u", "discriminator_D_l", "discriminator_D_s")
}
generators = scopes["generator_G"] + scopes["generator_F"]
judges = scopes["discriminator_D_u"] + scopes["discriminator_D_l"] + scopes["discriminator_D_s"]
optimizer = torch.optim.SGD(generators + judges, lr=float(rate))
margin = case["margin"]


def conv(name, x, stride=1, same=False):
    w, b = variables[name + "/weights"], variables[name + "/biases"]
    taps, size = w.shape[2], x.shape[2]
    total = max((-(-size // stride) - 1) * stride + taps - size, 0) if same else 0
    if total % 2:  # TensorFlow pads the larger half behind.
        x, total = f.pad(x, 3 * [total // 2, total - total // 2]), 0
    return f.conv3d(x, w, b, stride=stride, padding=total // 2)


def norm(name, x):
    return f.instance_norm(x, weight=variables[name + "/gamma"], bias=variables[name + "/beta"], eps=1e-6)


def crop(x, voxels):
    return x[:, :, voxels:-voxels, voxels:-voxels, voxels:-voxels]


def generate(scope, x):
    h = conv(f"{scope}/conv0_b", f.relu(conv(f"{scope}/conv0_a", x)))
    for i in range(1, case["depth"]):
        inner = f.relu(conv(f"{scope}/conv{i}_a", f.relu(h)))
        h = conv(f"{scope}/conv{i}_b", inner) + crop(h, 2)
    return torch.tanh(conv(f"{scope}/gen_output", f.relu(h)))


def judge(scope, x):
    x = f.relu(norm(f"{scope}/conv1/norm", conv(f"{scope}/conv1/conv1", x, 2, True)))
    for stage in (2, 3, 4, 5):
        for unit in (1, 2):
            name = f"{scope}/conv{stage}_{unit}"
            stride = 2 if stage > 2 and unit == 1 else 1
            skip = f.relu(conv(name + "/Conv", x, stride, True)) if stride == 2 else x
            inner = f.relu(norm(name + "/norm1", conv(name + "/conv1", x, stride, True)))
            x = f.relu(norm(name + "/norm2", conv(name + "/conv2", inner, 1, True)) + skip)
    scope += "/probs/fully_connected"
    return x.mean((2, 3, 4)) @ variables[scope + "/weights"] + variables[scope + "/biases"]


def segment(image):
    x = torch.cat([image, variables["seed"]], 1).contiguous(memory_format=layout)
    x = conv("seed_update/conv0_b", f.relu(conv("seed_update/conv0_a", x, 1, True)), 1, True)
    for i in range(1, case["modules"]):
        inner = f.relu(conv(f"seed_update/conv{i}_a", f.relu(x), 1, True))
        x = x + conv(f"seed_update/conv{i}_b", inner, 1, True)
    return conv("seed_update/conv_lom", f.relu(x), 1, True) - 0.5


def error(judgement, target):
    return ((judgement - target) ** 2).mean()


REAL, FAKE = -0.8, 0.8
losses = []


def step():
    labeled, unlabeled = variables["labeled"], variables["unlabeled"]
    optimizer.zero_grad(set_to_none=True)
    for p in generators:
        p.requires_grad_(True)
    for p in judges:
        p.requires_grad_(False)
    fake_unlabeled, fake_labeled = generate("generator_G", labeled), generate("generator_F", unlabeled)
    cycle_l = (generate("generator_F", fake_unlabeled) - crop(labeled, 2 * margin)).abs().mean()
    cycle_u = (generate("generator_G", fake_labeled) - crop(unlabeled, 2 * margin)).abs().mean()
    gen_f = error(judge("discriminator_D_l", fake_labeled), REAL)
    gen_g = error(judge("discriminator_D_u", fake_unlabeled), REAL)
    seg_f = error(judge("discriminator_D_s", segment(crop(fake_labeled, margin))), REAL)
    (2.5 * cycle_l + 0.5 * cycle_u + gen_f + gen_g + seg_f).backward()
    for p in judges:
        p.requires_grad_(True)
    pooled_l, pooled_u = variables["pooledLabeled"], variables["pooledUnlabeled"]
    with torch.no_grad():
        seen = segment(crop(pooled_l, margin)), segment(crop(labeled, 2 * margin))
    pairs = []
    for scope, fake, truth in (
        ("discriminator_D_u", pooled_u, crop(unlabeled, margin)),
        ("discriminator_D_l", pooled_l, crop(labeled, margin)),
        ("discriminator_D_s", *seen),
    ):
        pair = [error(judge(scope, fake), FAKE), error(judge(scope, truth), REAL)]
        (pair[0] + pair[1]).backward()
        pairs += pair
    optimizer.step()
    losses.append([loss.item() for loss in (cycle_l, cycle_u, gen_f, gen_g, seg_f, *pairs)])
    return fake_labeled.detach().numpy().reshape(-1)


report("PyTorch", torch.__version__, step, int(runs), int(warm_up), results, losses=losses)
