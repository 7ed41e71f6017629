"""Restores a checkpoint with TensorFlow 1's Saver, optimizer states included, and goes on training for one step.

Usage: tensorflow_restores.py PREFIX BATCH.npz DEPTH FEATURES RATE; prints JSON. Run by tensorflow_restores.ts.
"""

import json
import sys

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1
v1.disable_eager_execution()
v1.disable_resource_variables()

prefix, batch_path, depth, features, rate = sys.argv[1:]
depth, features = int(depth), int(features)
batch = {name: value[..., None] for name, value in np.load(batch_path).items()}

image = tf.constant(batch["image"])
seed = tf.constant(batch["seed"])
trainable = []


def conv(x, name, out, size=3):
    with v1.variable_scope(name):
        w = v1.get_variable("weights", [size] * 3 + [x.shape[-1], out], tf.float32)
        b = v1.get_variable("biases", [out], tf.float32)
    trainable.extend([w, b])
    return tf.nn.conv3d(x, w, [1] * 5, "SAME") + b


with v1.variable_scope("seed_update"):
    x = tf.concat([image, seed], 4)
    x = conv(tf.nn.relu(conv(x, "conv0_a", features)), "conv0_b", features)
    for i in range(1, depth):
        y = tf.nn.relu(conv(tf.nn.relu(x), f"conv{i}_a", features))
        x = conv(y, f"conv{i}_b", features) + x
    update = conv(tf.nn.relu(x), "conv_lom", 1, 1)
logits = seed + update
entropy = tf.nn.sigmoid_cross_entropy_with_logits(labels=batch["labels"], logits=logits)
loss = tf.reduce_mean(entropy * batch["weights"])
step = v1.get_variable("global_step", [], tf.int32, trainable=False)
optimizer = v1.train.AdamOptimizer(float(rate), 0.9, 0.999, 1e-8)
# All gradients before any update: otherwise some may be computed from variables that have changed already.
grads = tf.tuple([tf.clip_by_value(g, -0.7, 0.7) for g in tf.gradients(loss, trainable)])
train = optimizer.apply_gradients(zip(grads, trainable), global_step=step)

with v1.Session() as session:
    # Strict: every variable of the graph, Adam's included, must be in the checkpoint.
    v1.train.Saver().restore(session, prefix)
    first_step = int(session.run(step))
    before = session.run(logits)
    session.run(train)
    after = session.run([loss, step])
np.save(batch_path + ".logits.npy", before[..., 0])
names = sorted(v.op.name for v in v1.global_variables())
print(json.dumps({"step": first_step, "next_loss": float(after[0]), "next_step": int(after[1]), "names": names}))
