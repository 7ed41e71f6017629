import { endOf, intersect } from "../geometry/box.ts";
import { equalZyx, subZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import { Contingency } from "../segmentation/contingency.ts";
import type { Context } from "./command.ts";
import { describeLabels, type OpenLabels } from "./open_labels.ts";
import { showProgress } from "./progress.ts";

/** Labels of both sides that are in memory at once. */
const SLAB_VOXELS = 2 ** 24;

/**
 * Counts which labels meet, slab by slab. Volumes of equal size are compared voxel by voxel; otherwise one that states its
 * place is compared with the part of the other that it covers.
 *
 * @throws {RangeError} when the sizes differ and the place of neither is known, or one does not lie inside the other.
 */
export async function countPairs(
  segmentation: OpenLabels,
  truth: OpenLabels,
  context: Pick<Context, "signal" | "stderr" | "verbosity" | "note">,
): Promise<Contingency> {
  if (segmentation.hasCorner && truth.hasCorner && isMoved(segmentation, truth)) {
    const both = `${describeLabels(segmentation)} and ${describeLabels(truth)}`;
    context.note(`${both} lie at different places; they are compared voxel by voxel`);
  }
  const { size, offsets } = commonBox(segmentation, truth);
  const contingency = new Contingency();
  const planes = Math.max(1, Math.floor(SLAB_VOXELS / (size[1] * size[2])));
  using progress = showProgress(context, "comparing");
  for (let z = 0; z < size[0]; z += planes) {
    context.signal.throwIfAborted();
    const slab: Zyx = [Math.min(planes, size[0] - z), size[1], size[2]];
    const read = ({ volume }: OpenLabels, [dz, dy, dx]: Zyx) =>
      volume.read({ start: [dz + z, dy, dx], size: slab });
    contingency.add(await read(segmentation, offsets[0]), await read(truth, offsets[1]));
    const done = z + slab[0];
    const voxels = volumeOf([done, size[1], size[2]]);
    progress.update({ fraction: done / size[0], counts: { voxels } });
  }
  return contingency;
}

function isMoved(a: OpenLabels, b: OpenLabels): boolean {
  return equalZyx(a.box.size, b.box.size) && !equalZyx(a.box.start, b.box.start);
}

/** What both cover, as a size and the corner of it in each. */
function commonBox(a: OpenLabels, b: OpenLabels): { size: Zyx; offsets: [Zyx, Zyx] } {
  if (equalZyx(a.box.size, b.box.size)) {
    return { size: a.box.size, offsets: [[0, 0, 0], [0, 0, 0]] };
  }
  const common = a.hasCorner || b.hasCorner ? intersect(a.box, b.box) : null;
  const isWhole = (labels: OpenLabels) =>
    common !== null && equalZyx(common.start, labels.box.start) &&
    equalZyx(endOf(common), endOf(labels.box));
  if (common === null || !(isWhole(a) || isWhole(b))) {
    throw new RangeError(
      `Cannot compare ${describeLabels(a)} with ${describeLabels(b)}: ` +
        "both must have one size, or one be a seg-X_Y_Z.npz file or state its place, and lie inside the other; " +
        "cut the larger one, as in volume.h5:labels[0:64, 0:64, 0:64]",
    );
  }
  return {
    size: common.size,
    offsets: [subZyx(common.start, a.box.start), subZyx(common.start, b.box.start)],
  };
}
