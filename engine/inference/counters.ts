/**
 * Integer counters by name, made on first use. A timer `T` is the pair `T-calls` and `T-time-ms`. Times are kept as
 * fractions of a millisecond and printed as whole ones, because truncating every call loses the short ones.
 */
export class Counters {
  readonly #values = new Map<string, number>();

  /** Adds `by`, truncated toward zero, to a counter. */
  increment(name: string, by = 1): void {
    this.#values.set(name, (this.#values.get(name) ?? 0) + Math.trunc(by));
  }

  /** Adds a duration to a counter that holds milliseconds, without truncation. */
  addMs(name: string, elapsedMs: number): void {
    this.#values.set(name, (this.#values.get(name) ?? 0) + elapsedMs);
  }

  /** Counts one call of timer `name` that began at `startedMs` on the clock of `performance.now()`. */
  stop(name: string, startedMs: number): void {
    this.increment(`${name}-calls`);
    this.addMs(`${name}-time-ms`, performance.now() - startedMs);
  }

  /** Runs `work` under timer `name`, also when it throws. */
  async time<T>(name: string, work: () => Promise<T> | T): Promise<T> {
    const startedMs = performance.now();
    try {
      return await work();
    } finally {
      this.stop(name, startedMs);
    }
  }

  /** Replaces a value. */
  set(name: string, value: number): void {
    this.#values.set(name, value);
  }

  /** Whole value of a counter; 0 where it was never used. */
  get(name: string): number {
    return Math.trunc(this.#values.get(name) ?? 0);
  }

  /** Name to whole value, in order of first use. */
  toRecord(): Record<string, number> {
    return Object.fromEntries([...this.#values.keys()].map((name) => [name, this.get(name)]));
  }

  /** Replaces everything by the values of a record. */
  restore(record: Readonly<Record<string, number>>): void {
    this.#values.clear();
    for (const [name, value] of Object.entries(record)) this.#values.set(name, value);
  }

  /** Text of `counters.txt`: one line `name: value` per counter, sorted by name. */
  toText(): string {
    const names = [...this.#values.keys()].sort();
    return names.map((name) => `${name}: ${this.get(name)}\n`).join("");
  }
}
