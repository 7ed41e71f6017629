/** y = scale * x + shift with two constants, any shape: maps from one range of values to another. */
import { elementCount } from "../formats/nd_array.ts";
import type { Attributes, Call, GraphWriter, Host, Op, Shape, Value } from "./op.ts";
import { reals, workOf } from "./op.ts";

/** Constants of a call; scale is 1 and shift 0 where they are left out. */
export function affineConstants(
  { scale = 1, shift = 0 }: Attributes,
): { readonly scale: number; readonly shift: number } {
  if (
    typeof scale === "number" && typeof shift === "number" && Number.isFinite(scale + shift)
  ) return { scale, shift };
  throw new RangeError(
    `Cannot map values: scale and shift must be finite numbers, current are ${scale} and ${shift}`,
  );
}

/** Input x, attributes `scale` and `shift`; output of the same shape. */
export const affine: Op = {
  name: "affine",
  shapes([x]: readonly Shape[], attributes: Attributes): Shape[] {
    affineConstants(attributes);
    return [x];
  },
  reference(inputs: readonly Host[], outputs: readonly Host[], attributes: Attributes): void {
    const { scale, shift } = affineConstants(attributes);
    const [x, y] = [reals(inputs[0]), reals(outputs[0])];
    for (let i = 0; i < y.length; i++) y[i] = scale * x[i] + shift;
  },
  gradient: (call: Call, [dy]: readonly Value[], graph: GraphWriter): (Value | null)[] =>
    graph.call(affine, [dy], { scale: affineConstants(call.attributes).scale }),
  work: (call: Call) => workOf(call, 2 * elementCount(call.outputs[0].shape)),
};

/** Appends scale * x + shift. */
export function appendAffine(graph: GraphWriter, x: Value, scale: number, shift: number): Value {
  return graph.call(affine, [x], { scale, shift })[0];
}
