import { UsageError } from "../errors/errors.ts";
import { type DType, itemSize } from "../formats/nd_array.ts";
import type { Box } from "../geometry/box.ts";
import { mapZyx, minZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import { componentsOfVolume } from "../segmentation/volume_components.ts";
import { castVolume } from "../volumes/cast.ts";
import { createVolume } from "../volumes/create.ts";
import type { NewVolume, VolumeWriter } from "../volumes/new_volume.ts";
import { open } from "../volumes/open.ts";
import { finerBox, reduceBox } from "../volumes/pyramid.ts";
import { channelCount, spatialSize, type Volume } from "../volumes/volume.ts";
import type { Context } from "./command.ts";
import { showProgress } from "./progress.ts";

/** What `ffn convert` was given. */
export interface ConvertValues {
  readonly source: string;
  readonly target: string;
  readonly overwrite: boolean;
  readonly type?: string;
  readonly dtype?: string;
  readonly levels?: number;
  readonly chunkSize?: string;
  readonly voxelSize?: string;
  readonly offset?: string;
  readonly zarrVersion: number;
  readonly gzip: boolean;
  readonly meshes: boolean;
  readonly meshError: number;
  readonly sort: string;
  readonly channel?: number;
  /** Number the connected components of labels in place of copying them. */
  readonly components?: boolean;
}

type RunContext = Pick<Context, "signal" | "stderr" | "verbosity" | "note" | "print">;

/** One box is read, and then written, at a time. */
const BOX_BYTES = 2 ** 26;

/**
 * Copies a volume box by box, then makes its coarser levels. What was stopped goes on where it was, for targets that are
 * folders; a target appears under its name when it is complete.
 */
export async function convertVolume(values: ConvertValues, context: RunContext): Promise<void> {
  const voxelSize = numbers("--voxel-size", values.voxelSize, (n) => n > 0);
  const offset = numbers("--offset", values.offset, Number.isSafeInteger);
  const chunkSize = numbers(
    "--chunk-size",
    values.chunkSize,
    (n) => Number.isSafeInteger(n) && n > 0,
  );
  const opened = await open(values.source, {
    sort: values.sort as "natural",
    channel: values.channel,
    log: context.note,
  });
  const original = values.components ? await splitComponents(opened, context) : opened;
  await using source = castVolume(original, (values.dtype ?? original.dtype) as DType);
  const made: NewVolume = {
    shape: source.shape,
    dtype: source.dtype,
    voxelSizeNm: voxelSize ?? source.voxelSizeNm,
    offset: offset ?? source.offset,
    source: JSON.stringify(provenanceOf(values)),
    type: (values.type ?? typeBy(source.dtype)) as NewVolume["type"],
    chunkSize,
    levels: values.levels,
    gzip: values.gzip,
    meshes: values.meshes,
    zarrVersion: values.zarrVersion as 2 | 3,
  };
  const { sort, channel, meshError, components } = values;
  const settings = { source: values.source, sort, channel, meshError, components };
  const { overwrite } = values;
  await using target = await createVolume(values.target, made, { overwrite, settings });
  if (target.journal && target.journal.resumed > 0) {
    context.note(`Going on with unfinished work of ${target.journal.resumed} steps`);
  }
  const levels = await copyLevels(source, target, made, context, "converting");
  if (target.meshFolder) await addMeshes(target, target.meshFolder, made, meshError, context);
  await target.commit();
  context.print(
    `"${target.spec}": ${made.dtype} [${made.shape.join(", ")}]` +
      (levels > 1 ? ` in ${levels} levels` : ""),
  );
}

/**
 * Copies a volume into a new one of the same shape and type, box by box, then makes its coarser levels. The new one is not
 * committed.
 *
 * @returns How many levels there are.
 */
export async function copyLevels(
  source: Volume,
  target: VolumeWriter,
  made: NewVolume,
  context: Pick<Context, "signal" | "stderr" | "verbosity">,
  label: string,
): Promise<number> {
  using display = showProgress(context, label);
  const levels = [target, ...target.pyramid?.volumes ?? []];
  const counts = levels.map((level) => volumeOf(spatialSize(level)) * channelCount(level));
  const total = counts.reduce((sum, n) => sum + n, 0);
  let done = 0;
  for (const [i, level] of levels.entries()) {
    for (const box of boxesOf(spatialSize(level), target.blockSize, itemSize(made.dtype))) {
      for (let channel = 0; channel < channelCount(level); channel++) {
        context.signal.throwIfAborted();
        const step = `${i} ${channel} ${box.start.join(",")}`;
        if (!target.journal?.isDone(step)) {
          const data = i === 0
            ? await source.read(box, channel)
            : await reduced(target, levels[i - 1], i, box, channel, made);
          await level.write!(box, data, channel);
          await target.journal?.markDone(step);
        }
        done += volumeOf(box.size);
        display.update({ fraction: done / total, counts: { voxels: done } });
      }
    }
  }
  return levels.length;
}

/** Makes the meshes of a segmentation whose voxels are all written. */
export async function addMeshes(
  target: VolumeWriter,
  folder: string,
  { voxelSizeNm = [1, 1, 1], offset }: NewVolume,
  maxError: number,
  context: Pick<Context, "signal" | "stderr" | "verbosity">,
): Promise<void> {
  const { writeMeshes } = await import("../viewers/precomputed_meshes.ts");
  using display = showProgress(context, "making meshes");
  const total = volumeOf(spatialSize(target));
  let voxels = 0;
  await writeMeshes(target, folder, {
    ...{ voxelSizeNm, offset, maxError, journal: target.journal, signal: context.signal },
    onProgress(done) {
      voxels += done;
      display.update({ fraction: voxels / total, counts: { voxels } });
    },
  });
}

/** A box of a coarser level, from the level before. */
async function reduced(
  { pyramid }: VolumeWriter,
  before: Volume,
  level: number,
  box: Box,
  channel: number,
  { dtype, type }: NewVolume,
) {
  const [finer, coarser] = [pyramid!.plan[level - 1], pyramid!.plan[level]];
  const data = await before.read(finerBox(box, finer, coarser), channel);
  const reduction = type === "image" ? "mean" : "mode";
  return reduceBox(data, dtype, box, finer, coarser, reduction);
}

/** Boxes of whole blocks, as large as may be in memory; first along x, so that rows are read together. */
function* boxesOf(size: Zyx, block: Zyx, itemBytes: number): Generator<Box> {
  // A coarser level is made from boxes up to 8 times as large, so that all count an eighth.
  const most = Math.max(1, Math.floor(BOX_BYTES / 8 / itemBytes / volumeOf(block)));
  const blocks = mapZyx((n, b) => Math.ceil(n / b), size, block);
  const alongX = Math.min(blocks[2], most);
  const alongY = Math.min(blocks[1], Math.max(1, Math.floor(most / alongX)));
  const alongZ = Math.min(blocks[0], Math.max(1, Math.floor(most / alongX / alongY)));
  const step = mapZyx((b, n) => b * n, block, [alongZ, alongY, alongX]);
  for (let z = 0; z < size[0]; z += step[0]) {
    for (let y = 0; y < size[1]; y += step[1]) {
      for (let x = 0; x < size[2]; x += step[2]) {
        const rest: Zyx = [size[0] - z, size[1] - y, size[2] - x];
        yield { start: [z, y, x], size: minZyx(step, rest) };
      }
    }
  }
}

/** What decides about the voxels of a copy. */
/** The components of labels, which are closed where that fails. */
async function splitComponents(labels: Volume, context: RunContext): Promise<Volume> {
  using progress = showProgress(context, "looking for components");
  const [depth] = spatialSize(labels);
  try {
    const components = await componentsOfVolume(labels, {
      signal: context.signal,
      onPlanes: (planes) => progress.update({ fraction: planes / depth, counts: { planes } }),
    });
    context.note(`${components.count} connected components`);
    return components;
  } catch (error) {
    await labels[Symbol.asyncDispose]();
    throw error;
  }
}

function provenanceOf(values: ConvertValues): Record<string, unknown> {
  const { source, dtype, sort, channel, components } = values;
  return { command: "convert", source, dtype, sort, channel, components };
}

/** Integers too large for colours are labels. */
function typeBy(dtype: DType): NewVolume["type"] {
  return /^u?int(32|64)$/.test(dtype) ? "segmentation" : "image";
}

function numbers(
  flag: string,
  text: string | undefined,
  isValid: (n: number) => boolean,
): Zyx | undefined {
  if (text === undefined) return undefined;
  const values = text.split(",").map((part) => part.trim() === "" ? NaN : Number(part));
  if (values.length === 3 && values.every((n) => Number.isFinite(n) && isValid(n))) {
    return [values[0], values[1], values[2]];
  }
  throw new UsageError(
    `Cannot use ${flag} "${text}": it must be three numbers in the order z,y,x, as in "30,8,8"`,
  );
}
