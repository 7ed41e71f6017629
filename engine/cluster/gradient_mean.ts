/** The mean of the gradients of several workers, summed as they come. */
export class GradientMean {
  /** Doubles, so that the order in which they come hardly ever matters. */
  readonly #sum: Float64Array;
  readonly #workers = new Set<number>();

  /** @param count Elements of a gradient. */
  constructor(count: number) {
    this.#sum = new Float64Array(count);
  }

  /** Gradients so far. */
  get size(): number {
    return this.#workers.size;
  }

  /** Whose they are. */
  get workers(): Iterable<number> {
    return this.#workers;
  }

  has(worker: number): boolean {
    return this.#workers.has(worker);
  }

  add(worker: number, gradient: Float32Array): void {
    const sum = this.#sum;
    for (let i = 0; i < sum.length; i++) sum[i] += gradient[i];
    this.#workers.add(worker);
  }

  /** The mean; begins anew. */
  take(): Float32Array {
    const n = this.#workers.size;
    const mean = Float32Array.from(this.#sum, (v) => v / n);
    this.clear();
    return mean;
  }

  clear(): void {
    this.#sum.fill(0);
    this.#workers.clear();
  }
}
