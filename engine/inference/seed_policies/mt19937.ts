const N = 624;
const M = 397;

/** One step of the recurrence, from two neighbouring words and one M further on. */
function twisted(word: number, next: number, far: number): number {
  const y = (word & 0x80000000) | (next & 0x7fffffff);
  return far ^ (y >>> 1) ^ (-(y & 1) & 0x9908b0df);
}

/**
 * The Mersenne Twister MT19937 with the doubles of NumPy's `RandomState(seed).random_sample()`.
 *
 * Matsumoto and Nishimura, "Mersenne Twister", 1998; initialisation of their 2002 version.
 */
export class Mt19937 {
  readonly #state = new Int32Array(N);
  /** The doubles of the present state; each takes two of its words. */
  readonly #doubles = new Float64Array(N / 2);
  #position = N / 2;

  /** @param seed Integer in 0 … 2^32 - 1. */
  constructor(seed: number) {
    const state = this.#state;
    state[0] = seed;
    for (let i = 1; i < N; i++) {
      const last = state[i - 1] ^ (state[i - 1] >>> 30);
      state[i] = Math.imul(1812433253, last) + i;
    }
  }

  #refill(): void {
    const state = this.#state;
    for (let i = 0; i < N - M; i++) state[i] = twisted(state[i], state[i + 1], state[i + M]);
    for (let i = N - M; i < N - 1; i++) {
      state[i] = twisted(state[i], state[i + 1], state[i + M - N]);
    }
    state[N - 1] = twisted(state[N - 1], state[0], state[M - 1]);
    for (let i = 0; i < N; i += 2) {
      const a = tempered(state[i]) >>> 5;
      const b = tempered(state[i + 1]) >>> 6;
      this.#doubles[i >> 1] = (a * 67108864 + b) / 9007199254740992;
    }
    this.#position = 0;
  }

  /** Uniform in [0, 1) with 53 random bits. */
  random(): number {
    if (this.#position === N / 2) this.#refill();
    return this.#doubles[this.#position++];
  }
}

function tempered(word: number): number {
  let y = word ^ (word >>> 11);
  y ^= (y << 7) & 0x9d2c5680;
  y ^= (y << 15) & 0xefc60000;
  return y ^ (y >>> 18);
}
