/** Checks that every backend makes on what its callers hand over. */
import type { TypedArray } from "../formats/nd_array.ts";
import { elementCount } from "../formats/nd_array.ts";
import type { Graph } from "../ops/graph.ts";
import { describeShape, type Value } from "../ops/op.ts";
import type { Tensor } from "./backend.ts";

/** @throws {RangeError} when an array does not have as many elements as a tensor. */
export function checkElementCount(
  action: "read" | "write",
  tensor: Tensor,
  data: TypedArray,
): void {
  const count = elementCount(tensor.shape);
  if (data.length === count) return;
  throw new RangeError(
    `Cannot ${action} tensor "${tensor.label}" ${
      describeShape(tensor.shape)
    }: it has ${count} elements, the array has ${data.length}`,
  );
}

/**
 * Pairs each input, parameter and output of a graph with its tensor.
 *
 * @throws {RangeError} when a binding is missing or has another shape.
 */
export function boundTensors<T extends Tensor>(
  graph: Graph,
  bindings: Readonly<Record<string, T>>,
): [Value, T][] {
  return [...graph.inputs, ...graph.parameters, ...graph.outputs].map(([name, value]) => {
    const tensor = Object.hasOwn(bindings, name) ? bindings[name] : undefined;
    if (!tensor) {
      throw new RangeError(
        `Cannot run: no tensor is bound to "${name}" ${describeShape(value.shape)}`,
      );
    }
    if (
      describeShape(tensor.shape) !== describeShape(value.shape) || tensor.dtype !== value.dtype
    ) {
      throw new RangeError(
        `Cannot run: "${name}" must be ${value.dtype} ${
          describeShape(value.shape)
        }, the tensor "${tensor.label}" is ${tensor.dtype} ${describeShape(tensor.shape)}`,
      );
    }
    return [value, tensor];
  });
}
