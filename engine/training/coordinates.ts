/**
 * Centres of training patches: every class of the partition maps gets the same number of records, rare ones by repetition,
 * in random order.
 */
import { encodeCoordinate } from "../formats/coordinate_record.ts";
import { encodeRecord } from "../formats/tfrecord.ts";
import { addZyx, mapZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import { spatialSize, type Volume } from "../volumes/volume.ts";
import { EXCLUDED } from "./partitions.ts";
import { ClassSampler } from "./class_sampler.ts";
import type { Random } from "./random.ts";

/** A partition map under the name that its records will carry. */
export interface NamedVolume {
  readonly name: string;
  readonly volume: Volume;
}

/** Voxels that are read at once. */
const SLAB_VOXELS = 2 ** 24;

/** Records are handed on in pieces of about this size. */
const PIECE_BYTES = 2 ** 18;

/** Voxels by class, from all volumes. */
export interface Coordinates {
  /** In order of first appearance: class and voxels. */
  readonly classes: ReadonlyMap<number, number>;
  /** Records that will be written. */
  readonly recordCount: number;
  /** Frames of all records, or of the first `count` of their random order, some at a time. */
  frames(random: Random, count?: number): Generator<Uint8Array>;
}

/** The inner box of one volume, whose voxels are numbered on after those of the volume before. */
interface Region {
  readonly name: string;
  readonly margin: Zyx;
  readonly size: Zyx;
  readonly first: number;
}

/**
 * Gathers the voxels of each class, a margin away from the sides. 0 is a class like the others unless `excludeBackground`
 * is set; 255 is none.
 *
 * @throws {RangeError} when the margin leaves nothing of a volume, or no voxel has a class.
 */
export async function gatherCoordinates(
  volumes: readonly NamedVolume[],
  margin: Zyx,
  options: {
    readonly excludeBackground?: boolean;
    readonly signal?: AbortSignal;
    progress?(fraction: number): void;
  } = {},
): Promise<Coordinates> {
  const regions = regionsOf(volumes, margin);
  const total = regions.reduce((sum, { size }) => sum + volumeOf(size), 0);
  // Twice over the data: first to know how long the lists are.
  const sizes = new Map<number, number>();
  await eachSlab(regions, volumes, options, (classes) => {
    const counts = new Float64Array(256);
    for (const value of classes) counts[value]++;
    counts.forEach((count, value) => {
      const isClass = value !== EXCLUDED && !(value === 0 && options.excludeBackground);
      if (count > 0 && isClass) sizes.set(value, (sizes.get(value) ?? 0) + count);
    });
  }, 0);
  if (sizes.size === 0) {
    throw new RangeError(
      `Cannot build coordinates: no voxel of ${
        volumes.map(({ volume }) => `"${volume.spec}"`).join(", ")
      } has a class inside margin zyx ${margin}; compute partitions with a smaller radius, or use a smaller --margin`,
    );
  }
  const Numbers = total < 2 ** 32 ? Uint32Array : Float64Array;
  const lists = new Map([...sizes].map(([value, size]) => [value, new Numbers(size)]));
  const slots: ((Uint32Array | Float64Array) | undefined)[] = Array.from(
    { length: 256 },
    (_, value) => lists.get(value),
  );
  const filled = new Float64Array(256);
  await eachSlab(regions, volumes, options, (classes, first) => {
    for (let i = 0; i < classes.length; i++) {
      const list = slots[classes[i]];
      if (list) list[filled[classes[i]]++] = first + i;
    }
  }, 0.5);
  const most = Math.max(...sizes.values());
  return {
    classes: sizes,
    recordCount: most * sizes.size,
    *frames(random, count = most * sizes.size) {
      yield* framesOf([...lists.values()], most, regions, random, count);
    },
  };
}

function regionsOf(volumes: readonly NamedVolume[], margin: Zyx): Region[] {
  let first = 0;
  return volumes.map(({ name, volume }) => {
    const size = mapZyx((n, m) => n - 2 * m, spatialSize(volume), margin);
    if (size.some((n) => n <= 0) || volume.dtype !== "uint8") {
      throw new RangeError(
        `Cannot build coordinates of "${volume.spec}": it must be uint8 and larger than twice the margin zyx ${margin}, ` +
          `current is ${volume.dtype} of size ${spatialSize(volume)}`,
      );
    }
    const region = { name, margin, size, first };
    first += volumeOf(size);
    return region;
  });
}

/** Calls `use` with the classes of each slab and the number of its first voxel. */
async function eachSlab(
  regions: readonly Region[],
  volumes: readonly NamedVolume[],
  { signal, progress }: { readonly signal?: AbortSignal; progress?(fraction: number): void },
  use: (classes: Uint8Array, first: number) => void,
  done: number,
): Promise<void> {
  for (const [i, { size, margin, first }] of regions.entries()) {
    const plane = size[1] * size[2];
    const planes = Math.max(1, Math.floor(SLAB_VOXELS / plane));
    for (let z = 0; z < size[0]; z += planes) {
      signal?.throwIfAborted();
      const box = {
        start: addZyx(margin, [z, 0, 0]),
        size: [Math.min(planes, size[0] - z), size[1], size[2]] as const,
      };
      use(await volumes[i].volume.read(box) as Uint8Array, first + z * plane);
      progress?.(done + (i + (z + box.size[0]) / size[0]) / regions.length / 2);
    }
  }
}

/**
 * Frames in random order: each is taken from a class with the probability of what is left of it, and within the class
 * from what is left there, which is a shuffle of all records without having them all.
 */
function* framesOf(
  lists: readonly (Uint32Array | Float64Array)[],
  most: number,
  regions: readonly Region[],
  random: Random,
  count: number,
): Generator<Uint8Array> {
  const samplers = lists.map((list) => new ClassSampler(list, most));
  const left = samplers.map(() => most);
  let piece: Uint8Array[] = [];
  let pieceBytes = 0;
  const all = most * samplers.length;
  for (let remaining = all; remaining > all - count; remaining--) {
    let pick = random.below(remaining);
    let index = 0;
    while (pick >= left[index]) pick -= left[index++];
    left[index]--;
    const frame = frameOf(samplers[index].draw(random), regions);
    piece.push(frame);
    pieceBytes += frame.length;
    if (pieceBytes < PIECE_BYTES && remaining > all - count + 1) continue;
    const joined = new Uint8Array(pieceBytes);
    let at = 0;
    for (const part of piece) {
      joined.set(part, at);
      at += part.length;
    }
    yield joined;
    [piece, pieceBytes] = [[], 0];
  }
}

function frameOf(voxel: number, regions: readonly Region[]): Uint8Array {
  const region = regions.findLast(({ first }) => first <= voxel)!;
  const { size: [, height, width], margin, name, first } = region;
  const local = voxel - first;
  const row = Math.floor(local / width);
  const inside: Zyx = [Math.floor(row / height), row % height, local % width];
  return encodeRecord(encodeCoordinate({ center: addZyx(inside, margin), volume: name }));
}
