/** The same flood where an array with a word for every voxel is longer than one binding may be: cut into slabs, one buffer each. */
import { type FloodStage, readStage, TURNOVER } from "./stages.ts";

/** Arrays of 4 bytes per voxel; the kernels read and write them through accessors of one line. */
export const VOXEL_ARRAYS = ["image", "object_map", "segmentation"] as const;

/** Slabs at most: the probabilities, one byte per voxel, are not cut and must still be one binding. */
const MOST_SLABS = 4;
/** Storage buffers of the stage that binds most of them, and those that each further slab adds to a stage. */
const MOST_BUFFERS = Math.max(...TURNOVER.map((stage) => stage.bindings.length));
const BUFFERS_PER_SLAB = 2;
/** Binding numbers of one slab's buffers; those of the next one follow. */
const NUMBERS_PER_SLAB = 16;

const NAMES = VOXEL_ARRAYS.join("|");
const DECLARATION = new RegExp(`^@group\\(0\\) @binding\\((\\d+)\\) (.*) (${NAMES}): (.*?);`, "gm");
const ACCESS = new RegExp(`^ {2}(return )?(${NAMES})\\[i\\](.*);$`, "gm");

/** How many slabs a device can bind at once. */
export function mostSlabs(maxStorageBuffersPerShaderStage: number): number {
  const spare = maxStorageBuffersPerShaderStage - MOST_BUFFERS;
  return Math.min(MOST_SLABS, 1 + Math.max(0, Math.floor(spare / BUFFERS_PER_SLAB)));
}

/**
 * A stage whose voxel arrays lie in `slabs` buffers of `slabWords` consecutive words each. Slab k of the array that is
 * bound at b is bound at 16 k + b; the index alone tells the slab, so a field of view may lie in several.
 */
export function inSlabs(stage: FloodStage, slabs: number, slabWords: number): FloodStage {
  if (slabs === 1) return stage;
  const each = (text: (k: number) => string, separator: string) =>
    Array.from({ length: slabs }, (_, k) => text(k)).join(separator);
  const nameOf = (name: string, k: number) => k === 0 ? name : `${name}_${k}`;
  const source = stage.source
    .replace(
      DECLARATION,
      (_, at: string, access: string, name: string, type: string) =>
        each(
          (k) =>
            `@group(0) @binding(${NUMBERS_PER_SLAB * k + Number(at)}) ${access} ${
              nameOf(name, k)
            }: ${type};`,
          "\n",
        ),
    )
    .replace(ACCESS, (_, result: string | undefined, name: string, rest: string) =>
      each((k) => {
        const last = k === slabs - 1;
        const access = `${result ?? ""}${nameOf(name, k)}[i - ${k * slabWords}u]${rest};`;
        return `  ${last ? "" : `if (i < ${(k + 1) * slabWords}u) `}{ ${access} }`;
      }, " else\n"));
  return readStage(stage.entryPoint, source, stage.grid);
}
