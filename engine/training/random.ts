/** Random numbers of a training run: seeded, and with a state that can be saved so that a resumed run goes on with the same ones. */

/** Four 32-bit words. */
export type RandomState = readonly [number, number, number, number];

/** xoshiro128** of Blackman and Vigna: a period of 2^128 - 1. */
export class Random {
  readonly #words: Uint32Array;

  /** @param seed Any number; its integer part counts. */
  constructor(seed: number) {
    // SplitMix32 spreads the seed, so that seeds close to each other have nothing in common.
    let state = Math.floor(seed) >>> 0;
    const high = Math.floor(Math.floor(seed) / 2 ** 32) >>> 0;
    this.#words = Uint32Array.from({ length: 4 }, () => {
      state = (state + 0x9e3779b9) >>> 0;
      let z = state ^ high;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return z ^ (z >>> 16);
    });
    if (this.#words.every((word) => word === 0)) this.#words[0] = 1;
  }

  /** The words from which `restore` goes on. */
  state(): RandomState {
    const [a, b, c, d] = this.#words;
    return [a, b, c, d];
  }

  restore(state: RandomState): void {
    this.#words.set(state);
  }

  /** An integer from 0 to 2^32 - 1. */
  next(): number {
    const s = this.#words;
    const product = Math.imul(s[1], 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const t = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = (s[3] << 11) | (s[3] >>> 21);
    return result;
  }

  /** A number in [0, 1), with 53 random bits. */
  uniform(): number {
    const high = this.next() >>> 5;
    const low = this.next() >>> 6;
    return (high * 2 ** 26 + low) / 2 ** 53;
  }

  /** A number of the normal distribution with mean 0 and standard deviation 1. */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** An integer from 0 to `count` - 1, all equally likely; `count` is at most 2^53. */
  below(count: number): number {
    if (count > 2 ** 32) return Math.floor(this.uniform() * count);
    // Words beyond the last whole multiple of `count` would favour the small numbers.
    const limit = 2 ** 32 - 2 ** 32 % count;
    for (;;) {
      const word = this.next();
      if (word < limit) return word % count;
    }
  }

  /** Puts the elements of a list in random order, in place. */
  shuffle<T>(list: T[]): T[] {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [list[i], list[j]] = [list[j], list[i]];
    }
    return list;
  }
}
