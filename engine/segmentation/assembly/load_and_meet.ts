import { volumeOf, type Zyx } from "../../geometry/vectors.ts";
import { loadSegmentation } from "../load_segmentation.ts";
import { asUint32, meet, meetLikeReference, type MeetMode, type NumberedLabels } from "../meet.ts";
import { ScanMemory } from "../../../wasm/labels/scan_memory.ts";

/** How the inferences of a subvolume are loaded and combined. */
export interface LoadAndMeetOptions {
  readonly mode: MeetMode;
  /** Give disconnected parts of an object labels of their own. */
  readonly splitCc: boolean;
  /** Remove smaller labels on loading. */
  readonly minSize: number;
}

/**
 * Labels `[z, y, x]` of the subvolume at `corner`: those of the first folder, met with those of the others in order.
 *
 * @throws {RangeError} when they differ in size.
 */
export async function loadAndMeet(
  dirs: readonly string[],
  corner: Zyx,
  { mode, splitCc, minSize }: LoadAndMeetOptions,
): Promise<Uint32Array> {
  let labels: Uint32Array<ArrayBuffer> | null = null;
  for (const dir of dirs) {
    const loaded = await loadSegmentation(dir, corner, { splitCc, minSize });
    const next = asUint32(loaded.labels);
    if (labels === null) labels = next;
    else if (next.length !== labels.length || next.length !== volumeOf(loaded.size)) {
      throw new RangeError(
        `Cannot combine "${loaded.path}" with that of "${
          dirs[0]
        }": it has ${next.length} voxels, ` +
          `the other one ${labels.length}`,
      );
    } else {
      const met: NumberedLabels = mode === "compat"
        ? await meetLikeReference(labels, next, loaded.size)
        : await meet(labels, next, loaded.size, { splitCc });
      for (const used of [labels, next]) ScanMemory.reuse(used);
      labels = met.labels;
    }
  }
  if (labels === null) throw new RangeError("Cannot combine segmentations: no folder is given");
  return labels;
}
