"""Runs an exported network with ONNX Runtime. Usage: onnx_agrees.py NETWORK.onnx BATCH.npz (saves BATCH.npz.logits.npy)."""

import sys

import numpy as np
import onnxruntime

network, batch = sys.argv[1:]
session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
inputs = {name: value[:, None] for name, value in np.load(batch).items()}
(logits,) = session.run(["logits"], inputs)
np.save(batch + ".logits.npy", logits[:, 0])
