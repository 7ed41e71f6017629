import { UnionFind } from "../segmentation/union_find.ts";
import type { Affinity } from "./merge_table.ts";

/** Body of each supervoxel; a body is named by its smallest supervoxel. */
export type Mapping = ReadonlyMap<bigint, bigint>;

/** Which edges join. */
export interface MergeOptions {
  /** Scores above it join; between 0 and 1. */
  readonly threshold: number;
  /** Supervoxels whose bodies are settled: their edges do not count. */
  readonly preserved?: Mapping;
  /** Two large bodies are joined on stronger evidence only, since that mistake costs most. */
  readonly large?: {
    /** Voxels from which a body is large. */
    readonly minVoxels: number;
    /** What their score must be above. */
    readonly threshold: number;
    /** Voxels of each supervoxel; those that are absent have 0. */
    readonly voxels: ReadonlyMap<bigint, number>;
  };
}

/** What was merged. */
export interface Merges {
  /** Supervoxels of bodies of two and more, ascending by body, then by supervoxel. */
  readonly mapping: Mapping;
  /** Members of every body, ascending, in order of bodies. */
  readonly bodies: readonly (readonly bigint[])[];
  /** Edges that joined, edges that count, and rows without duplicates. */
  readonly edges: { readonly merged: number; readonly free: number; readonly all: number };
}

/**
 * Joins supervoxels by their affinities: components of the graph of edges above the threshold. Of several rows for a
 * pair the last one counts.
 *
 * @throws {RangeError} when the threshold is not between 0 and 1, or a row names supervoxel 0.
 */
export function automerge(rows: readonly Affinity[], options: MergeOptions): Merges {
  const { threshold, preserved = new Map(), large } = options;
  for (const t of large ? [threshold, large.threshold] : [threshold]) {
    if (t > 0 && t < 1) continue;
    throw new RangeError(`Cannot merge: a threshold lies between 0 and 1, current is ${t}`);
  }
  const pairs = normalise(rows);
  const free = pairs.filter(({ idA, idB }) => !preserved.has(idA) && !preserved.has(idB));
  // The scores of a table are float32.
  const above = (score: number, limit: number) => score > Math.fround(limit);
  const kept = free.filter(({ score }) => above(score, threshold));
  const ids = [...new Set(kept.flatMap(({ idA, idB }) => [idA, idB]))]
    .sort((a, b) => (a < b ? -1 : 1));
  const ranks = new Map(ids.map((id, rank) => [id, rank]));
  const sets = new UnionFind();
  const voxels = ids.map((id) => large?.voxels.get(id) ?? 0);
  let merged = 0;
  // Strongest first, so that what is large when a weak edge comes is what the strong ones made.
  const order = large === undefined ? kept : [...kept].sort((p, q) => q.score - p.score);
  for (const { idA, idB, score } of order) {
    const [a, b] = [sets.find(ranks.get(idA)!), sets.find(ranks.get(idB)!)];
    const areLarge = large !== undefined && a !== b && voxels[a] >= large.minVoxels &&
      voxels[b] >= large.minVoxels;
    if (areLarge && !above(score, large.threshold)) continue;
    merged++;
    if (a === b) continue;
    sets.join(a, b);
    voxels[Math.min(a, b)] += voxels[Math.max(a, b)];
  }
  return { ...bodiesOf(ids, sets), edges: { merged, free: free.length, all: pairs.length } };
}

function normalise(rows: readonly Affinity[]): Affinity[] {
  const last = new Map<string, Affinity>();
  for (const row of rows) {
    if (row.idA === 0n || row.idB === 0n) {
      throw new RangeError(
        `Cannot merge: supervoxels have ids above 0, a row has ${row.idA} and ${row.idB}`,
      );
    }
    const swapped = row.idA <= row.idB ? row : {
      ...{ idA: row.idB, idB: row.idA, score: row.score },
      ...{ positionA: row.positionB, positionB: row.positionA },
    };
    last.set(`${swapped.idA},${swapped.idB}`, swapped);
  }
  return [...last.values()];
}

function bodiesOf(ids: readonly bigint[], sets: UnionFind): Pick<Merges, "mapping" | "bodies"> {
  const members = new Map<number, bigint[]>();
  for (const [rank, id] of ids.entries()) {
    const root = sets.find(rank);
    const list = members.get(root);
    if (list === undefined) members.set(root, [id]);
    else list.push(id);
  }
  // A root is the smallest of its set, and ranks are ascending ids.
  const bodies = [...members.values()].filter((list) => list.length > 1);
  const mapping = new Map(bodies.flatMap((list) => list.map((id) => [id, list[0]] as const)));
  return { mapping, bodies };
}

/** Rows of a table as components: lines of `supervoxels per body` in a text histogram. */
export function describeMerges({ bodies, edges }: Merges): string {
  const sizes = bodies.map((members) => members.length).sort((a, b) => a - b);
  const head = `merged ${edges.merged} of ${edges.all} edges ` +
    `(${edges.all - edges.free} at preserved supervoxels), ${bodies.length} bodies`;
  if (sizes.length === 0) return head;
  const mean = sizes.reduce((a, b) => a + b, 0) / sizes.length;
  const std = Math.sqrt(sizes.reduce((sum, n) => sum + (n - mean) ** 2, 0) / sizes.length);
  const median = (sizes[(sizes.length - 1) >> 1] + sizes[sizes.length >> 1]) / 2;
  const [min, max] = [sizes[0], sizes[sizes.length - 1]];
  return [
    head,
    `supervoxels per body: mean ${mean.toFixed(2)}, median ${median}, std ${std.toFixed(2)}`,
    ...histogram(sizes, min, median, max),
  ].join("\n");
}

const BINS = 16;
const BAR_WIDTH = 72;

function histogram(sizes: readonly number[], min: number, median: number, max: number): string[] {
  const counts = new Array<number>(BINS).fill(0);
  const width = (max - min) / BINS || 1 / BINS;
  for (const n of sizes) counts[Math.min(Math.floor((n - min) / width), BINS - 1)]++;
  const most = Math.max(...counts);
  const labels = counts.map((_, i) => (min + i * width).toFixed(2));
  const pad = Math.max(...labels.map((label) => label.length));
  return [
    `min: ${min}, median: ${median}, max: ${max}`,
    ...counts.map((count, i) =>
      `${labels[i].padStart(pad)} ${count > 0 ? "|" : " "} ${
        "#".repeat(Math.ceil(BAR_WIDTH * count / most))
      }`.trimEnd()
    ),
  ];
}
