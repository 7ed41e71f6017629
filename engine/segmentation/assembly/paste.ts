import { type Box, intersect } from "../../geometry/box.ts";
import { subZyx, type Zyx } from "../../geometry/vectors.ts";
import { distinctLabels, KeyIndex } from "../distinct_labels.ts";
import { mergeFromMinId } from "../meet.ts";
import type { UnionFind } from "../union_find.ts";

/** When an earlier object and one of the subvolume are the same: their common voxels are half of both, or of one. */
export type OverlapRule = "both" | "either";

/** A subvolume put into what is there already. */
export interface Pasted {
  /** `[z, y, x]` of the subvolume: earlier labels where there are any, else its own under new numbers. */
  readonly labels: Uint32Array<ArrayBuffer>;
  /** Largest label of all. */
  readonly maxId: number;
  readonly joins: readonly (readonly [old: number, fresh: number])[];
}

/**
 * Pastes as the reference does: an earlier label stays, what is left of the others is split into components under new
 * numbers.
 *
 * @param before Labels `[z, y, x]` that are there, 0 where there are none.
 * @param fresh Labels of the subvolume, same shape.
 * @param oldMax Largest label given so far, anywhere.
 */
export async function pasteLikeReference(
  before: Uint32Array,
  fresh: Uint32Array,
  size: Zyx,
  oldMax: number,
): Promise<Pasted> {
  const labels = Uint32Array.from(before);
  const isFree = (i: number) => before[i] === 0 && fresh[i] !== 0;
  const last = await mergeFromMinId(labels, fresh, isFree, size, oldMax + 1);
  // Where nothing was free no number is used up.
  const maxId = fresh.some((_, i) => isFree(i)) ? last : oldMax;
  return { labels, maxId, joins: [] };
}

/** What `pasteAndCompare` works on. */
export interface PasteInput {
  /** Labels `[z, y, x]` that are there, 0 where there are none. */
  readonly before: Uint32Array;
  /** Labels of the subvolume, same shape. */
  readonly fresh: Uint32Array;
  readonly box: Box;
  /** Boxes of the subvolumes that were pasted before. */
  readonly earlier: readonly Box[];
  /** Largest label given so far, anywhere. */
  readonly oldMax: number;
  readonly rule: OverlapRule;
  /** Labels known to be one object; gets the joins of this subvolume too. */
  readonly sets: UnionFind;
}

/**
 * Pastes a subvolume and joins its objects with those that go on in it. An earlier label stays; of the others an object
 * keeps one number, also where an earlier one cuts it in pieces.
 *
 * Overlaps are judged one earlier subvolume at a time, labels joined so far counting as one: so an object that was cut
 * by any boxes comes together again as soon as each of its parts meets another one in some overlap.
 */
export function pasteAndCompare(
  { before, fresh, box, earlier, oldMax, rule, sets }: PasteInput,
): Pasted {
  const { index, ids } = distinctLabels(fresh);
  const joins: [number, number][] = [];
  for (const other of earlier) {
    const region = intersect(box, other);
    if (region === null) continue;
    const rows = rowsOf(region, box);
    for (const [old, number] of sameObjects(before, index, rows, region.size[2], rule, sets)) {
      joins.push([old, oldMax + number]);
      sets.join(old, oldMax + number);
    }
  }
  for (let i = 0; i < index.length; i++) {
    index[i] = before[i] !== 0 || index[i] === 0 ? before[i] : oldMax + index[i];
  }
  return { labels: index, maxId: oldMax + ids.length - 1, joins };
}

/** Index in an array of `box` of every row of a region inside it. */
function* rowsOf(region: Box, box: Box): Generator<number> {
  const [z0, y0, x0] = subZyx(region.start, box.start);
  for (let z = z0; z < z0 + region.size[0]; z++) {
    for (let y = y0; y < y0 + region.size[1]; y++) {
      yield (z * box.size[1] + y) * box.size[2] + x0;
    }
  }
}

/** Pairs of labels whose common voxels are at least half of what both (or one) have in some rows. */
function sameObjects(
  before: Uint32Array,
  fresh: Uint32Array,
  rows: Iterable<number>,
  width: number,
  rule: OverlapRule,
  sets: UnionFind,
): [old: number, fresh: number][] {
  const pairs = new KeyIndex();
  const shared: number[] = [];
  for (const row of rows) {
    let pair = 0;
    for (let i = row; i < row + width; i++) {
      if (i === row || before[i] !== before[i - 1] || fresh[i] !== fresh[i - 1]) {
        pair = pairs.indexOf(sets.find(before[i]), fresh[i]);
        if (pair === shared.length) shared.push(0);
      }
      shared[pair]++;
    }
  }
  const pairOf = (p: number): [number, number] => [pairs.words[2 * p], pairs.words[2 * p + 1]];
  const inOld = new Map<number, number>(), inFresh = new Map<number, number>();
  shared.forEach((count, p) => {
    const [old, number] = pairOf(p);
    inOld.set(old, (inOld.get(old) ?? 0) + count);
    inFresh.set(number, (inFresh.get(number) ?? 0) + count);
  });
  const isSame = (count: number, p: number) => {
    const [old, number] = pairOf(p);
    if (old === 0 || number === 0) return false;
    const halves = [inOld.get(old)!, inFresh.get(number)!].map((all) => 2 * count >= all);
    return rule === "both" ? halves.every(Boolean) : halves.some(Boolean);
  };
  return shared.flatMap((count, p) => isSame(count, p) ? [pairOf(p)] : [])
    .sort(([a, b], [c, d]) => a - c || b - d);
}
