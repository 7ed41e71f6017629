import { UnsupportedError } from "../errors/errors.ts";
import { itemSize } from "../formats/nd_array.ts";
import type { Box } from "../geometry/box.ts";
import { volumeOf } from "../geometry/vectors.ts";
import { checkBox } from "../volumes/checks.ts";
import { channelCount, spatialSize, type Volume } from "../volumes/volume.ts";
import { ComponentScan, type Connectivity } from "../../wasm/labels/component_scan.ts";
import { ScanMemory } from "../../wasm/labels/scan_memory.ts";

/** Labels that are read at a time. */
const SLAB_BYTES = 2 ** 26;

/** The connected components of a volume: uint32, numbered from 1 in C order of first voxels, 0 where the labels are 0. */
export interface VolumeComponents extends Volume {
  readonly count: number;
}

/**
 * Finds the connected components of equal non-zero label, slab by slab: what is kept is 8 bytes for each run of one label
 * along x, so that the volume may be larger than memory. Closing the result closes `labels`.
 *
 * @throws {UnsupportedError} when `labels` has channels, or no integers.
 * @throws {RangeError} when there are more runs than the kernel's memory holds.
 */
export async function componentsOfVolume(
  labels: Volume,
  { connectivity, signal, onPlanes }: {
    readonly connectivity?: Connectivity;
    readonly signal?: AbortSignal;
    /** Told after each slab how many planes are done. */
    onPlanes?(planes: number): void;
  } = {},
): Promise<VolumeComponents> {
  if (channelCount(labels) !== 1 || !/int|bool/.test(labels.dtype)) {
    throw new UnsupportedError(
      `Cannot find components in "${labels.spec}": integers (z, y, x) are wanted, current are ${labels.dtype} (${
        labels.shape.join(", ")
      })`,
    );
  }
  const size = spatialSize(labels);
  const [depth, height, width] = size;
  const most = Math.max(1, Math.floor(SLAB_BYTES / (height * width * itemSize(labels.dtype))));
  await using opened = new AsyncDisposableStack();
  const memory = opened.use(await ScanMemory.open());
  const scan = opened.use(await ComponentScan.create(size, connectivity, memory));
  for (let z = 0; z < depth; z += most) {
    signal?.throwIfAborted();
    const planes = Math.min(most, depth - z);
    scan.add(await labels.read({ start: [z, 0, 0], size: [planes, height, width] }));
    onPlanes?.(z + planes);
  }
  const count = scan.finish();
  opened.defer(() => labels[Symbol.asyncDispose]() as Promise<void>);
  const kept = opened.move();
  const { spec, voxelSizeNm, offset } = labels;
  const about = { spec, voxelSizeNm, offset, shape: size, dtype: "uint32" } as const;
  return {
    ...about,
    count,
    // deno-lint-ignore require-await -- a bad box is a rejection, as with other volumes
    async read(box, channel = 0) {
      checkBox("read", about, box, channel);
      return readBox(scan, box);
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Whole rows, of which the box is cut out. */
function readBox(scan: ComponentScan, { start, size }: Box): Uint32Array {
  const [, height, width] = scan.size;
  const out = new Uint32Array(volumeOf(size));
  const rows = new Uint32Array(size[1] * width);
  for (let z = 0, at = 0; z < size[0]; z++) {
    scan.writeRows(rows, (start[0] + z) * height + start[1]);
    for (let y = 0; y < size[1]; y++, at += size[2]) {
      const from = y * width + start[2];
      out.set(rows.subarray(from, from + size[2]), at);
    }
  }
  return out;
}
