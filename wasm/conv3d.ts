/** Convolutions by direct summation, cut by rows of output voxels. */
import { conv3d as op, conv3dAttributes } from "../engine/ops/conv3d.ts";
import { spansOf, windowsOf } from "../engine/ops/windows.ts";
import type { Zyx } from "../engine/geometry/vectors.ts";
import type { Call } from "../engine/ops/op.ts";
import { FLOAT_BYTES, type Halo, haloOf, spatialShape } from "./layout.ts";
import { launchWinograd, residualView, winogradFits, winogradHalo } from "./conv3d_winograd.ts";
import {
  atFirstTap,
  byStride,
  type LaunchContext,
  type Launcher,
  offsetBy,
  type View,
} from "./launcher.ts";

/** As many zeros as the kernel reaches. */
export function directHalo(call: Call): Halo {
  const [x, weights] = call.inputs;
  return haloOf(spansOf(spatialShape(x.shape), weights.shape, windowsOf(call.attributes)));
}

/** Output channels of an item, as `assembly/_conv3d_direct.ts` cuts them; the last may have fewer. */
const BLOCK = 16;
/** Rows of weights of an item of `assembly/pack_conv3d.ts`. */
const PACK_ROWS = 32;
/** Bytes of the sums of a tile. */
const TILE_BYTES = 6 * BLOCK * FLOAT_BYTES;
/** Bytes of weights that a core keeps near, and of x that it keeps beside them. */
const NEAR_BYTES = 1 << 17, CHUNK_BYTES = 1 << 19;

/** Rows of outputs that go through the weights of a block before the next block does. */
function chunkRows(call: Call, weightBytes: number): number {
  if (weightBytes <= NEAR_BYTES) return 1;
  const [{ shape }, { shape: [kz, ky] }] = call.inputs;
  const rowBytes = Math.max(kz, ky) * shape[3] * shape[4] * FLOAT_BYTES;
  return Math.max(1, Math.floor(CHUNK_BYTES / rowBytes));
}

/** Where a direct convolution reads and writes, if not from its first voxel to every voxel. */
export interface DirectPlacement {
  /** Padding before the first voxel; negative where taps start behind it. */
  readonly before: Zyx;
  /** Voxels of x from one output to the next. */
  readonly stride: number;
  /** Voxels that are written, and where they lie. */
  readonly size: Zyx;
  readonly y: View;
}

/** Appends a call by direct summation. */
export function launchDirect(
  call: Call,
  context: LaunchContext,
  placement: DirectPlacement = {
    before: directHalo(call).before,
    stride: windowsOf(call.attributes).stride,
    size: spatialShape(call.outputs[0].shape),
    y: context.view(call.outputs[0]),
  },
): void {
  const [x, weights, bias, residual] = call.inputs;
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
    // One at least, which pads the bias: a part of a strided gradient may have no taps.
    items: Math.max(1, Math.ceil(kz * ky * kx * pitch / PACK_ROWS)),
  }));
  const { before, stride, size, y } = placement;
  const rows = x.shape[0] * size[0] * size[1];
  const chunk = Math.min(rows, chunkRows(call, packedBias));
  const floor = (relu: boolean) => ({ f32: relu ? 0 : -Infinity });
  context.emit({
    kernel: "conv3d_shuffle",
    alternative: "conv3d_splat",
    args: [
      ...size,
      kz,
      ky,
      kx,
      pitch,
      co,
      floor(reluInput),
      floor(reluOutput),
      residual ? 1 : 0,
      rows,
      chunk,
      input.slice,
      input.row,
      packed,
      offsetBy(packed, packedBias),
      byStride(atFirstTap(input, before), stride),
      y,
      residual ? residualView(call, context) : y,
    ],
    items: Math.ceil(rows / chunk) * Math.ceil(co / BLOCK),
    scratchBytes: TILE_BYTES,
  });
}

/** The convolution op. */
export const conv3d: Launcher = {
  op: op.name,
  halo: (call, surroundings) =>
    winogradFits(call, surroundings)
      ? winogradHalo(call, directHalo(call).before)
      : directHalo(call),
  plain: { inputs: [1, 2] },
  inPlace: (call) => call.inputs.slice(3).filter((residual) => residual !== call.inputs[0]),
  launch(call, context) {
    const { before } = directHalo(call);
    if (winogradFits(call, context)) launchWinograd(call, before, context);
    else launchDirect(call, context);
  },
};
