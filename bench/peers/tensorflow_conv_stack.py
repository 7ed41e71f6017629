# requirements: tensorflow-cpu==2.21.0 numpy==2.2.6
"""One FOV step of the conv stack in TensorFlow (oneDNN), as a compiled tf.function."""
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf  # noqa: E402

from measure import arguments, report, stack  # noqa: E402

case, threads, warm_up, runs, logits_path = arguments()
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(1)
weights = [(tf.constant(w), tf.constant(b)) for w, b in case.convolutions]


def convolve(x, k):
    w, b = weights[k]
    return tf.nn.bias_add(tf.nn.conv3d(x, w, [1, 1, 1, 1, 1], "SAME"), b)


@tf.function
def network(image, seed):
    update = stack(case, lambda *_: tf.concat([image, seed], 4), convolve, tf.nn.relu)
    return seed + update


report("TensorFlow", tf.__version__, lambda: network(case.image, case.seed).numpy(), runs, warm_up, logits_path)
