import type { TypedArray } from "../formats/nd_array.ts";
import { assertLabels, halvesOf, KeyIndex } from "./distinct_labels.ts";

/** How many voxels carry one pair of labels. */
export interface Cell {
  /** Number of the segmentation's label; 0 is label 0. */
  readonly segment: number;
  /** Number of the truth's label; 0 is label 0. */
  readonly truth: number;
  readonly count: number;
}

/**
 * The joint histogram of two labellings of the same voxels, gathered box by box. Memory goes with the number of
 * distinct pairs, not with that of voxels. Labels may have any integer type, another one in each call.
 */
export class Contingency {
  readonly #segments = labelNumbers();
  readonly #truths = labelNumbers();
  readonly #pairs = new KeyIndex();
  readonly #counts: number[] = [];

  /**
   * Counts the voxels of one box; the arrays have the same shape.
   *
   * @throws {TypeError} when an array holds floats.
   * @throws {RangeError} when the lengths differ.
   */
  add(segmentation: TypedArray, truth: TypedArray): void {
    assertLabels("compare segmentations", segmentation);
    assertLabels("compare segmentations", truth);
    if (segmentation.length !== truth.length) {
      throw new RangeError(
        `Cannot compare segmentations: both need the same shape, current lengths are ` +
          `${segmentation.length} and ${truth.length}`,
      );
    }
    const a = halvesOf(segmentation), b = halvesOf(truth);
    const [aWords, bWords, aStride, bStride] = [a.words, b.words, a.stride, b.stride];
    // Neighbours mostly carry the same labels, so tables are asked only where a run ends.
    let aLow = 0, aHigh = 0, bLow = 0, bHigh = 0, runStart = 0, pair = -1;
    for (let i = 0; i < truth.length; i++) {
      const al = aWords[i * aStride] >>> 0, ah = aStride === 2 ? aWords[2 * i + 1] : 0;
      const bl = bWords[i * bStride] >>> 0, bh = bStride === 2 ? bWords[2 * i + 1] : 0;
      if (pair >= 0 && al === aLow && ah === aHigh && bl === bLow && bh === bHigh) continue;
      if (pair >= 0) this.#counts[pair] += i - runStart;
      [aLow, aHigh, bLow, bHigh, runStart] = [al, ah, bl, bh, i];
      pair = this.#pairs.indexOf(this.#segments.indexOf(al, ah), this.#truths.indexOf(bl, bh));
      if (pair === this.#counts.length) this.#counts.push(0);
    }
    if (pair >= 0) this.#counts[pair] += truth.length - runStart;
  }

  /** Number of distinct non-zero labels of the segmentation. */
  get segmentCount(): number {
    return this.#segments.size - 1;
  }

  /** Number of distinct non-zero labels of the truth. */
  get truthCount(): number {
    return this.#truths.size - 1;
  }

  /** Label of a segment by its number, as 64 bits. */
  segmentId(number: number): bigint {
    return this.#segments.keyOf(number);
  }

  /** Label of an object of the truth by its number, as 64 bits. */
  truthId(number: number): bigint {
    return this.#truths.keyOf(number);
  }

  /** Every pair that occurs, in order of first sight. */
  *cells(): Iterable<Cell> {
    for (const [i, count] of this.#counts.entries()) {
      const words = this.#pairs.words;
      yield { segment: words[2 * i], truth: words[2 * i + 1], count };
    }
  }
}

/** Numbers labels so that label 0 is number 0. */
function labelNumbers(): KeyIndex {
  const numbers = new KeyIndex();
  numbers.indexOf(0, 0);
  return numbers;
}
