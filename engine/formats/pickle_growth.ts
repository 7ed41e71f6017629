import { malformed, type PickleValue } from "./pickle_values.ts";

/** Deepest nesting of containers; files of the reference program need 8. */
const MAX_DEPTH = 64;

/**
 * Most elements and array bytes that a pickle may make per byte of its own, shared ones counted as often as they
 * appear.
 */
const MAX_GROWTH = 16;

/** A container that is `enclosed` in another may no longer change, so a value cannot contain itself. */
interface Extent {
  depth: number;
  elements: number;
  enclosed: boolean;
}

/**
 * Keeps the values of a pickle finite: no cycles, bounded nesting, and bounded size however often its memo repeats a
 * part.
 */
export class PickleGrowth {
  #budget: number;
  readonly #extents = new Map<object, Extent>();

  constructor(pickleBytes: number) {
    this.#budget = MAX_GROWTH * pickleBytes;
  }

  /** Accounts for elements, or array bytes, that are made. */
  spend(elements: number): void {
    this.#budget -= elements;
    if (this.#budget < 0) throw malformed(`it expands to over ${MAX_GROWTH} times its size`);
  }

  /** Accounts for `items` being put into `container`. */
  enclose(container: object, items: readonly PickleValue[]): void {
    const extent = this.#extentOf(container);
    if (extent.enclosed) throw malformed("a value that is part of another one changes");
    for (const item of items) {
      extent.elements++;
      if (item === null || typeof item !== "object" || item instanceof Uint8Array) continue;
      if (item === container) throw malformed("a value contains itself");
      const inner = this.#extentOf(item);
      if (inner.enclosed) this.spend(inner.elements);
      inner.enclosed = true;
      extent.elements += inner.elements;
      extent.depth = Math.max(extent.depth, inner.depth + 1);
    }
    this.spend(items.length);
    if (extent.depth > MAX_DEPTH) throw malformed(`values are nested deeper than ${MAX_DEPTH}`);
  }

  #extentOf(container: object): Extent {
    let extent = this.#extents.get(container);
    if (!extent) this.#extents.set(container, extent = { depth: 1, elements: 0, enclosed: false });
    return extent;
  }
}
