/**
 * A batch: requests and the overlapping boxes that they are run on. Its folder is `.batch` in the output folder of the
 * first request (hidden, so that programs which read results do not see it):
 *
 * | below `.batch` | holds |
 * | --- | --- |
 * | `batch.json` | what the batch is |
 * | `leases/X_Y_Z/ID/owner` | which worker has the box with this corner |
 * | `scratch/ID/N/` | results and checkpoints in progress of that claim, for request N |
 * | `failures/X_Y_Z/ID.error`, `.lost` | why an attempt failed, or that its worker fell silent |
 * | `columns/N` | that all boxes of this column are finished |
 */
import { dirname, join } from "node:path";
import { NotFoundError, UsageError } from "../errors/errors.ts";
import { isObject, parseJsonObject } from "../formats/json_document.ts";
import type { Box } from "../geometry/box.ts";
import { SubBoxes } from "../geometry/sub_boxes.ts";
import { mapZyx, type Zyx } from "../geometry/vectors.ts";
import { subvolumeName, subvolumePath } from "../segmentation/subvolume_paths.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";

/** What is worked on; all vectors zyx. */
export interface BatchPlan {
  readonly outer: Box;
  /** Size of the boxes; an axis that is null is not cut. */
  readonly subvolumeSize: readonly [z: number | null, y: number | null, x: number | null];
  readonly overlap: Zyx;
  readonly includeSmall: boolean;
  readonly backShift: boolean;
  /** Output folders, one per request, in the order in which a box goes through them. */
  readonly outputDirs: readonly string[];
}

/** Boxes above each other, which differ in z only: their results lie in one folder. */
export interface BoxColumn {
  /** Folder of the results of the last request. */
  readonly folder: string;
  /** From low to high z; `file` is the name of the result in the folder. */
  readonly boxes: readonly { readonly index: number; readonly file: string }[];
}

/** A plan with its boxes. */
export class Batch {
  readonly plan: BatchPlan;
  readonly boxes: SubBoxes;
  /** Folder with everything that is no result. */
  readonly folder: string;

  /** @throws {UsageError} when the geometry gives no boxes, or the same one twice. */
  constructor(plan: BatchPlan) {
    if (plan.includeSmall && plan.backShift) {
      throw new UsageError(
        "Cannot both include small boxes and shift boxes back: they would coincide",
      );
    }
    this.plan = plan;
    const { outer, subvolumeSize } = plan;
    // A box that is shifted back may not begin before the outer one.
    const clamp = (axis: number) => {
      const size = subvolumeSize[axis];
      return size !== null && size < outer.size[axis] ? size : null;
    };
    const size = [clamp(0), clamp(1), clamp(2)] as const;
    // An axis that is not cut has no neighbours to overlap.
    const overlap = mapZyx((n, _, axis) => size[axis] === null ? 0 : n, plan.overlap);
    this.boxes = new SubBoxes(outer, { ...plan, size, overlap });
    this.folder = batchFolder(plan.outputDirs[0]);
    if (this.boxes.count === 0) {
      throw new UsageError(`Cannot cut the box into subvolumes: it has no voxel`);
    }
  }

  /** Name of a box in leases: its corner, as in the names of results. */
  nameOf(index: number): string {
    return this.boxes.at(index).start.toReversed().join("_");
  }

  /** Columns of boxes; the box with number `index` is in column `index % columns`. */
  get columns(): number {
    const [, height, width] = this.boxes.counts;
    return height * width;
  }

  /** One of the columns. */
  column(number: number): BoxColumn {
    const boxes = Array.from({ length: this.boxes.counts[0] }, (_, z) => {
      const index = z * this.columns + number;
      return { index, file: subvolumeName(this.boxes.at(index).start, "npz") };
    });
    return { folder: dirname(this.resultOf(number)), boxes };
  }

  /** Path of the segmentation of a box by the last request: when it exists the box is finished. */
  resultOf(index: number): string {
    return subvolumePath(this.plan.outputDirs.at(-1)!, this.boxes.at(index).start, "npz");
  }
}

/** Folder of the batch whose first request writes to `outputDir`. */
export function batchFolder(outputDir: string): string {
  return join(outputDir, ".batch");
}

/**
 * Stores the plan with the first worker of a batch; makes sure that later ones work on the same one.
 *
 * @throws {UsageError} when the folder holds a batch that is cut otherwise.
 */
export async function joinBatch(batch: Batch): Promise<void> {
  const path = join(batch.folder, "batch.json");
  const mine = JSON.stringify(batch.plan);
  if (await readIfThere(path) === null) {
    await writeFileAtomically(path, new TextEncoder().encode(`${mine}\n`));
  }
  // Read back, since another worker may have been quicker; under the path that this machine has for the folder.
  const { plan } = await openBatch(batch.plan.outputDirs[0]);
  if (JSON.stringify(plan) === mine) return;
  throw new UsageError(
    `Cannot work on "${batch.plan.outputDirs[0]}": it holds a batch of other boxes or requests, ` +
      `stored in "${path}"; choose another segmentation_output_dir`,
  );
}

/**
 * The batch that an output folder belongs to.
 *
 * @throws {NotFoundError} when there is none.
 */
export async function openBatch(outputDir: string): Promise<Batch> {
  const path = join(batchFolder(outputDir), "batch.json");
  const bytes = await readIfThere(path);
  if (bytes === null) {
    throw new NotFoundError(
      `Cannot find a batch in "${outputDir}": no file "${path}"; start one with ffn run-batch-inference`,
    );
  }
  const plan = parseJsonObject(bytes, path);
  // Written by this program; a stranger's file shows by its first member.
  if (isObject(plan.outer)) {
    const known = plan as unknown as BatchPlan;
    return new Batch({ ...known, outputDirs: [outputDir, ...known.outputDirs.slice(1)] });
  }
  throw new NotFoundError(`Cannot find a batch in "${outputDir}": "${path}" is none`);
}

async function readIfThere(path: string): Promise<Uint8Array | null> {
  return await Deno.readFile(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  });
}
