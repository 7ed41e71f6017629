/**
 * Partition maps: for each labelled voxel, which share of the box around it carries the same label, as a class. Volumes
 * are read part by part, so that memory does not grow with them.
 */
import type { MaskConfig } from "../formats/protobuf/masks.ts";
import type { DecoratedVolume } from "../formats/protobuf/masks.ts";
import { type Box, endOf } from "../geometry/box.ts";
import { addZyx, mapZyx, minZyx, subZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import { distinctLabels } from "../segmentation/distinct_labels.ts";
import { buildMask } from "../volumes/masks.ts";
import { spatialSize, type Volume } from "../volumes/volume.ts";
import { BoxCounter, type BoxCountTask, outputSize } from "../../wasm/labels/box_counts.ts";

/** Class of voxels that must not be centres of training patches. */
export const EXCLUDED = 255;

/** More classes would run into `EXCLUDED`. */
const MAX_THRESHOLDS = 253;

/** Labels of a part that is worked on at once: 4 bytes each, and as much again for the threads. */
export const PART_VOXELS = 2 ** 25;

/** Voxels around a centre that are excluded. */
export interface Sphere {
  readonly center: Zyx;
  readonly radius: number;
}

/** What decides the class of a voxel. */
export interface PartitionOptions {
  /** Upper limits of the classes, ascending: a share equal to a limit belongs to the next class. */
  readonly thresholds: readonly number[];
  /** Half the box, normally half the field of view plus the deltas. */
  readonly lomRadius: Zyx;
  /** Labels with fewer voxels count as background. */
  readonly minSize: number;
  /** Only these labels get classes. */
  readonly idWhitelist?: readonly bigint[];
  readonly exclusionRegions?: readonly Sphere[];
  /** Voxels whose box touches the mask are excluded. */
  readonly masks?: readonly MaskConfig[];
  openVolume?(volume: DecoratedVolume): Promise<Volume>;
  readonly threads: number;
  readonly signal?: AbortSignal;
  /** Told after each part which share of the voxels is done. */
  progress?(fraction: number): void;
  /** Voxels of a part; for tests. */
  readonly partVoxels?: number;
}

/** Voxels per label of a volume, 0 included, read slab by slab. */
export async function countVoxels(
  labels: Volume,
  options: { readonly signal?: AbortSignal; progress?(fraction: number): void } = {},
): Promise<Map<bigint, number>> {
  const [depth, height, width] = spatialSize(labels);
  const planes = Math.max(1, Math.floor(PART_VOXELS / (height * width)));
  const counts = new Map<bigint, number>();
  for (let z = 0; z < depth; z += planes) {
    options.signal?.throwIfAborted();
    const size: Zyx = [Math.min(planes, depth - z), height, width];
    const found = distinctLabels(await labels.read({ start: [z, 0, 0], size }));
    found.ids.forEach((id, i) => {
      const count = found.counts[i] + (counts.get(BigInt(id)) ?? 0);
      if (count > 0) counts.set(BigInt(id), count);
    });
    options.progress?.((z + size[0]) / depth);
  }
  return counts;
}

/**
 * Labels that get classes.
 *
 * @throws {RangeError} when no label is large enough, or none of those is asked for.
 */
export function partitionedLabels(
  counts: ReadonlyMap<bigint, number>,
  { minSize, idWhitelist }: Pick<PartitionOptions, "minSize" | "idWhitelist">,
  spec: string,
): Set<bigint> {
  const objects = [...counts].filter(([id]) => id !== 0n);
  const large = objects.filter(([, count]) => count >= minSize);
  if (large.length === 0) {
    const largest = objects.reduce((most, [, count]) => Math.max(most, count), 0);
    throw new RangeError(
      `Cannot compute partitions of "${spec}": no label has min_size ${minSize} voxels, the largest of ${objects.length} has ${largest}; use a smaller --min-size`,
    );
  }
  const wanted = idWhitelist === undefined ? null : new Set(idWhitelist);
  const kept = large.map(([id]) => id).filter((id) => wanted === null || wanted.has(id));
  if (kept.length > 0) return new Set(kept);
  throw new RangeError(
    `Cannot compute partitions of "${spec}": none of the labels in id_whitelist (${
      [...wanted!].slice(0, 5).join(", ")
    }) has min_size ${minSize} voxels`,
  );
}

/** The voxels that get a class: a radius away from every side of the volume. */
export function partitionedBox(size: Zyx, lomRadius: Zyx): Box {
  const inner = outputSize(size, lomRadius);
  if (inner.every((n) => n > 0)) return { start: lomRadius, size: inner };
  throw new RangeError(
    `Cannot compute partitions: lom_radius xyz ${lomRadius.toReversed()} leaves nothing of size xyz ${size.toReversed()}; each axis needs more than twice the radius`,
  );
}

/** Class of each number of voxels in the box, `[voxels of the box + 1]`; 0 for none. */
export function classesOfCounts(thresholds: readonly number[], lomRadius: Zyx): Uint8Array {
  const isAscending = thresholds.every((t, i) => Number.isFinite(t) && !(t < thresholds[i - 1]));
  if (thresholds.length === 0 || thresholds.length > MAX_THRESHOLDS || !isAscending) {
    throw new RangeError(
      `Cannot compute partitions: thresholds must be 1 to ${MAX_THRESHOLDS} ascending numbers, current are ${
        thresholds.join(", ") || "none"
      }`,
    );
  }
  const voxels = volumeOf(mapZyx((r) => 2 * r + 1, lomRadius));
  const classes = new Uint8Array(voxels + 1);
  for (let n = 1, i = 0; n <= voxels; n++) {
    while (i < thresholds.length && n / voxels >= thresholds[i]) i++;
    classes[n] = i + 1;
  }
  return classes;
}

/**
 * Computes the classes of all voxels of `partitionedBox`, part by part: `EXCLUDED`, 0 for background, or 1 and up.
 *
 * @param labels Integers of any type.
 * @param kept Labels that get classes; the others are background.
 * @param write Takes the classes `[z, y, x]` of a box of the volume; they are overwritten after it returns.
 * @returns voxels per class.
 */
export async function computePartitions(
  labels: Volume,
  kept: ReadonlySet<bigint>,
  options: PartitionOptions,
  write: (box: Box, classes: Uint8Array) => Promise<void>,
): Promise<Map<number, number>> {
  const { lomRadius, thresholds, signal } = options;
  const whole = partitionedBox(spatialSize(labels), lomRadius);
  const classes = classesOfCounts(thresholds, lomRadius);
  const size = partSize(whole.size, lomRadius, options.partVoxels ?? PART_VOXELS);
  const sizes = {
    size: addTwice(size, lomRadius),
    radius: lomRadius,
    threads: options.threads,
    maxTasks: kept.size + 1,
  };
  using counter = await BoxCounter.open({ ...sizes, classes });
  using masks = options.masks?.length
    ? await BoxCounter.open({ ...sizes, classes: excludeAny(classes.length), maxTasks: 1 })
    : null;
  const counts = new Float64Array(256);
  const parts = [...partsOf(whole, size)];
  for (const [i, part] of parts.entries()) {
    signal?.throwIfAborted();
    const input: Box = {
      start: subZyx(part.start, lomRadius),
      size: addTwice(part.size, lomRadius),
    };
    const result = counter.classes(input.size);
    result.fill(0);
    for (const sphere of options.exclusionRegions ?? []) exclude(sphere, part, result);
    if (masks) await excludeMasked(masks, options, input, result);
    const { index, ids } = distinctLabels(await labels.read(input));
    counter.labels(input.size).set(index);
    const wanted = Uint8Array.from(ids, (id) => kept.has(BigInt(id)) ? 1 : 0);
    await counter.run(input.size, boundingBoxes(index, input.size, wanted));
    for (const value of result) counts[value]++;
    await write(part, result);
    options.progress?.((i + 1) / parts.length);
  }
  return new Map([...counts.entries()].filter(([, count]) => count > 0));
}

function addTwice(size: Zyx, radius: Zyx): Zyx {
  return addZyx(addZyx(size, radius), radius);
}

/** Size of the parts: the longest axis is halved until a part with its surroundings is small enough. */
function partSize(whole: Zyx, radius: Zyx, limit: number): Zyx {
  const size: [number, number, number] = [...whole];
  while (volumeOf(addTwice(size, radius)) > limit && size.some((n) => n > 1)) {
    const axis = size.indexOf(Math.max(...size));
    size[axis] = Math.ceil(size[axis] / 2);
  }
  return size;
}

function* partsOf(whole: Box, size: Zyx): Generator<Box> {
  const end = endOf(whole);
  for (let z = whole.start[0]; z < end[0]; z += size[0]) {
    for (let y = whole.start[1]; y < end[1]; y += size[1]) {
      for (let x = whole.start[2]; x < end[2]; x += size[2]) {
        const start: Zyx = [z, y, x];
        yield { start, size: minZyx(size, subZyx(end, start)) };
      }
    }
  }
}

/** One task per wanted label, the largest box first so that threads end together. */
function boundingBoxes(index: Uint32Array, size: Zyx, wanted: Uint8Array): BoxCountTask[] {
  const [depth, height, width] = size;
  // Smallest and largest z, y, x of each label.
  const boxes = new Int32Array(6 * wanted.length);
  for (let label = 0; label < wanted.length; label++) {
    boxes.set([depth, 0, height, 0, width, 0], 6 * label);
  }
  let at = 0;
  for (let z = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width;) {
        const label = index[at];
        const first = x;
        while (x < width && index[at] === label) x++, at++;
        if (wanted[label] === 0) continue;
        const b = 6 * label;
        if (z < boxes[b]) boxes[b] = z;
        if (z >= boxes[b + 1]) boxes[b + 1] = z + 1;
        if (y < boxes[b + 2]) boxes[b + 2] = y;
        if (y >= boxes[b + 3]) boxes[b + 3] = y + 1;
        if (first < boxes[b + 4]) boxes[b + 4] = first;
        if (x > boxes[b + 5]) boxes[b + 5] = x;
      }
    }
  }
  const tasks: BoxCountTask[] = [];
  for (let label = 0; label < wanted.length; label++) {
    const [z0, z1, y0, y1, x0, x1] = boxes.subarray(6 * label, 6 * label + 6);
    if (z1 > z0) tasks.push({ label, begin: [z0, y0, x0], end: [z1, y1, x1] });
  }
  const work = ({ begin, end }: BoxCountTask) => volumeOf(subZyx(end, begin));
  return tasks.sort((a, b) => work(b) - work(a));
}

