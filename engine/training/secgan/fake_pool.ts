import type { Random } from "../random.ts";

/** Generated images of earlier iterations, of which a discriminator sees some instead of the newest (Shrivastava 2016). */
export class FakePool {
  readonly #capacity: number;
  readonly #random: Random;
  #entries: Float32Array[] = [];

  /** @param capacity Entries kept; 0 gives every batch back unchanged. */
  constructor(capacity: number, random: Random) {
    this.#capacity = capacity;
    this.#random = random;
  }

  /**
   * What the discriminator shall see in place of `batch`, `[batch, …]` of `count` elements: while the pool is not full each
   * element is kept and returned; then it is, with probability 1/2, exchanged for a random older one.
   */
  query(batch: Float32Array, count: number): Float32Array {
    const result = batch.slice();
    if (this.#capacity === 0) return result;
    const length = batch.length / count;
    for (let i = 0; i < count; i++) {
      const fake = batch.slice(i * length, (i + 1) * length);
      if (this.#entries.length < this.#capacity) this.#entries.push(fake);
      else if (this.#random.uniform() >= 0.5) {
        const place = this.#random.below(this.#capacity);
        result.set(this.#entries[place], i * length);
        this.#entries[place] = fake;
      }
    }
    return result;
  }

  /** The entries in their order, for `restore`. */
  entries(): readonly Float32Array[] {
    return this.#entries;
  }

  restore(entries: readonly Float32Array[]): void {
    this.#entries = [...entries];
  }
}
