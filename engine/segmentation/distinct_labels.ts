import type { TypedArray } from "../formats/nd_array.ts";

/** Label arrays: any integer type. Elements of the 64-bit ones are bigints, of the others numbers. */
export type LabelArray = Exclude<TypedArray, Float32Array | Float64Array>;

/** A label as its array holds it: a bigint exactly where the array is 64 bits wide. */
export type LabelId = number | bigint;

/**
 * @throws {TypeError} when `labels` holds floats; `action` completes "Cannot …".
 */
export function assertLabels(action: string, labels: TypedArray): asserts labels is LabelArray {
  if (labels instanceof Float32Array || labels instanceof Float64Array) {
    throw new TypeError(
      `Cannot ${action}: labels must be integers, current type is ${labels.constructor.name}`,
    );
  }
}

/**
 * Numbers distinct 64-bit keys 0, 1, 2… in order of first sight. Open addressing over typed arrays: a `Map` of bigints
 * would allocate for every voxel.
 */
export class KeyIndex {
  /** Low and high words of key number i, at `2 * i` and `2 * i + 1`. */
  words = new Uint32Array(128);
  /** Number of distinct keys seen. */
  size = 0;
  /** Key number + 1 for each slot, 0 where the slot is free; the length is a power of two, at most half full. */
  #slots = new Uint32Array(128);

  /** Number of the key whose two 32-bit halves are given as unsigned integers; a new one on first sight. */
  indexOf(low: number, high: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash(low, high) & mask;
    for (let entry = this.#slots[slot]; entry !== 0; entry = this.#slots[slot]) {
      const at = 2 * (entry - 1);
      if (this.words[at] === low && this.words[at + 1] === high) return entry - 1;
      slot = (slot + 1) & mask;
    }
    const index = this.size++;
    if (2 * this.size > this.words.length) this.words = doubled(this.words);
    this.words[2 * index] = low;
    this.words[2 * index + 1] = high;
    this.#slots[slot] = index + 1;
    if (2 * this.size > this.#slots.length) this.#grow();
    return index;
  }

  /** Key of a number, as 64 bits. */
  keyOf(number: number): bigint {
    return BigInt(this.words[2 * number + 1]) << 32n | BigInt(this.words[2 * number]);
  }

  #grow(): void {
    const mask = 2 * this.#slots.length - 1;
    this.#slots = new Uint32Array(mask + 1);
    for (let i = 0; i < this.size; i++) {
      let slot = hash(this.words[2 * i], this.words[2 * i + 1]) & mask;
      while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
      this.#slots[slot] = i + 1;
    }
  }
}

/** The final mixing steps of MurmurHash3: every input bit reaches every output bit. */
function hash(low: number, high: number): number {
  let h = low ^ Math.imul(high, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

function doubled(words: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const grown = new Uint32Array(2 * words.length);
  grown.set(words);
  return grown;
}

/**
 * The 32-bit halves of labels: element i has its low half at `i * stride` and, where `stride` is 2, its high half
 * behind it. Narrower elements stand for themselves (negative ones keep their sign).
 */
export function halvesOf(
  labels: LabelArray,
): { words: Exclude<LabelArray, BigUint64Array | BigInt64Array>; stride: 1 | 2 } {
  if (labels instanceof BigUint64Array || labels instanceof BigInt64Array) {
    const words = new Uint32Array(labels.buffer, labels.byteOffset, 2 * labels.length);
    return { words, stride: 2 };
  }
  return { words: labels, stride: 1 };
}

/** The distinct labels of an array. */
export interface DistinctLabels {
  /** For each element the number of its label: 0 is label 0 (whether present or not), others by first sight. */
  readonly index: Uint32Array<ArrayBuffer>;
  /** Labels by number. */
  readonly ids: readonly LabelId[];
  /** Number of elements that carry each label, by number. */
  readonly counts: readonly number[];
}

/**
 * Numbers the distinct labels of an array of any shape in one pass.
 *
 * @throws {TypeError} when `labels` holds floats.
 */
export function distinctLabels(labels: TypedArray): DistinctLabels {
  assertLabels("find distinct labels", labels);
  const { words, stride } = halvesOf(labels);
  const keys = new KeyIndex();
  const zero = keys.indexOf(0, 0);
  const index = new Uint32Array(labels.length);
  const counts = [0];
  const ids: LabelId[] = [
    labels instanceof BigUint64Array || labels instanceof BigInt64Array ? 0n : 0,
  ];
  let low = 0, high = 0, current = zero, runStart = 0;
  for (let i = 0; i < index.length; i++) {
    const l = words[i * stride] >>> 0;
    const h = stride === 2 ? words[2 * i + 1] : 0;
    if (l !== low || h !== high) {
      counts[current] += i - runStart;
      runStart = i;
      [low, high, current] = [l, h, keys.indexOf(l, h)];
      if (current === ids.length) {
        ids.push(labels[i]);
        counts.push(0);
      }
    }
    index[i] = current;
  }
  counts[current] += index.length - runStart;
  return { index, ids, counts };
}
