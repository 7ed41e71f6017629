import { join } from "node:path";
import { FormatError, NotFoundError } from "../../errors/errors.ts";
import { type Box, describeBox, intersect } from "../../geometry/box.ts";
import { equalZyx } from "../../geometry/vectors.ts";
import { readNpzFile } from "../npz_file.ts";
import { listSegmentations } from "../subvolume_paths.ts";

/**
 * Boxes of the segmentations below a folder, ordered by corner zyx. Nothing but headers is read.
 *
 * @throws {NotFoundError} when there is none.
 */
export async function listSubvolumes(dir: string): Promise<Box[]> {
  const boxes = new Map<string, Box>();
  for (const { path, corner } of await listSegmentations(dir)) {
    const shape = await readNpzFile(path, (archive) => archive.shapeOf("segmentation"));
    if (shape.length !== 3) {
      throw new FormatError(
        `Cannot use "${path}": segmentation must have shape (z, y, x), current (${
          shape.join(", ")
        })`,
        { path },
      );
    }
    const [z, y, x] = shape;
    // A subvolume that lies in the old layout and in the new one is still one subvolume.
    boxes.set(corner.join(), { start: corner, size: [z, y, x] });
  }
  if (boxes.size === 0) {
    throw new NotFoundError(`Cannot find segmentations below "${dir}": no seg-*_*_*.npz file`);
  }
  return [...boxes.values()].sort(({ start: a }, { start: b }) =>
    a[0] - b[0] || a[1] - b[1] || a[2] - b[2]
  );
}

/**
 * Makes sure that a folder holds finished subvolumes only.
 *
 * @throws {NotFoundError} that names a folder without a segmentation, or a subvolume of which there is only a
 * checkpoint.
 */
export async function assertFinished(dir: string): Promise<void> {
  const names = async (folder: string) => {
    const found: { name: string; isDirectory: boolean }[] = [];
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      found.push({ name, isDirectory });
    }
    return found.sort((a, b) => a.name < b.name ? -1 : 1);
  };
  // Hidden folders hold no results: a batch keeps its leases in one.
  const shown = (entry: { name: string; isDirectory: boolean }) =>
    entry.isDirectory && !entry.name.startsWith(".");
  for (const outer of (await names(dir)).filter(shown)) {
    for (const inner of await names(join(dir, outer.name))) {
      const folder = join(dir, outer.name, inner.name);
      if (!inner.isDirectory) continue;
      const files = (await names(folder)).map(({ name }) => name);
      const finished = files.filter((name) => /^seg-.*_.*_.*\.npz$/.test(name));
      const open = files.find((name) =>
        /^seg-.*_.*_.*\.cpoint$/.test(name) && !files.includes(name.replace(/cpoint$/, "npz"))
      );
      if (finished.length > 0 && open === undefined) continue;
      const what = open === undefined
        ? `no segmentation in "${folder}"`
        : `only a checkpoint "${join(folder, open)}"`;
      throw new NotFoundError(
        `Cannot combine the subvolumes of "${dir}": there is ${what}; finish the inference first`,
      );
    }
  }
}

/**
 * Makes sure that inferences were cut into the same subvolumes.
 *
 * @throws {RangeError} that names the first difference.
 */
export function assertSameSubvolumes(
  inferences: readonly { readonly dir: string; readonly boxes: readonly Box[] }[],
): void {
  const [first, ...others] = inferences;
  for (const other of others) {
    if (other.boxes.length !== first.boxes.length) {
      throw new RangeError(
        `Cannot combine "${first.dir}" with "${other.dir}": they have ${first.boxes.length} and ` +
          `${other.boxes.length} subvolumes`,
      );
    }
    for (const [i, box] of first.boxes.entries()) {
      const there = other.boxes[i];
      if (equalZyx(box.start, there.start) && equalZyx(box.size, there.size)) continue;
      throw new RangeError(
        `Cannot combine "${first.dir}" with "${other.dir}": subvolume ${i} is ${
          describeBox(box)
        } in one and ${describeBox(there)} in the other`,
      );
    }
  }
}

/**
 * Groups boxes into tiers of boxes that do not overlap: the first box that is left begins a tier and every later one
 * that overlaps none of it joins. Returns indices.
 */
export function subvolumeTiers(boxes: readonly Box[]): number[][] {
  const tiers: number[][] = [];
  let left = boxes.map((_, i) => i);
  while (left.length > 0) {
    const tier: number[] = [];
    const later: number[] = [];
    for (const i of left) {
      const isFree = tier.every((j) => intersect(boxes[i], boxes[j]) === null);
      (isFree ? tier : later).push(i);
    }
    tiers.push(tier);
    left = later;
  }
  return tiers;
}
