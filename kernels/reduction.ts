/** Sums over many elements: parts of them at the same time, then the parts one after the other, so that results repeat. */
import channelSumsSource from "./channel_sums.wgsl" with { type: "text" };
import {
  type DeviceProfile,
  type Launch,
  type Operand,
  rowsFor,
  words,
  WORKGROUP,
} from "./kernel.ts";
import { type Layout, layoutWords, voxelCount } from "./layout.ts";
import sumPartsSource from "./sum_parts.wgsl" with { type: "text" };

/** Parts beyond this number only cost memory: they fill a large GPU already. */
const MOST_SPLITS = 128;

/** How a reduction is cut. */
export interface Splits {
  readonly count: number;
  /** Items of each split; the last one may have fewer. */
  readonly size: number;
}

/**
 * Cuts `items` into splits of at least `least`.
 *
 * @param each Bytes that one split leaves, and threads that it takes.
 */
export function splitsOf(
  items: number,
  least: number,
  each: { readonly bytes: number; readonly threads: number },
  profile: DeviceProfile,
): Splits {
  const most = Math.min(
    MOST_SPLITS,
    Math.floor(profile.maxBindingBytes / each.bytes),
    Math.floor(profile.maxWorkgroups * WORKGROUP / each.threads),
  );
  const size = Math.max(least, Math.ceil(items / Math.max(1, most)));
  return { count: Math.ceil(items / size), size };
}

/** Adds up `splits` parts of shape `[rows, i, o]`, whose last two axes are padded to `padded`. */
export function sumParts(
  label: string,
  { parts, y }: { readonly parts: Operand; readonly y: Operand },
  splits: Splits,
  [rows, i, o]: readonly [number, number, number],
  padded: readonly [number, number] = [i, o],
): Launch {
  return {
    label: `${label} sum of parts`,
    source: sumPartsSource,
    constants: {},
    bindings: [{ operand: parts }, { operand: y, write: true }],
    params: words(splits.count, rows, i, o, ...padded),
    workgroups: rowsFor(rows * i * o),
  };
}

/** Sums of an array per channel over batch and voxels, into `y` `[channel]` by way of `parts`. */
export function channelSums(
  label: string,
  x: { readonly operand: Operand; readonly layout: Layout },
  y: Operand,
  parts: string,
  profile: DeviceProfile,
): { readonly launches: Launch[]; readonly bytes: number } {
  const { layout } = x;
  const voxels = layout.batch * voxelCount(layout);
  const bytes = 4 * layout.channels;
  const splits = splitsOf(voxels, 4 * WORKGROUP, { bytes, threads: WORKGROUP }, profile);
  const operand: Operand = { kind: "scratch", name: parts };
  const launch: Launch = {
    label,
    source: channelSumsSource,
    constants: {},
    bindings: [{ operand: x.operand }, { operand, write: true }],
    params: words(
      ...[layout.z, layout.y, layout.x, layout.channels, voxels, splits.size],
      ...layoutWords(layout),
    ),
    workgroups: [splits.count, layout.channels, 1],
  };
  const sum = sumParts(label, { parts: operand, y }, splits, [1, 1, layout.channels]);
  return { launches: [launch, sum], bytes: splits.count * bytes };
}
