/** Joins numbers 0, 1, 2… into sets; the smallest number of a set stands for it. */
export class UnionFind {
  #parents = new Uint32Array(64);
  #size = 0;

  /** Joins the sets of two numbers; numbers not seen before are sets of their own. */
  join(a: number, b: number): void {
    this.#reach(Math.max(a, b));
    const x = this.find(a), y = this.find(b);
    if (x < y) this.#parents[y] = x;
    else this.#parents[x] = y;
  }

  /** Smallest number of the set that holds `n`. */
  find(n: number): number {
    if (n >= this.#size) return n;
    const parents = this.#parents;
    while (parents[n] !== n) {
      // Halves the path on the way.
      parents[n] = parents[parents[n]];
      n = parents[n];
    }
    return n;
  }

  #reach(n: number): void {
    if (n < this.#size) return;
    if (n >= this.#parents.length) {
      const grown = new Uint32Array(Math.max(n + 1, 2 * this.#parents.length));
      grown.set(this.#parents);
      this.#parents = grown;
    }
    while (this.#size <= n) this.#parents[this.#size] = this.#size++;
  }
}
