import { ObjectReview } from "./object_review.ts";
import { type ReviewItem, type ReviewListOptions, sortedIds } from "./review_list.ts";

/** Two supervoxels that belong together. */
export type Edge = readonly [bigint, bigint];

/** Mending the graph of supervoxels: what belongs together is joined, what does not is cut on the path between. */
export class GraphUpdater {
  /** The items, and which of them are bad. */
  readonly review: ObjectReview;
  readonly #neighbours = new Map<bigint, Set<bigint>>();
  #picked: bigint | null = null;
  #path: readonly bigint[] = [];
  #split = 1;

  /** Begins with the graph as it is; `bad` are items that are known to be bad. */
  constructor(
    edges: Iterable<Edge>,
    items: readonly ReviewItem[],
    options: ReviewListOptions & { bad?: readonly (readonly bigint[])[] } = {},
  ) {
    this.review = new ObjectReview(items, options);
    for (const [a, b] of edges) this.#link(a, b);
  }

  /** Every edge once, the smaller id first, ascending. */
  get edges(): Edge[] {
    return sortedIds(this.#neighbours.keys()).flatMap((a) =>
      sortedIds(this.#neighbours.get(a)!).filter((b) => a < b).map((b): Edge => [a, b])
    );
  }

  /** The given objects and all that the graph joins to them. */
  componentsOf(ids: Iterable<bigint>): bigint[] {
    const found = new Set(ids);
    // A set gives out what is added while it is gone through.
    for (const id of found) for (const next of this.#of(id)) found.add(next);
    return sortedIds(found);
  }

  /** Joins objects, each to the one behind it. */
  merge(ids: readonly bigint[]): void {
    for (let i = 1; i < ids.length; i++) this.#link(ids[i - 1], ids[i]);
  }

  /** Cuts every edge between the given objects and others. */
  isolate(ids: Iterable<bigint>): void {
    const kept = new Set(ids);
    for (const id of kept) {
      for (const next of [...this.#of(id)]) if (!kept.has(next)) this.#unlink(id, next);
    }
  }

  /**
   * Takes note of an object; the second one makes the path between the two the one to cut.
   *
   * @returns whether there is a path now.
   */
  pick(id: bigint): boolean {
    if (this.#picked === null) {
      this.#picked = id;
      return false;
    }
    this.#path = this.#shortestPath(this.#picked, id);
    this.#picked = null;
    this.#split = 1;
    return this.#path.length > 1;
  }

  /** The part of the path before the cut: what a viewer shows in a layer of its own. */
  get splitShown(): readonly bigint[] {
    return this.#path.slice(0, this.#split);
  }

  /** Moves the cut on by an object. */
  extendSplit(): void {
    // At least one object stays behind the cut.
    this.#split = Math.max(1, Math.min(this.#split + 1, this.#path.length - 1));
  }

  /** Moves the cut back by an object. */
  shortenSplit(): void {
    this.#split = Math.max(1, this.#split - 1);
  }

  /** Cuts the path behind what is shown of it. */
  cut(): void {
    if (this.#path.length > 1) this.#unlink(this.#path[this.#split - 1], this.#path[this.#split]);
    this.clearSplit();
  }

  /** Forgets what was picked. */
  clearSplit(): void {
    this.#picked = null;
    this.#path = [];
    this.#split = 1;
  }

  /** Fewest edges from one object to another, both included; empty where nothing joins them. */
  #shortestPath(from: bigint, to: bigint): bigint[] {
    const before = new Map<bigint, bigint>([[from, from]]);
    for (const id of before.keys()) {
      if (id === to) break;
      for (const next of this.#of(id)) if (!before.has(next)) before.set(next, id);
    }
    if (!before.has(to)) return [];
    const path = [to];
    while (path[0] !== from) path.unshift(before.get(path[0])!);
    return path;
  }

  #of(id: bigint): ReadonlySet<bigint> {
    return this.#neighbours.get(id) ?? new Set();
  }

  #link(a: bigint, b: bigint): void {
    if (a === b) return;
    for (const [from, to] of [[a, b], [b, a]]) {
      const known = this.#neighbours.get(from);
      if (known === undefined) this.#neighbours.set(from, new Set([to]));
      else known.add(to);
    }
  }

  #unlink(a: bigint, b: bigint): void {
    this.#neighbours.get(a)?.delete(b);
    this.#neighbours.get(b)?.delete(a);
  }
}
