# requirements: onnxruntime==1.32.0 onnx==1.20.0 numpy==2.2.6
"""One FOV step of the conv stack in ONNX Runtime's CPU provider (its layout is NCDHW)."""
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

from measure import arguments, report, stack

case, threads, warm_up, runs, logits_path = arguments()
nodes, constants = [], []


def emit(op, *inputs, **attributes):
    name = f"value_{len(nodes)}"
    nodes.append(helper.make_node(op, list(inputs), [name], **attributes))
    return name


def constant(array):
    constants.append(numpy_helper.from_array(np.ascontiguousarray(array), f"constant_{len(constants)}"))
    return constants[-1].name


class Name(str):
    """A value of the graph, so that the shared description of the network can add two of them."""

    def __add__(self, other):
        return Name(emit("Add", str(self), str(other)))


def convolve(x, k):
    w, b = case.convolutions[k]
    return Name(emit("Conv", x, constant(w.transpose(4, 3, 0, 1, 2)), constant(b), pads=[w.shape[0] // 2] * 6))


update = stack(case, lambda *_: Name(emit("Concat", "image", "seed", axis=1)), convolve, lambda x: Name(emit("Relu", x)))
nodes.append(helper.make_node("Add", ["seed", str(update)], ["logits"]))
batch, *size, _ = case.image.shape
values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [batch, 1, *size]) for n in ("image", "seed", "logits")]
graph = helper.make_graph(nodes, "conv_stack", values[:2], values[2:], constants)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
onnx.checker.check_model(model)
options = ort.SessionOptions()
options.intra_op_num_threads = threads
session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
feed = {"image": case.image.reshape(batch, 1, *size), "seed": case.seed.reshape(batch, 1, *size)}
step = lambda: session.run(["logits"], feed)[0].reshape(case.image.shape)  # noqa: E731
report("ONNX Runtime", ort.__version__, step, runs, warm_up, logits_path)