/** A table that excludes a voxel as soon as one voxel of its box counts. */
function excludeAny(length: number): Uint8Array {
  return new Uint8Array(length).fill(EXCLUDED, 1);
}

async function excludeMasked(
  counter: BoxCounter,
  { masks, openVolume }: PartitionOptions,
  input: Box,
  result: Uint8Array,
): Promise<void> {
  const mask = await buildMask(masks!, input, { openVolume });
  if (mask === null || !mask.includes(1)) return;
  counter.labels(input.size).set(mask);
  counter.classes(input.size).set(result);
  await counter.run(input.size, [
    { label: 1, begin: [0, 0, 0], end: input.size, everywhere: true },
  ]);
  result.set(counter.classes(input.size));
}

/** Excludes the voxels of a part `[z, y, x]` that lie in a sphere. */
function exclude({ center, radius }: Sphere, { start, size }: Box, result: Uint8Array): void {
  let at = 0;
  for (let z = 0; z < size[0]; z++) {
    for (let y = 0; y < size[1]; y++) {
      const rest = radius ** 2 - (start[0] + z - center[0]) ** 2 - (start[1] + y - center[1]) ** 2;
      for (let x = 0; x < size[2]; x++, at++) {
        if ((start[2] + x - center[2]) ** 2 <= rest) result[at] = EXCLUDED;
      }
    }
  }
}
