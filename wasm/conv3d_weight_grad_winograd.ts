/** Gradients of 3×3×3 weights by Winograd's identity (`assembly/_winograd_weight_grad.ts`). */
import { mapZyx, subZyx, volumeOf, type Zyx } from "../engine/geometry/vectors.ts";
import type { Call } from "../engine/ops/op.ts";
import { channelPitch, FLOAT_BYTES, type Halo, haloOf, spatialShape } from "./layout.ts";
import { farCost, mustBeDirect } from "./conv3d_winograd.ts";
import { spansOf, windowsOf } from "../engine/ops/windows.ts";
import { atFirstTap, type CallSurroundings, type LaunchContext } from "./launcher.ts";
import { partsOf } from "./parts.ts";

/** Voxels of a tile per axis. */
const TILE = 3;
const POINTS = 5;
/** Input channels of a row of transformed tiles, as in the generator. */
const SLICE = 32;
/** Fewer channels than this are not loaded as vectors. */
const MIN_CHANNELS = 4;
/** Time of the transforms per voxel and channel, in multiplications; as in the forward convolution. */
const TRANSFORM_COST = 45;
/** Bytes that the sums of all parts may take: from 65 channels on there are fewer parts, since each is cleared, read and added up. */
const SUMS_BYTES = 2 ** 25;
/** Parts that there are at least, for threads. */
const MIN_PARTS = 4;
/** Rows of output channels that the back-transform works in. */
const UNPACK_ROWS = 125 + 75 + 45 + 27;

function tilesOf(call: Call): Zyx {
  return mapZyx((n) => Math.ceil(n / TILE), spatialShape(call.inputs[1].shape));
}

/** Parts that the rows of tiles are cut into, whatever the number of threads. */
function partCountOf(call: Call): number {
  const [ci, co] = call.outputs[0].shape.slice(3);
  const [z, y] = tilesOf(call);
  const most = Math.max(MIN_PARTS, Math.floor(SUMS_BYTES / sumBytes(ci, co)));
  return Math.min(partsOf(call.inputs[1].shape[0] * z * y), most);
}

/** Bytes of the sums of a part. */
function sumBytes(ci: number, co: number): number {
  return (POINTS ** 3 * channelPitch(ci) + 1) * channelPitch(co) * FLOAT_BYTES;
}

/** Whether this way suits a call and the layouts that its values will have, and is likely the faster. */
export function winogradGradFits(call: Call, surroundings: CallSurroundings): boolean {
  const [kz, ky, kx, ci, co] = call.outputs[0].shape;
  const dy = call.inputs[1];
  if (mustBeDirect(call) || windowsOf(call.attributes).stride !== 1) return false;
  if (kz !== 3 || ky !== 3 || kx !== 3 || Math.min(ci, co) < MIN_CHANNELS) return false;
  if (surroundings.isBound(dy) && co % 4 !== 0) return false;
  const direct = volumeOf(spatialShape(dy.shape)) * TILE ** 3 * ci * co;
  const perTile = POINTS ** 3 * ci * co + TILE ** 3 * TRANSFORM_COST * (ci + co);
  const [z, y, x] = tilesOf(call);
  // Two rows of tiles read the sums and write them; in the end the parts are cleared, read and added up.
  const passes = z * Math.ceil(y / 2) * 2 + partsOf(dy.shape[0] * z * y);
  return z * y * x * perTile + passes * farCost(ci * co) < direct;
}

/** Padding before the first voxel: 1 or, where windows stay inside, 0. */
function paddingOf(call: Call): Zyx {
  const spans = spansOf(spatialShape(call.inputs[0].shape), [3, 3, 3], windowsOf(call.attributes));
  return haloOf(spans).before;
}

/** Both go on to the end of the last tile, x two voxels further. */
export function winogradGradHalos(call: Call): { x: Halo; dy: Halo } {
  const [x, dy] = call.inputs.map(({ shape }) => spatialShape(shape));
  const before = paddingOf(call);
  const ends = mapZyx((tiles) => TILE * tiles, tilesOf(call));
  const after = mapZyx((end, n) => Math.max(0, end + 2 - n), subZyx(ends, before), x);
  return { x: { before, after }, dy: { before: [0, 0, 0], after: subZyx(ends, dy) } };
}

/** Floats of scratch memory per thread; the head of the generated source lists the parts. */
function scratchFloats([, , tiles]: Zyx, pitchIn: number, pitchOut: number): number {
  const [n, m] = [(TILE * tiles + 2) * pitchIn, TILE * tiles * pitchOut];
  const slices = Math.ceil(pitchIn / SLICE);
  return 50 * n + 40 * m + 2 * POINTS * tiles * (slices * SLICE + pitchOut);
}

export function launchWinogradGrad(call: Call, context: LaunchContext): void {
  const [x, dy] = call.inputs;
  const [dw, dbias] = call.outputs;
  const [ci, co] = dw.shape.slice(3);
  const [pitchIn, pitchOut] = [ci, co].map(channelPitch);
  const tiles = tilesOf(call);
  const parts = partCountOf(call);
  const stride = sumBytes(ci, co);
  const sums = context.temporary(parts * stride);
  context.emit({
    kernel: "conv3d_weight_grad_winograd_shuffle",
    alternative: "conv3d_weight_grad_winograd_splat",
    args: [
      dy.shape[0],
      ...spatialShape(dy.shape),
      ...tiles,
      pitchIn,
      pitchOut,
      { f32: call.attributes.reluInput === true ? 0 : -Infinity },
      parts,
      stride,
      sums,
      atFirstTap(context.view(x), paddingOf(call)),
      context.view(dy),
    ],
    items: parts,
    scratchBytes: scratchFloats(tiles, pitchIn, pitchOut) * FLOAT_BYTES,
  });
  context.emit({
    kernel: "unpack_weight_grad_winograd",
    args: [ci, co, pitchIn, pitchOut, parts, stride, sums, context.place(dw), context.place(dbias)],
    items: ci,
    scratchBytes: UNPACK_ROWS * pitchOut * FLOAT_BYTES,
  });
}
