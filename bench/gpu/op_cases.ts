/** The calls that are timed on a GPU: those of the standard network, forwards and backwards. */
import { conv3d } from "../../engine/ops/conv3d.ts";
import { conv3dInputGrad, conv3dWeightGrad } from "../../engine/ops/conv3d_grad.ts";
import { binary } from "../../engine/ops/binary.ts";
import { layerNorm } from "../../engine/ops/layer_norm.ts";
import { layerNormGrad } from "../../engine/ops/layer_norm_grad.ts";
import type { Attributes, Call, Op, Shape } from "../../engine/ops/op.ts";
import { optimizerStep } from "../../engine/ops/optimizer_step.ts";
import {
  sigmoidCrossEntropy,
  sigmoidCrossEntropyGrad,
} from "../../engine/ops/sigmoid_cross_entropy.ts";
import { unary } from "../../engine/ops/unary.ts";
import { unaryGrad } from "../../engine/ops/unary_grad.ts";
import type { PlacedCall } from "../../kernels/kernel.ts";

/** One call by its shapes. */
export interface GpuCase {
  readonly name: string;
  readonly op: Op;
  readonly shapes: readonly Shape[];
  readonly attributes: Attributes;
}

/** The table, for fields of view of `edge`³. */
export function gpuCases(batch: number, edge: number): GpuCase[] {
  const x = (channels: number) => [batch, edge, edge, edge, channels];
  const weights = (ci: number, co: number) => [3, 3, 3, ci, co];
  const fused = { reluInput: true, reluOutput: true };
  const test = (
    name: string,
    op: Op,
    shapes: readonly Shape[],
    attributes: Attributes = {},
  ): GpuCase => ({ name, op, shapes, attributes });
  const kernel = [3, 3, 3];
  return [
    test("conv3d 32->32", conv3d, [x(32), weights(32, 32), [32]], fused),
    test("conv3d 2->32", conv3d, [x(2), weights(2, 32), [32]], fused),
    test("conv3d 32->1", conv3d, [x(32), [1, 1, 1, 32, 1], [1], x(1)], {
      reluInput: true,
      residual: true,
    }),
    test("layer_norm 32", layerNorm, [x(32), [32], [32]]),
    test("conv3d_input_grad 32->32", conv3dInputGrad, [x(32), weights(32, 32)]),
    test("conv3d_input_grad 32->1", conv3dInputGrad, [x(1), [1, 1, 1, 32, 1]]),
    test("conv3d_weight_grad 32->32", conv3dWeightGrad, [x(32), x(32)], { kernel }),
    test("conv3d_weight_grad 2->32", conv3dWeightGrad, [x(2), x(32)], { kernel }),
    test("conv3d_weight_grad 32->1", conv3dWeightGrad, [x(32), x(1)], { kernel: [1, 1, 1] }),
    test("layer_norm_grad 32", layerNormGrad, [x(32), x(32), [32]]),
    test("unary relu 32", unary, [x(32)], { function: "relu" }),
    test("unary_grad relu 32", unaryGrad, [x(32), x(32)], { function: "relu" }),
    test("binary add 32", binary, [x(32), x(32)], { function: "add" }),
    test("sigmoid_cross_entropy", sigmoidCrossEntropy, [x(1), x(1), x(1)]),
    test("sigmoid_cross_entropy_grad", sigmoidCrossEntropyGrad, [x(1), x(1), x(1)]),
    test(
      "optimizer_step momentum 32->32",
      optimizerStep,
      [weights(32, 32), weights(32, 32), [1], weights(32, 32)],
      { function: "momentum", momentum: 0.9 },
    ),
  ];
}

/** The call of a case, in no graph. */
export function callOf({ op, shapes, attributes }: GpuCase): Call {
  let id = 0;
  const value = (shape: Shape) =>
    ({ id: id++, name: `value${id}`, shape, dtype: "float32" }) as const;
  const inputs = shapes.map(value);
  return { op, inputs, outputs: op.shapes(shapes, attributes).map(value), attributes };
}

/** Operations that a variant does, where that is not what the op counts. */
export function executedFlops(variant: string, { call, inputs, outputs }: PlacedCall): number {
  const [a, b] = [inputs[0], call.op === conv3dWeightGrad ? inputs[1] : outputs[0]];
  const tiles = Math.ceil(a.y / 3) * Math.ceil(a.x / 3) * a.batch;
  const pairs = a.channels * b.channels;
  if (variant === "nested") return 2 * 25 * tiles * a.z * 3 * pairs;
  if (variant.startsWith("full")) return 2 * 125 * tiles * Math.ceil(a.z / 3) * pairs;
  const { flops } = call.op.work(call);
  // Voxels behind the end of an axis are computed and not written.
  const padded = (n: number, perThread: number) => Math.ceil(n / perThread) * perThread / n;
  if (variant === "rows") return flops * padded(a.x, 11);
  if (variant === "columns") return flops * padded(a.y, 8);
  return flops;
}
