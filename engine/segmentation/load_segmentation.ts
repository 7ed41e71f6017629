import { FormatError, NotFoundError } from "../errors/errors.ts";
import type { NdArray } from "../formats/nd_array.ts";
import { decodeOrigins, type Origins } from "../formats/origins.ts";
import type { DecoratedVolume, SegmentationSource } from "../formats/protobuf/masks.ts";
import { volumeOf, type Zyx } from "../geometry/vectors.ts";
import { buildMask } from "../volumes/masks.ts";
import type { Volume } from "../volumes/volume.ts";
import { VolumeCache } from "../volumes/volume_cache.ts";
import { cleanUp } from "./clean_up.ts";
import { assertLabels, type LabelArray } from "./distinct_labels.ts";
import { readNpzFile } from "./npz_file.ts";
import { dequantiseProbability } from "./quantisation.ts";
import { findSubvolumeFile, subvolumePath } from "./subvolume_paths.ts";

/** A segmentation as it was asked for. */
export interface LoadedSegmentation {
  /** File it came from. */
  readonly path: string;
  /** Extent of the subvolume. */
  readonly size: Zyx;
  /** Labels `[z, y, x]`: of the stored type, or uint32 where components were split. */
  readonly labels: LabelArray;
  /** Origin of every label; all parts of a split object have that of the object. */
  readonly origins: Origins;
}

/** What `loadSegmentation` does beside reading. */
export interface LoadOptions {
  /** Take the labels of a canvas checkpoint where the subvolume is not finished; off unless set. */
  readonly allowCheckpoint?: boolean;
  /** Voxels below this probability become background; needs the probability map. */
  readonly threshold?: number;
  /** Give disconnected parts of an object labels of their own; on unless cleared. */
  readonly splitCc?: boolean;
  /** Remove labels with fewer voxels, after the split; 0 unless given. */
  readonly minSize?: number;
  /** `[z, y, x]` of the subvolume, nonzero where labels become background. */
  readonly mask?: (corner: Zyx, size: Zyx) => Promise<Uint8Array>;
}

/**
 * Loads the segmentation of the subvolume at `corner` below `dir`.
 *
 * @throws {NotFoundError} when there is none, or no probability map where one is needed.
 * @throws {FormatError} when a file is damaged or the two do not fit each other.
 */
export async function loadSegmentation(
  dir: string,
  corner: Zyx,
  { allowCheckpoint = false, threshold, splitCc = true, minSize = 0, mask }: LoadOptions = {},
): Promise<LoadedSegmentation> {
  const path = await findSegmentation(dir, corner, allowCheckpoint);
  const { stored, origins } = await readNpzFile(path, async (archive) => ({
    stored: await archive.readArray("segmentation"),
    origins: decodeOrigins(await archive.readObject("origins"), `${path}:origins`),
  }));
  const size = sizeOf(stored, path);
  assertLabels(`load "${path}"`, stored.data);
  const labels = stored.data;
  // A checkpoint holds marks of rejected seeds.
  clearWhere(labels, (i) => labels[i] < 0);
  if (threshold !== undefined) {
    await clearImprobable(labels, size, await findProbabilities(dir, corner), threshold);
  }
  if (mask !== undefined) {
    const masked = await mask(corner, size);
    clearWhere(labels, (i) => masked[i] !== 0);
  }
  if (!splitCc && minSize <= 0) return { path, size, labels, origins };
  const clean = await cleanUp(labels, size, { splitCc, minSize });
  const cleanOrigins: Origins = new Map();
  for (const [id, old] of clean.newToOld) {
    const origin = origins.get(Number(old));
    if (origin !== undefined) cleanOrigins.set(Number(id), origin);
  }
  return { path, size, labels: clean.labels, origins: cleanOrigins };
}

/**
 * Loads the segmentation that a `SegmentationSource` of a request describes; its unset fields take the defaults of
 * `loadSegmentation`.
 *
 * @param openVolume Opens the volumes of its masks, which stay open; without it they are opened and closed here.
 */
