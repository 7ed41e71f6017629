/** The oracle: runs every op by its plain loops, on the calling thread. For tests; a real network takes minutes. */
import {
  arrayConstructor,
  type DType,
  elementCount,
  type TypedArray,
} from "../formats/nd_array.ts";
import type { Graph } from "../ops/graph.ts";
import type { Host, Shape, Value } from "../ops/op.ts";
import type { Backend, Program, Tensor } from "./backend.ts";
import { boundTensors, checkElementCount } from "./bindings.ts";

class HostTensor implements Tensor, Host {
  readonly data: TypedArray;
  constructor(readonly shape: Shape, readonly dtype: DType, readonly label: string) {
    this.data = new (arrayConstructor(dtype))(elementCount(shape));
  }
  dispose(): void {}
}

/** Opens the reference backend. */
export function openReferenceBackend(): Backend {
  return {
    name: "reference",
    description: "plain loops, float32 storage, float64 sums",
    supports: () => true,
    allocate: (shape, dtype, label) => new HostTensor(shape, dtype, label),
    write(tensor, data) {
      checkElementCount("write", tensor, data);
      (tensor as HostTensor).data.set(data as never);
    },
    read<T extends TypedArray>(tensor: Tensor, into?: T): Promise<T> {
      const { data } = tensor as HostTensor;
      if (!into) return Promise.resolve(data.slice() as T);
      checkElementCount("read", tensor, into);
      into.set(data as never);
      return Promise.resolve(into);
    },
    compile: (graph: Graph) => Promise.resolve({ graph, dispose() {} }),
    run: runByLoops,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function runByLoops({ graph }: Program, bindings: Readonly<Record<string, Tensor>>): void {
  const hosts = new Map<number, Host>();
  for (const [value, tensor] of boundTensors(graph, bindings)) {
    hosts.set(value.id, tensor as HostTensor);
  }
  const hostOf = (value: Value): Host => {
    const found = hosts.get(value.id);
    if (found) return found;
    const made = new HostTensor(value.shape, value.dtype, value.name);
    hosts.set(value.id, made);
    return made;
  };
  for (const { op, inputs, outputs, attributes } of graph.calls) {
    op.reference(inputs.map(hostOf), outputs.map(hostOf), attributes);
  }
}
