import { encodeOrigins, type Origins } from "../formats/origins.ts";
import type { NdArray } from "../formats/nd_array.ts";
import { streamNpz } from "../formats/npz.ts";
import type { ConsensusRequestMessage } from "../formats/protobuf/consensus.ts";
import { equalZyx, type Zyx } from "../geometry/vectors.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { loadSegmentationFromSource } from "./load_segmentation.ts";
import { reduceIdBits } from "./reduce_id_bits.ts";
import { splitByIntersection } from "./split_by_intersection.ts";
import { subvolumePath } from "./subvolume_paths.ts";

/** Two segmentations of a subvolume as one. */
export interface Consensus {
  /** Labels `[z, y, x]` in the smallest type that holds them. */
  readonly labels: NdArray;
  /** Of the first segmentation's objects that kept their number. */
  readonly origins: Origins;
}

/**
 * The first segmentation of the subvolume at `corner`, its objects cut by those of the second one.
 *
 * @throws {RangeError} when a source names no folder, or the two differ in size.
 */
export async function computeConsensus(
  corner: Zyx,
  { segmentation1 = {}, segmentation2 = {}, splitMinSize = 0 }: ConsensusRequestMessage,
): Promise<Consensus> {
  const [first, second] = [
    await loadSegmentationFromSource(segmentation1, corner),
    await loadSegmentationFromSource(segmentation2, corner),
  ];
  if (!equalZyx(first.size, second.size)) {
    throw new RangeError(
      `Cannot split "${first.path}" by "${second.path}": both need the same size, current zyx are (${
        first.size.join(", ")
      }) and (${second.size.join(", ")})`,
    );
  }
  const labels = BigUint64Array.from(first.labels, BigInt);
  splitByIntersection(labels, BigUint64Array.from(second.labels, BigInt), splitMinSize);
  const left = new Set(labels);
  const origins = new Map([...first.origins].filter(([id]) => left.has(BigInt(id))));
  return { labels: reduceIdBits(labels, first.size), origins };
}

/**
 * Writes a consensus as a segmentation of its own below `dir`.
 *
 * @returns Path of the file.
 */
export async function saveConsensus(
  dir: string,
  corner: Zyx,
  { labels, origins }: Consensus,
): Promise<string> {
  const path = subvolumePath(dir, corner, "npz");
  const members = [
    { name: "segmentation", value: labels },
    { name: "origins", value: encodeOrigins(origins) },
  ];
  await writeFileAtomically(path, streamNpz(members));
  return path;
}
