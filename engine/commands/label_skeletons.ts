import { basename } from "node:path";
import { NotFoundError } from "../errors/errors.ts";
import { parseSwc } from "../formats/swc.ts";
import { intersect } from "../geometry/box.ts";
import { floorDivZyx, mapZyx, subZyx, type Zyx } from "../geometry/vectors.ts";
import type { LabelledSkeleton } from "../segmentation/skeleton_metrics.ts";
import { wholeBox } from "../volumes/volume.ts";
import type { OpenLabels } from "./open_labels.ts";

/** Edge of the boxes that are read, each once for all the nodes in it. */
const BLOCK = 64;

/**
 * Reads skeletons (SWC, positions xyz in nanometres) and looks up the label at each node; outside of the labels it is 0.
 *
 * @throws {NotFoundError} when there is no such file, {@linkcode FormatError} when it is damaged.
 */
export async function labelSkeletons(
  paths: readonly string[],
  { volume, box }: OpenLabels,
  voxelSizeNm: Zyx,
): Promise<LabelledSkeleton[]> {
  const skeletons = await Promise.all(paths.map(async (path) => {
    const text = await Deno.readTextFile(path).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new NotFoundError(`Cannot open skeleton "${path}": no such file`);
    });
    const nodes = parseSwc(text, path).map((node) => ({ ...node, label: 0n }));
    return { name: basename(path, ".swc"), nodes };
  }));
  const byBlock = new Map<string, { start: Zyx; nodes: { at: Zyx; node: { label: bigint } }[] }>();
  for (const node of skeletons.flatMap(({ nodes }) => nodes)) {
    const [x, y, z] = node.position;
    const voxel = mapZyx((nm, size) => Math.floor(nm / size), [z, y, x], voxelSizeNm);
    const at = subZyx(voxel, box.start);
    if (at.some((n, axis) => n < 0 || n >= box.size[axis])) continue;
    const start = mapZyx((n) => n * BLOCK, floorDivZyx(at, BLOCK));
    const block = byBlock.get(start.join()) ?? { start, nodes: [] };
    byBlock.set(start.join(), block);
    block.nodes.push({ at, node });
  }
  for (const { start, nodes } of byBlock.values()) {
    const block = intersect({ start, size: [BLOCK, BLOCK, BLOCK] }, wholeBox(volume))!;
    const labels = await volume.read(block);
    for (const { at, node } of nodes) {
      const [z, y, x] = subZyx(at, start);
      node.label = BigInt(labels[(z * block.size[1] + y) * block.size[2] + x]);
    }
  }
  return skeletons;
}
