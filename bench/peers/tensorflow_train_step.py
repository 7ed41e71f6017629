# requirements: tensorflow-cpu==2.21.0 numpy==2.2.6
"""One training step of the conv stack in TensorFlow (oneDNN), as a compiled tf.function: clipped gradients, SGD at RATE."""
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf  # noqa: E402

from measure import arguments, report, stack  # noqa: E402

case, threads, warm_up, runs, logits_path = arguments()
rate, clip = map(float, sys.argv[6:8])
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(1)
parameters = [(tf.Variable(w), tf.Variable(b)) for w, b in case.convolutions]
trained = [p for pair in parameters for p in pair]
losses = []


def convolve(x, k):
    w, b = parameters[k]
    return tf.nn.bias_add(tf.nn.conv3d(x, w, [1, 1, 1, 1, 1], "SAME"), b)


@tf.function
def train(image, seed, labels, weights):
    with tf.GradientTape() as tape:
        logits = seed + stack(case, lambda *_: tf.concat([image, seed], 4), convolve, tf.nn.relu)
        loss = tf.reduce_mean(weights * tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))
    for variable, gradient in zip(trained, tape.gradient(loss, trained)):
        variable.assign_sub(rate * tf.clip_by_value(gradient, -clip, clip))
    return loss, logits


def step():
    loss, logits = train(case.image, case.seed, case.labels, case.weights)
    losses.append(float(loss))
    return logits.numpy()


report("TensorFlow", tf.__version__, step, runs, warm_up, logits_path, losses=losses)
