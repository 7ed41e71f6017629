/** 3×3×3 convolutions by Winograd's method, cut by rows of tiles (`assembly/generate_conv3d_winograd.ts`). */
import { conv3dAttributes } from "../engine/ops/conv3d.ts";
import { mapZyx, subZyx, volumeOf, type Zyx } from "../engine/geometry/vectors.ts";
import type { Call, Value } from "../engine/ops/op.ts";
import { channelPitch, FLOAT_BYTES, type Halo, spatialShape } from "./layout.ts";
import { windowsOf } from "../engine/ops/windows.ts";
import {
  atFirstTap,
  type CallSurroundings,
  type LaunchContext,
  offsetBy,
  type View,
} from "./launcher.ts";

/** Output voxels of a tile per axis. */
const TILE = 3;
/** Multiplications per output of a direct sum and pair of channels. */
const TAPS = 27;
/** Points of the transform per axis. */
const POINTS = 5;
/** Input channels multiplied at once, as in the generator. */
const SLICE = 32;
/**
 * Bytes that the transform of weights works in: four output channels in float64, 27 taps, then 45, 75 and 125 values each; then 125
 * in float32 of every four of 16 output channels, for two input channels.
 */
const PACK_BYTES = 32 * 272 + 8 * 16 * 125;

/** Fewer channels than this are not loaded as vectors. */
const MIN_CHANNELS = 4;

/** Time of the transforms per voxel and channel, in multiplications: fitted to layers of 4 to 64 channels. */
const TRANSFORM_COST = 45;

function tilesOf(call: Call): Zyx {
  return mapZyx((n) => Math.ceil(n / TILE), spatialShape(call.outputs[0].shape));
}

/** Whether a call says by the attribute `cpuVariant` how it is to be run. Models leave that out; tests and benches compare by it. */
export function mustBeDirect({ attributes }: Call): boolean {
  return attributes.cpuVariant === "direct";
}

/**
 * Whether this way suits a call and the layouts that its values will have, a mask's included, and is likely the faster.
 */
export function winogradFits(
  call: Call,
  surroundings: CallSurroundings,
  mask?: Value,
): boolean {
  const [, weights] = call.inputs;
  const [kz, ky, kx, ci, co] = weights.shape;
  const rows = [call.outputs[0], ...call.inputs.slice(3), ...mask ? [mask] : []];
  const bound = rows.some(surroundings.isBound);
  return !mustBeDirect(call) && windowsOf(call.attributes).stride === 1 && kz === 3 && ky === 3 &&
    kx === 3 &&
    Math.min(ci, co) >= MIN_CHANNELS &&
    (!bound || co % 4 === 0) && winogradCost(call) < directCost(call);
}

/** Multiplications of the direct sum. */
function directCost(call: Call): number {
  const [ci, co] = call.inputs[1].shape.slice(3);
  return volumeOf(spatialShape(call.outputs[0].shape)) * TAPS * ci * co;
}

/**
 * What tiles that stick out at the end add makes this way slow for thin shapes; the transformed weights, which every row of tiles
 * reads, for small shapes with many channels.
 */
function winogradCost(call: Call): number {
  const [ci, co] = call.inputs[1].shape.slice(3);
  const [z, y, x] = tilesOf(call);
  const perTile = POINTS ** 3 * ci * co + TILE ** 3 * TRANSFORM_COST * (ci + co);
  return z * y * (x * perTile + farCost(ci * co));
}

/** Bytes of transformed weights that a core keeps near, and the time to fetch one from further away, in multiplications. */
const NEAR_BYTES = 1 << 20, FETCH_COST = 7;

/** Time to read the transformed weights of so many pairs of channels once, in multiplications. */
export function farCost(pairs: number): number {
  const floats = POINTS ** 3 * pairs;
  return floats * FLOAT_BYTES > NEAR_BYTES ? floats * FETCH_COST : 0;
}

/** As many voxels before the first as its tap 0 lies back, and after the last as many as fill its tile, and two more. */
export function winogradHalo(call: Call, before: Zyx): Halo {
  const ends = subZyx(mapZyx((tiles) => TILE * tiles + 2, tilesOf(call)), before);
  const size = spatialShape(call.inputs[0].shape);
  return { before, after: mapZyx((end, n) => Math.max(0, end - n), ends, size) };
}

/**
 * The residual as an array of the output's size: its middle where it is larger, or (attribute `embedsResidual`, of gradients) with
 * its halo where it is smaller.
 */
export function residualView({ inputs, attributes }: Call, context: LaunchContext): View {
  const { residualMargin } = conv3dAttributes(attributes);
  const back = attributes.embedsResidual === true ? residualMargin : -residualMargin;
  return atFirstTap(context.view(inputs[3]), [back, back, back]);
}

/** Floats of scratch memory per thread; the head of the generated source lists the parts. */
function scratchFloats([, , tiles]: Zyx, pitchIn: number, pitchOut: number): number {
  const inputRow = (TILE * tiles + 2) * pitchIn;
  const outputRow = TILE * tiles * pitchOut;
  const slices = Math.ceil(pitchIn / SLICE);
  return 30 * inputRow + POINTS * tiles * (slices * SLICE + pitchOut) + 21 * outputRow;
}

/**
 * Appends a call whose tap 0 of voxel 0 lies `before` voxels back; of a gradient, only what lies where `mask` (of the output's
 * shape) is above 0 is kept.
 */
export function launchWinograd(
  call: Call,
  before: Zyx,
  context: LaunchContext,
  mask?: Value,
): void {
  const [x, weights, bias, residual] = call.inputs;
  const [y] = call.outputs;
  const { reluInput, reluOutput } = conv3dAttributes(call.attributes);
  const [ci, co] = weights.shape.slice(3);
  const [pitchIn, pitchOut] = [ci, co].map(channelPitch);
  const pairs = pitchIn * pitchOut;
  const packedBias = POINTS ** 3 * pairs * FLOAT_BYTES;
  const packed = context.derive([weights, bias], packedBias + pitchOut * FLOAT_BYTES, (to) => ({
    kernel: "pack_conv3d_winograd",
    args: [
      ci,
      co,
      pitchIn,
      pitchOut,
      context.place(weights),
      context.place(bias),
      to,
      offsetBy(to, packedBias),
    ],
    items: pitchIn / 2,
    scratchBytes: PACK_BYTES,
  }));
  const tiles = tilesOf(call);
  const floor = (relu: boolean) => ({ f32: relu ? 0 : -Infinity });
  context.emit({
    kernel: "conv3d_winograd_shuffle",
    alternative: "conv3d_winograd_splat",
    args: [
      ...spatialShape(y.shape),
      ...tiles,
      pitchIn,
      pitchOut,
      floor(reluInput),
      floor(reluOutput),
      residual ? 1 : 0,
      mask ? 1 : 0,
      packed,
      offsetBy(packed, packedBias),
      atFirstTap(context.view(x), before),
      context.view(y),
      residual ? residualView(call, context) : context.view(y),
      context.view(mask ?? y),
    ],
    items: y.shape[0] * tiles[0] * tiles[1],
    scratchBytes: scratchFloats(tiles, pitchIn, pitchOut) * FLOAT_BYTES,
  });
}
