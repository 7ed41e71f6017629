/** Convolutions by direct summation, cut by rows of output voxels. */
import { conv3d as op, conv3dAttributes } from "../engine/ops/conv3d.ts";
import { keepsSize, spansOf, windowsOf } from "../engine/ops/windows.ts";
import type { Call } from "../engine/ops/op.ts";
import { FLOAT_BYTES, type Halo, spatialShape } from "./layout.ts";
import { launchWinograd, winogradFits, winogradHalo } from "./conv3d_winograd.ts";
import {
  atFirstTap,
  type CallSurroundings,
  type LaunchContext,
  type Launcher,
  offsetBy,
} from "./launcher.ts";
import { rowCount } from "./rows.ts";

/** As many zeros as the kernel reaches. */
export function directHalo(call: Call): Halo {
  const [x, weights] = call.inputs;
  const [z, y, x_] = spansOf(spatialShape(x.shape), weights.shape, windowsOf(call.attributes));
  return {
    before: [z.before, y.before, x_.before],
    after: [z.after, y.after, x_.after],
  };
}

/** Output channels of a block, as `assembly/generate_conv3d.ts` cuts them; the last may have half. */
const BLOCK = 8;

/** Appends a call by direct summation. */
export function launchDirect(call: Call, context: LaunchContext): void {
  const [x, weights, bias, residual] = call.inputs;
  const [y] = call.outputs;
  const { reluInput, reluOutput } = conv3dAttributes(call.attributes);
  const [kz, ky, kx, ci, co] = weights.shape;
  const input = context.view(x);
  const { pitch } = input.layout;
  const padded = 4 * Math.ceil(co / 4);
  const packedBias = kz * ky * kx * pitch * padded * FLOAT_BYTES;
  const packed = context.derive([weights, bias], packedBias + padded * FLOAT_BYTES, (to) => ({
    kernel: "pack_conv3d",
    args: [
      kz * ky * kx,
      ci,
      pitch,
      co,
      context.place(weights),
      context.place(bias),
      to,
      offsetBy(to, packedBias),
    ],
    items: Math.ceil(co / BLOCK),
  }));
  const floor = (relu: boolean) => ({ f32: relu ? 0 : -Infinity });
  context.emit({
    kernel: "conv3d",
    args: [
      ...spatialShape(y.shape),
      kz,
      ky,
      kx,
      pitch,
      co,
      floor(reluInput),
      floor(reluOutput),
      residual ? 1 : 0,
      packed,
      offsetBy(packed, packedBias),
      atFirstTap(input, directHalo(call).before),
      context.view(y),
      context.view(residual ?? y),
    ],
    items: rowCount(y.shape),
  });
}

/**
 * Whether Winograd's method runs a call: where it fits, unless the attribute `cpuVariant` says "direct". Models leave that
 * attribute out; tests and benches compare both ways by it.
 */
function isWinograd(call: Call, surroundings: CallSurroundings): boolean {
  return call.attributes.cpuVariant !== "direct" && winogradFits(call, surroundings);
}

/** The convolution op. */
export const conv3d: Launcher = {
  op: op.name,
  refuse: ({ attributes }) => keepsSize(attributes) ? null : "its windows have no kernel yet",
  halo: (call, surroundings) =>
    isWinograd(call, surroundings) ? winogradHalo(call) : directHalo(call),
  inPlace: (call) => call.inputs.slice(3).filter((residual) => residual !== call.inputs[0]),
  launch(call, context) {
    if (isWinograd(call, context)) launchWinograd(call, context);
    else launchDirect(call, context);
  },
};
