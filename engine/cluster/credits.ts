/** Turns to send something large, a limited number at a time. */
export class Credits {
  readonly #limit: number;
  readonly #holders = new Set<number>();
  /** In the order in which they asked. */
  readonly #waiting = new Map<number, (granted: boolean) => void>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether it is the worker's turn; waits for it at most so long. A worker that has its turn keeps it. */
  async take(worker: number, waitMs: number): Promise<boolean> {
    if (this.#holders.has(worker)) return true;
    if (this.#holders.size < this.#limit && this.#waiting.size === 0) {
      this.#holders.add(worker);
      return true;
    }
    // A worker that asks again has given up waiting for the first answer.
    this.#waiting.get(worker)?.(false);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const granted = await new Promise<boolean>((resolve) => {
      this.#waiting.set(worker, resolve);
      timer = setTimeout(() => {
        this.#waiting.delete(worker);
        resolve(false);
      }, waitMs);
    });
    clearTimeout(timer);
    return granted;
  }

  /** Ends a turn, where the worker has one. */
  giveBack(worker: number): void {
    if (!this.#holders.delete(worker)) return;
    for (const [next, grant] of this.#waiting) {
      if (this.#holders.size >= this.#limit) return;
      this.#waiting.delete(next);
      this.#holders.add(next);
      grant(true);
    }
  }
}
