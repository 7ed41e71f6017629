import type { Zyx } from "../../geometry/vectors.ts";

/** Objects that belong together, or a single one. */
export interface ReviewItem {
  /** Objects, by their labels. */
  readonly ids: readonly bigint[];
  /** Where to look. */
  readonly location?: Zyx;
}

/** Items that will be wanted soon; those of higher priority first. */
export interface Upcoming {
  /** Objects, by their labels. */
  readonly ids: readonly bigint[];
  /** Below 0; the nearest batch has -1. */
  readonly priority: number;
}

/** Where a review begins. */
export interface ReviewListOptions {
  /** How many batches ahead are worth loading. */
  readonly prefetch?: number;
  /** The item to begin with. */
  readonly index?: number;
  /** Items that are shown at a time. */
  readonly batch?: number;
}

/** A list of items that is gone through in batches: what every kind of proofreading has in common. */
export class ReviewList {
  /** All of them. */
  readonly items: readonly ReviewItem[];
  readonly #prefetch: number;
  #index = 0;
  #batch: number;

  /**
   * Begins a review.
   *
   * @throws {RangeError} when there is nothing to review.
   */
  constructor(
    items: readonly ReviewItem[],
    { prefetch = 10, index = 0, batch = 1 }: ReviewListOptions = {},
  ) {
    if (items.length === 0) {
      throw new RangeError(
        "Cannot review objects: the list needs at least one item, current are 0",
      );
    }
    this.items = items;
    this.#prefetch = prefetch;
    this.#batch = batch;
    this.goTo(index);
  }

  /** Of the first item that is shown. */
  get index(): number {
    return this.#index;
  }

  /** Items that are shown at a time. */
  get batch(): number {
    return this.#batch;
  }

  /** The items that are shown. */
  get current(): readonly ReviewItem[] {
    return this.items.slice(this.#index, this.#index + this.#batch);
  }

  /** Their objects, each once, ascending. */
  get shown(): bigint[] {
    return sortedIds(this.current.flatMap(({ ids }) => ids));
  }

  /** Where to look: only where one item is shown, and its place is known. */
  get location(): Zyx | null {
    return this.#batch === 1 ? this.items[this.#index].location ?? null : null;
  }

  /** Goes on by a batch. */
  next(): void {
    this.goTo(this.#index + this.#batch);
  }

  /** Goes back by a batch. */
  previous(): void {
    this.goTo(this.#index - this.#batch);
  }

  /** Goes to an item, or to the nearest that there is. */
  goTo(index: number): void {
    this.#index = Math.max(0, Math.min(index, this.items.length - 1));
  }

  /** Shows twice as many items. */
  doubleBatch(): void {
    this.#batch *= 2;
  }

  /** Shows half as many items, at least one. */
  halveBatch(): void {
    this.#batch = Math.max(1, Math.floor(this.#batch / 2));
  }

  /** Batches that follow, the nearest with the highest priority. */
  get upcoming(): Upcoming[] {
    const batches: Upcoming[] = [];
    for (let i = 1; i <= this.#prefetch; i++) {
      const from = this.#index + i * this.#batch;
      if (from >= this.items.length) break;
      const ids = this.items.slice(from, from + this.#batch).flatMap((item) => item.ids);
      batches.push({ ids: sortedIds(ids), priority: -i });
    }
    return batches;
  }

  /** One line for the viewer. */
  status(more = ""): string {
    return `index:${this.#index}/${this.items.length}  batch:${this.#batch}  ${more}`.trimEnd();
  }
}

/** Each id once, ascending. */
export function sortedIds(ids: Iterable<bigint>): bigint[] {
  return [...new Set(ids)].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/**
 * Reads a list of items: a line each, ids with blanks or commas between, and where to look as `@ Z,Y,X` behind them; `#`
 * begins a comment.
 *
 * @throws {SyntaxError} naming the line that is something else.
 */
export function parseReviewItems(text: string, path: string): ReviewItem[] {
  const items: ReviewItem[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    const content = line.replace(/#.*/, "").trim();
    if (content === "") continue;
    const match = /^(\d+(?:[\s,]+\d+)*)\s*(?:@\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+))?$/.exec(content);
    if (match === null) {
      throw new SyntaxError(
        `Cannot read "${path}": line ${
          i + 1
        } must be ids and perhaps @ Z,Y,X, current is "${content}"`,
      );
    }
    const [, ids, z, y, x] = match;
    items.push({
      ids: ids.split(/[\s,]+/).map(BigInt),
      ...(z === undefined ? {} : { location: [Number(z), Number(y), Number(x)] as const }),
    });
  }
  return items;
}
