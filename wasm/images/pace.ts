/** Lets timers and signals run in the middle of long loops, and ends them when they are cancelled. */
export class Pace {
  #last = performance.now();

  /** @param signal Aborting it makes the next `breathe()` reject with its reason. */
  constructor(readonly signal?: AbortSignal, readonly everyMs = 50) {}

  /** Call it between pieces of work: it gives way when `everyMs` have passed since it last did. */
  async breathe(): Promise<void> {
    this.signal?.throwIfAborted();
    if (performance.now() - this.#last < this.everyMs) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#last = performance.now();
    this.signal?.throwIfAborted();
  }
}
