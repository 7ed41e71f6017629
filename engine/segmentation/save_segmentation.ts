import { encodeOrigins, type OriginInfo } from "../formats/origins.ts";
import { encodeOverlaps, type Overlap } from "../formats/overlaps.ts";
import { streamNpz } from "../formats/npz.ts";
import type { Zyx } from "../geometry/vectors.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { reduceIdBits } from "./reduce_id_bits.ts";
import { subvolumePath } from "./subvolume_paths.ts";

/** A finished subvolume. */
export interface FinishedSubvolume {
  readonly size: Zyx;
  /** Labels `[z, y, x]`; negative ones, the marks of rejected seeds, become background. */
  readonly segmentation: Int32Array;
  /** Quantised probabilities `[z, y, x]`. */
  readonly segProb: Uint8Array;
  readonly origins: ReadonlyMap<number, OriginInfo>;
  readonly overlaps: ReadonlyMap<number, Overlap>;
  /** Binary `InferenceRequest`. */
  readonly request: Uint8Array;
  readonly counters: Readonly<Record<string, number>>;
}

/**
 * Writes the result of the subvolume at `corner` below `dir`; a kill at any moment leaves the subvolume unfinished or
 * finished, never in between.
 *
 * @returns Path of the segmentation.
 */
export async function saveSegmentation(
  dir: string,
  corner: Zyx,
  subvolume: FinishedSubvolume,
): Promise<string> {
  const { size, origins, overlaps } = subvolume;
  const labels = subvolume.segmentation.map((label) => Math.max(label, 0));
  // First, because a subvolume counts as finished when its segmentation exists.
  const qprob = { dtype: "uint8", shape: size, data: subvolume.segProb } as const;
  await writeFileAtomically(
    subvolumePath(dir, corner, "prob"),
    streamNpz([{ name: "qprob", value: qprob }]),
  );
  const path = subvolumePath(dir, corner, "npz");
  const members = [
    { name: "segmentation", value: reduceIdBits(labels, size) },
    { name: "origins", value: encodeOrigins(origins) },
    { name: "request", value: { bytes: subvolume.request } },
    { name: "counters", value: { text: JSON.stringify(subvolume.counters) } },
    { name: "overlaps", value: encodeOverlaps(overlaps) },
    // For programs that will not unpickle.
    { name: "origins.json", value: { text: originsJson(origins) } },
  ];
  await writeFileAtomically(path, streamNpz(members));
  return path;
}

/** `{"1": {"start_zyx": [z, y, x], "iters": n, "walltime_sec": t}}`. */
function originsJson(origins: ReadonlyMap<number, OriginInfo>): string {
  const entries = [...origins].map(([id, { startZyx, iters, walltimeSec }]) => [
    id,
    { start_zyx: startZyx, iters, walltime_sec: walltimeSec },
  ]);
  return JSON.stringify(Object.fromEntries(entries));
}
