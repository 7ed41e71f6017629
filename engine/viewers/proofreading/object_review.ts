import { type ReviewItem, ReviewList, type ReviewListOptions } from "./review_list.ts";

/** Going through objects to find the bad ones. */
export class ObjectReview {
  /** What is shown of the items. */
  readonly list: ReviewList;
  readonly #bad = new Map<string, readonly bigint[]>();
  /** Whether each item is shown as one object. */
  areJoined = false;

  /** Begins a review; `bad` are items that are known to be bad. */
  constructor(
    items: readonly ReviewItem[],
    options: ReviewListOptions & { bad?: readonly (readonly bigint[])[] } = {},
  ) {
    this.list = new ReviewList(items, options);
    for (const ids of options.bad ?? []) this.#add(ids);
  }

  /** The bad items, in the order in which they were found. */
  get bad(): (readonly bigint[])[] {
    return [...this.#bad.values()];
  }

  /** Groups that a viewer shows as one object each. */
  get equivalences(): (readonly bigint[])[] {
    return this.areJoined ? this.list.current.map(({ ids }) => ids) : [];
  }

  /** Shows each item as one object, or as its parts again. */
  toggleJoined(): void {
    this.areJoined = !this.areJoined;
  }

  /** Marks the item that is shown and goes on; does nothing while several are. */
  markBad(): void {
    if (this.list.batch !== 1) return;
    this.#add(this.list.current[0].ids);
    this.list.next();
  }

  /** Marks every shown object that is no longer among the selected ones. */
  markRemoved(selected: ReadonlySet<bigint>): void {
    for (const id of this.list.shown) if (!selected.has(id)) this.#add([id]);
  }

  /** One line for the viewer. */
  get status(): string {
    return this.list.status(`bad:${this.#bad.size}`);
  }

  #add(ids: readonly bigint[]): void {
    this.#bad.set(ids.join(","), ids);
  }
}