export async function loadSegmentationFromSource(
  source: SegmentationSource,
  corner: Zyx,
  openVolume?: (volume: DecoratedVolume) => Promise<Volume>,
): Promise<LoadedSegmentation> {
  if (!source.directory) {
    throw new RangeError("Cannot load a segmentation: its source names no directory");
  }
  const masks = source.mask?.masks ?? [];
  await using cache = new VolumeCache();
  return await loadSegmentation(source.directory, corner, {
    threshold: source.threshold,
    splitCc: source.splitCc,
    minSize: source.minSize,
    mask: masks.length === 0 ? undefined : async (corner, size) => {
      const open = openVolume ?? ((volume) => cache.open(volume));
      return (await buildMask(masks, { start: corner, size }, { openVolume: open }))!;
    },
  });
}

/**
 * Loads the origins (subvolume-local) of the segmentation at `corner` below `dir`.
 *
 * @throws {NotFoundError} when there is none.
 */
export async function loadOrigins(dir: string, corner: Zyx): Promise<Origins> {
  const path = await findSegmentation(dir, corner, false);
  return await readNpzFile(
    path,
    async (archive) => decodeOrigins(await archive.readObject("origins"), `${path}:origins`),
  );
}

async function findSegmentation(dir: string, corner: Zyx, allowCheckpoint: boolean) {
  const path = await findSubvolumeFile(dir, corner, "npz") ??
    (allowCheckpoint ? await findSubvolumeFile(dir, corner, "cpoint") : null);
  if (path !== null) return path;
  throw new NotFoundError(
    `Cannot load the segmentation at corner zyx (${corner.join(", ")}): no file "${
      subvolumePath(dir, corner, "npz")
    }"`,
  );
}

async function findProbabilities(dir: string, corner: Zyx): Promise<string> {
  const path = await findSubvolumeFile(dir, corner, "prob");
  if (path !== null) return path;
  throw new NotFoundError(
    `Cannot apply a probability threshold: no probability map "${
      subvolumePath(dir, corner, "prob")
    }"`,
  );
}

/** Clears labels `[z, y, x]` whose probability is known and below `threshold`. */
async function clearImprobable(
  labels: LabelArray,
  size: Zyx,
  path: string,
  threshold: number,
): Promise<void> {
  const qprob = await readNpzFile(path, (archive) => archive.readArray("qprob"));
  if (qprob.dtype !== "uint8" || `${qprob.shape}` !== `${size}`) {
    throw new FormatError(
      `Cannot use "${path}": qprob must be uint8 (${
        size.join(", ")
      }) as the segmentation, current ${qprob.dtype} (${qprob.shape.join(", ")})`,
      { path },
    );
  }
  // NaN, the probability of voxels outside of objects, is not below any threshold.
  const improbable = Uint8Array.from(
    { length: 256 },
    (_, q) => dequantiseProbability(q) < threshold ? 1 : 0,
  );
  const q = qprob.data as Uint8Array;
  clearWhere(labels, (i) => improbable[q[i]] !== 0);
}

function sizeOf(stored: NdArray, path: string): Zyx {
  const [z, y, x] = stored.shape;
  if (stored.shape.length === 3 && volumeOf([z, y, x]) > 0) return [z, y, x];
  throw new FormatError(
    `Cannot load "${path}": segmentation must have shape (z, y, x), current (${
      stored.shape.join(", ")
    })`,
    { path },
  );
}

/** Makes background of the labels, of any shape, at the indices that `test` picks. */
function clearWhere(labels: LabelArray, test: (i: number) => boolean): void {
  const isWide = labels instanceof BigUint64Array || labels instanceof BigInt64Array;
  for (let i = 0; i < labels.length; i++) {
    if (!test(i)) continue;
    if (isWide) labels[i] = 0n;
    else labels[i] = 0;
  }
}
