const N = 624;
const M = 397;

/**
 * The Mersenne Twister MT19937 with the doubles of NumPy's `RandomState(seed).random_sample()`.
 *
 * Matsumoto and Nishimura, "Mersenne Twister", 1998; initialisation of their 2002 version.
 */
export class Mt19937 {
  readonly #state = new Uint32Array(N);
  #position = N;

  /** @param seed Integer in 0 … 2^32 - 1. */
  constructor(seed: number) {
    const state = this.#state;
    state[0] = seed;
    for (let i = 1; i < N; i++) {
      const last = state[i - 1] ^ (state[i - 1] >>> 30);
      state[i] = Math.imul(1812433253, last) + i;
    }
  }

  #twist(): void {
    const state = this.#state;
    for (let i = 0; i < N; i++) {
      const y = (state[i] & 0x80000000) | (state[i + 1 < N ? i + 1 : 0] & 0x7fffffff);
      const far = state[i + M < N ? i + M : i + M - N];
      state[i] = far ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.#position = 0;
  }

  /** The next 32 random bits, as an int32. */
  #next(): number {
    if (this.#position === N) this.#twist();
    let y = this.#state[this.#position++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return y ^ (y >>> 18);
  }

  /** Uniform in [0, 1) with 53 random bits. */
  random(): number {
    const a = this.#next() >>> 5;
    const b = this.#next() >>> 6;
    return (a * 67108864 + b) / 9007199254740992;
  }
}
