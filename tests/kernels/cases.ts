/** The table of calls that every kernel variant is checked on; sizes are small because the oracle is plain loops. */
import { conv3d } from "../../engine/ops/conv3d.ts";
import { binary } from "../../engine/ops/binary.ts";
import { concatChannels } from "../../engine/ops/concat_channels.ts";
import { layerNorm } from "../../engine/ops/layer_norm.ts";
import type { Attributes, Call, Host, Op, Shape } from "../../engine/ops/op.ts";
import { unary } from "../../engine/ops/unary.ts";
import { elementCount } from "../../engine/formats/nd_array.ts";
import { seededRandom } from "../support/random.ts";

/** One call by its shapes. */
export interface Case {
  readonly op: Op;
  readonly shapes: readonly Shape[];
  readonly attributes: Attributes;
}

function convolution(
  [batch, z, y, x]: readonly number[],
  [ci, co]: readonly number[],
  kernel: readonly number[] = [3, 3, 3],
  attributes: Attributes = {},
): Case {
  const shapes = [[batch, z, y, x, ci], [...kernel, ci, co], [co]];
  if (attributes.residual) shapes.push([batch, z, y, x, co]);
  return { op: conv3d, shapes, attributes };
}

const FUSED = { reluInput: true, reluOutput: true, residual: true };

/** Every op, with and without fused parts, odd sizes, channels that do not fill a block, batches. */
export const CASES: readonly Case[] = [
  convolution([1, 3, 3, 3], [4, 4]),
  convolution([1, 9, 9, 9], [8, 8], [3, 3, 3], { reluInput: true }),
  convolution([2, 5, 7, 12], [8, 12], [3, 3, 3], FUSED),
  convolution([3, 4, 2, 13], [2, 8], [3, 3, 3], { reluOutput: true }),
  convolution([2, 1, 10, 23], [6, 5], [3, 3, 3], { residual: true }),
  convolution([1, 7, 4, 4], [32, 32], [3, 3, 3], FUSED),
  convolution([2, 4, 5, 7], [6, 16], [3, 3, 3], { residual: true }),
  convolution([2, 19, 4, 5], [6, 12], [3, 3, 3], FUSED),
  convolution([2, 5, 5, 5], [8, 1], [1, 1, 1], { reluInput: true, residual: true }),
  convolution([1, 3, 4, 5], [5, 1], [1, 1, 1]),
  convolution([1, 4, 5, 3], [3, 2], [2, 4, 1]),
  convolution([2, 3, 5, 5], [1, 4], [1, 5, 3], FUSED),
  convolution([1, 4, 4, 4], [4, 1], [3, 3, 3], { residual: true }),
  { op: unary, shapes: [[2, 3, 4, 5, 6]], attributes: { function: "relu" } },
  { op: unary, shapes: [[1, 3, 4, 5, 1]], attributes: { function: "sigmoid" } },
  { op: unary, shapes: [[37]], attributes: { function: "sigmoid" } },
  { op: unary, shapes: [[2, 3, 4, 5, 6]], attributes: { function: "leaky_relu" } },
  { op: unary, shapes: [[2, 3, 4, 5, 1]], attributes: { function: "tanh" } },
  ...["add", "subtract", "multiply"].map((name) => ({
    op: binary,
    shapes: [[2, 3, 4, 5, 6], [2, 3, 4, 5, 6]],
    attributes: { function: name },
  })),
  { op: concatChannels, shapes: [[2, 3, 4, 5, 1], [2, 3, 4, 5, 1]], attributes: {} },
  {
    op: concatChannels,
    shapes: [[1, 3, 2, 5, 3], [1, 3, 2, 5, 1], [1, 3, 2, 5, 8]],
    attributes: {},
  },
  { op: layerNorm, shapes: [[2, 3, 4, 5, 8], [8], [8]], attributes: {} },
  {
    op: layerNorm,
    shapes: [[1, 5, 3, 3, 6], [6], [6]],
    attributes: { reluOutput: true, epsilon: 1e-3 },
  },
];

/** `conv3d [2,5,7,12,8] [3,3,3,8,12] {"reluInput":true}`. */
export function describeCase({ op, shapes, attributes }: Case): string {
  return `${op.name} ${shapes.map((s) => `[${s}]`).join(" ")} ${JSON.stringify(attributes)}`;
}

/** What an input has to be: seeds are integers, and pooled values are often equal. */
function numberFor({ name }: Op, input: number, value: number): number {
  if (name === "dropout" && input === 1) return Math.round(1e6 * Math.abs(value));
  return name.startsWith("pool3d") && input === 0 ? Math.round(4 * value) / 4 : value;
}

/** Random inputs of a case, uniform in [-1, 1), and the call that they belong to. */
export function prepareCase(
  test: Case,
  seed: number,
): { call: Call; inputs: Host[]; expected: Host[] } {
  const random = seededRandom(seed);
  const inputs = test.shapes.map((shape, i) => {
    // Rates and the states of optimizers, which are sums of squares, are positive.
    const low = test.op.name === "optimizer_step" && i > 1 ? 0.1 : -1;
    const data = Float32Array.from(
      { length: elementCount(shape) },
      () => numberFor(test.op, i, low + (1 - low) * random()),
    );
    return { shape, data };
  });
  const outputShapes = test.op.shapes(test.shapes, test.attributes);
  let id = 0;
  const value = (shape: Shape, name: string) =>
    ({ id: id++, name, shape, dtype: "float32" }) as const;
  const call: Call = {
    op: test.op,
    inputs: test.shapes.map((shape, i) => value(shape, `input${i}`)),
    outputs: outputShapes.map((shape, i) => value(shape, `output${i}`)),
    attributes: test.attributes,
  };
  return { call, inputs, expected: expect(test, inputs) };
}

/** The outputs of the plain loops. */
export function expect(test: Case, inputs: readonly Host[]): Host[] {
  const expected = test.op.shapes(test.shapes, test.attributes).map((shape) => ({
    shape,
    data: new Float32Array(elementCount(shape)),
  }));
  test.op.reference(inputs, expected, test.attributes);
  return expected;
}
