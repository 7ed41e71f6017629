import { toXyz, toZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import type { Box } from "../geometry/box.ts";
import { Hdf5File } from "../volumes/hdf5_file.ts";
import type { Hdf5Attributes } from "../volumes/hdf5_protocol.ts";
import { createHdf5 } from "../volumes/hdf5_writer.ts";
import { memoryVolume } from "../volumes/memory.ts";
import { open } from "../volumes/open.ts";
import { parseVolumeSpec } from "../volumes/volume_spec.ts";
import { spatialSize, type Volume } from "../volumes/volume.ts";
import {
  computePartitions,
  countVoxels,
  EXCLUDED,
  PART_VOXELS,
  partitionedBox,
  partitionedLabels,
  type PartitionOptions,
} from "./partitions.ts";

/** What to read and what to write. */
export interface PartitionFileOptions extends PartitionOptions {
  /** `path:dataset` of the labels. */
  readonly inputVolume: string;
  /** `path:dataset` of the partition map. */
  readonly outputVolume: string;
  readonly overwrite?: boolean;
  /** Takes labels as they are stored, also where a table `transforms` stands beside them. */
  readonly rawLabels?: boolean;
  log?(line: string): void;
}

/** What was written. */
export interface PartitionSummary {
  /** Voxels per class, ascending, over the voxels that have one. */
  readonly counts: ReadonlyMap<number, number>;
  readonly labels: number;
}

/** Start and size, both zyx, of the boxes that the labels cover; only handed on to the output. */
type Boxes = readonly Box[];

/**
 * Computes the partition map of a volume of labels and writes it: uint8 of the same shape, 255 where no box fits, with the
 * attributes `bounding_boxes` `[n, 2, 3]` (start and size xyz) and `partition_counts` `[2, k]` (classes and their voxels).
 */
export async function writePartitions(options: PartitionFileOptions): Promise<PartitionSummary> {
  const { inputVolume, outputVolume, lomRadius, signal } = options;
  const output = parseVolumeSpec(outputVolume);
  if (output.dataset === undefined || output.slice.length > 0) {
    throw new RangeError(
      `Cannot write "${outputVolume}": name the output as path:dataset, for example "${output.path}:af"`,
    );
  }
  await using stored = await openLabelVolume(inputVolume, options);
  const size = spatialSize(stored);
  partitionedBox(size, lomRadius);
  // Labels that fit into one part anyway are read and decompressed once for both passes.
  const labels = volumeOf(size) <= PART_VOXELS ? await loaded(stored) : stored;
  const counting = 0.3;
  const voxels = await countVoxels(labels, {
    signal,
    progress: (fraction) => options.progress?.(counting * fraction),
  });
  const kept = partitionedLabels(voxels, options, inputVolume);
  options.log?.(`${kept.size} of ${voxels.size} labels have ${options.minSize} voxels or more`);
  const boxes = shrunken(await boxesOf(inputVolume, size), lomRadius);
  await using writer = await createHdf5(output.path, {
    dataset: output.dataset,
    shape: size,
    dtype: "uint8",
    fillValue: EXCLUDED,
    attributes: { bounding_boxes: boxesAttribute(boxes) },
    overwrite: options.overwrite,
  });
  const counts = await computePartitions(
    labels,
    kept,
    {
      ...options,
      progress: (fraction) => options.progress?.(counting + (1 - counting) * fraction),
    },
    // The classes lie in shared memory, which cannot be handed to the writer's thread.
    (box, classes) => writer.write(box, new Uint8Array(classes)),
  );
  const rows = [[...counts.keys()], [...counts.values()]];
  await writer.addAttributes({
    partition_counts: { shape: [2, counts.size], values: rows.flat().map(BigInt) },
  });
  signal?.throwIfAborted();
  await writer.commit();
  return { counts, labels: kept.size };
}

/**
 * Opens labels `[z, y, x]` of any integer type.
 *
 * @throws {TypeError} when they are floats, {@linkcode RangeError} when the volume has several channels.
 */
export async function openLabelVolume(
  spec: string,
  { rawLabels, log }: { readonly rawLabels?: boolean; log?(line: string): void } = {},
): Promise<Volume> {
  const volume = await open(spec, { labels: !rawLabels, log });
  const isPlain = volume.shape.length === 3;
  if (isPlain && !/^float/.test(volume.dtype)) return volume;
  await volume[Symbol.asyncDispose]();
  const current = `current are ${volume.dtype} [${volume.shape.join(", ")}]`;
  const message = `Cannot use "${spec}" as labels: they must be integers [z, y, x], ${current}`;
  throw isPlain ? new TypeError(message) : new RangeError(message);
}

async function loaded(volume: Volume): Promise<Volume> {
  const shape = spatialSize(volume);
  const data = await volume.read({ start: [0, 0, 0], size: shape });
  return memoryVolume({ dtype: volume.dtype, shape, data }, volume.spec);
}

/** Boxes in the attributes of an HDF5 dataset whose names start with `bounding_boxes`; without any, the whole volume. */
async function boxesOf(spec: string, size: Zyx): Promise<Boxes> {
  const { path, dataset } = parseVolumeSpec(spec);
  const boxes: Box[] = [];
  if (dataset !== undefined && /\.(h5|hdf5?)$/i.test(path)) {
    await using file = await Hdf5File.open(path);
    const attributes = await file.call(`open "${spec}"`, "attributes", { dataset });
    for (const [name, { values }] of Object.entries(attributes)) {
      if (!name.startsWith("bounding_boxes")) continue;
      const numbers = values.map(Number);
      for (let i = 0; i + 6 <= numbers.length; i += 6) {
        const [x, y, z, sx, sy, sz] = numbers.slice(i, i + 6);
        boxes.push({ start: toZyx({ x, y, z }), size: toZyx({ x: sx, y: sy, z: sz }) });
      }
    }
  }
  return boxes.length > 0 ? boxes : [{ start: [0, 0, 0], size }];
}

/** A radius taken off every side; boxes of which nothing is left are dropped. */
export function shrunken(boxes: Boxes, [z, y, x]: Zyx): Boxes {
  return boxes.map(({ start, size }): Box => ({
    start: [start[0] + z, start[1] + y, start[2] + x],
    size: [size[0] - 2 * z, size[1] - 2 * y, size[2] - 2 * x],
  })).filter(({ size }) => size.every((n) => n > 0));
}

function boxesAttribute(boxes: Boxes): Hdf5Attributes[string] {
  // An empty list has no other shape in the files that exist.
  if (boxes.length === 0) return { shape: [0], values: [] };
  const values = boxes.flatMap(({ start, size }) =>
    [toXyz(start), toXyz(size)].flatMap(({ x, y, z }) => [x, y, z].map(BigInt))
  );
  return { shape: [boxes.length, 2, 3], values };
}
