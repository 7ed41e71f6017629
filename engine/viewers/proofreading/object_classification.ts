import { type ReviewItem, ReviewList, type ReviewListOptions, sortedIds } from "./review_list.ts";

/** Going through objects to put each into a class. */
export class ObjectClassification {
  /** What is shown of the items. */
  readonly list: ReviewList;
  readonly #classes: ReadonlyMap<string, Set<bigint>>;

  /**
   * Begins with empty classes.
   *
   * @throws {RangeError} when there is no class.
   */
  constructor(
    items: readonly ReviewItem[],
    classes: readonly string[],
    options: ReviewListOptions = {},
  ) {
    if (classes.length === 0) {
      throw new RangeError("Cannot classify objects: at least one class is needed, current are 0");
    }
    this.list = new ReviewList(items, options);
    this.#classes = new Map(classes.map((name) => [name, new Set()]));
  }

  /** Ids of every class, ascending. */
  get results(): Map<string, bigint[]> {
    return new Map([...this.#classes].map(([name, ids]) => [name, sortedIds(ids)]));
  }

  /**
   * Puts what is shown into one class, out of all others, and goes on.
   *
   * @throws {RangeError} when there is no such class.
   */
  classify(name: string): void {
    const chosen = this.#classes.get(name);
    if (chosen === undefined) {
      throw new RangeError(
        `Cannot classify as "${name}": the classes are ${[...this.#classes.keys()].join(", ")}`,
      );
    }
    this.unclassify();
    for (const id of this.list.shown) chosen.add(id);
    this.list.next();
  }

  /** Takes what is shown out of every class. */
  unclassify(): void {
    const { shown } = this.list;
    for (const ids of this.#classes.values()) for (const id of shown) ids.delete(id);
  }

  /** One line for the viewer: the classes of what is shown. */
  get status(): string {
    const { shown } = this.list;
    const names = [...this.#classes].filter(([, ids]) => shown.some((id) => ids.has(id)));
    return this.list.status(names.map(([name]) => name).join(" "));
  }
}
