import { KernelError } from "../../engine/errors/errors.ts";

/** Places in the block of words that threads and callers share. */
const WORD = {
  /** Changes with every request; threads sleep on it. */
  requests: 0,
  /** Calls that were asked for, taken by a thread, and ended, since the start. */
  asked: 1,
  taken: 2,
  ended: 3,
  /** Elements of an array that a thread is to make; 0 for none. */
  array: 4,
  closed: 5,
  /** Threads that sleep. */
  idle: 8,
  /** Characters of the message of a call that failed, and the message. */
  failure: 6,
  message: 9,
  maxMessage: 250,
  /** A ring of calls: the number of an export and its arguments. */
  calls: 260,
  callWords: 8,
  maxCalls: 1024,
};
const WORDS = WORD.calls + WORD.callWords * WORD.maxCalls;

/** Arrays of fewer elements are made by the calling thread. */
const MIN_ARRAY = 2 ** 20;

type Exports = Readonly<Record<string, (...values: number[]) => unknown>>;

/** An export to call, and what with: at most seven integers. */
export interface KernelCall {
  readonly name: string;
  readonly arguments: readonly number[];
}

/** Sent to a thread once. */
interface ThreadStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly names: readonly string[];
  readonly words: Int32Array;
}

/** Sent by a thread: it takes calls from now on, or an array, or why it cannot go on. */
type ThreadReport = { ready: true } | { array: Uint32Array<ArrayBuffer> | null } | {
  failure: string;
};

/** Makes calls, until all are taken. Its source text is part of that of a thread, so it refers to nothing outside. */
function takeCalls(
  words: Int32Array,
  word: typeof WORD,
  names: readonly string[],
  kernel: Exports,
): void {
  for (;;) {
    const number = Atomics.load(words, word.taken);
    if (number === Atomics.load(words, word.asked)) return;
    if (Atomics.compareExchange(words, word.taken, number, number + 1 | 0) !== number) continue;
    const at = word.calls + word.callWords * ((number >>> 0) % word.maxCalls);
    try {
      kernel[names[words[at]]](...words.subarray(at + 1, at + word.callWords));
    } catch (error) {
      const message = String(error).slice(0, word.maxMessage);
      for (let i = 0; i < message.length; i++) words[word.message + i] = message.charCodeAt(i);
      Atomics.store(words, word.failure, message.length);
    }
    Atomics.add(words, word.ended, 1);
    Atomics.notify(words, word.ended);
  }
}

/** The whole program of a thread. */
function threadMain(take: typeof takeCalls, word: typeof WORD): void {
  const scope = globalThis as unknown as {
    onmessage: ((event: MessageEvent<ThreadStart>) => void) | null;
    postMessage(report: ThreadReport, transfer?: Transferable[]): void;
    close(): void;
  };
  /** An array whose pages the system has handed out, which it does only when they are first written to. */
  const make = (length: number): void => {
    try {
      const array = new Uint32Array(length);
      for (let i = 0; i < length; i += 1024) array[i] = 0;
      scope.postMessage({ array }, [array.buffer]);
    } catch {
      scope.postMessage({ array: null });
    }
  };
  scope.onmessage = async ({ data: { module, memory, names, words } }) => {
    try {
      const kernel = (await WebAssembly.instantiate(module, { env: { memory } })).exports;
      scope.postMessage({ ready: true });
      for (;;) {
        const request = Atomics.load(words, word.requests);
        if (Atomics.load(words, word.closed)) break;
        const length = Atomics.exchange(words, word.array, 0) >>> 0;
        if (length > 0) make(length);
        take(words, word, names, kernel as Exports);
        Atomics.add(words, word.idle, 1);
        Atomics.wait(words, word.requests, request);
        Atomics.sub(words, word.idle, 1);
      }
      scope.close();
    } catch (error) {
      scope.postMessage({ failure: String(error) });
    }
  };
}

/** Threads that run one label kernel over one shared memory, and sleep between calls; disposing ends them. */
export class KernelThreads implements Disposable {
  readonly count: number;
  readonly #label: string;
  readonly #names: readonly string[];
  readonly #words = new Int32Array(new SharedArrayBuffer(4 * WORDS));
  readonly #workers: readonly Worker[];
  /** Rejects when a thread dies. */
  readonly #death: Promise<never>;
  #die: (error: KernelError) => void = () => {};
  /** Takes the array that a thread makes. */
  #takeArray: ((array: Uint32Array<ArrayBuffer> | null) => void) | null = null;

  private constructor(label: string, names: readonly string[], workers: readonly Worker[]) {
    this.count = workers.length;
    this.#label = label;
    this.#names = names;
    this.#workers = workers;
    this.#death = new Promise((_, reject) => this.#die = reject);
    this.#death.catch(() => {});
  }

  /** @param label Names the kernel in messages. */
  static async open(
    label: string,
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    count: number,
  ): Promise<KernelThreads> {
    const names = WebAssembly.Module.exports(module).map(({ name }) => name);
    const source = `(${threadMain})(${takeCalls}, ${JSON.stringify(WORD)})`;
    const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const workers = Array.from({ length: count }, () => new Worker(url, { type: "module" }));
    const threads = new KernelThreads(label, names, workers);
    try {
      await threads.#start(module, memory);
      return threads;
    } catch (error) {
      threads[Symbol.dispose]();
      throw error;
    } finally {
      URL.revokeObjectURL(url);
    }
  }

  /** How many threads wait for calls. */
  get idle(): number {
    return Atomics.load(this.#words, WORD.idle);
  }

  /** Has the threads make calls, in any order; all have ended when it resolves. */
  async run(calls: readonly KernelCall[]): Promise<void> {
    const last = this.#ask(calls);
    for (let ended; (ended = this.#endedBefore(last)) !== null;) {
      const waiting = Atomics.waitAsync(this.#words, WORD.ended, ended);
      if (waiting.async) await Promise.race([waiting.value, this.#death]);
    }
    this.#check();
  }

  /**
   * Has the threads make calls, in any order, and returns at once.
   *
   * @param kernel The calling thread's own instance of the kernel.
   * @returns Takes part in the calls and returns when all have ended.
   */
  begin(kernel: object, calls: readonly KernelCall[]): () => void {
    const last = this.#ask(calls);
    return () => {
      takeCalls(this.#words, WORD, this.#names, kernel as Exports);
      for (let ended; (ended = this.#endedBefore(last)) !== null;) {
        Atomics.wait(this.#words, WORD.ended, ended);
      }
      this.#check();
    };
  }

  /**
   * Zeros, which a thread gets from the system while the caller works on something else: for large arrays that takes as
   * long as filling them several times.
   */
  zeros(length: number): Promise<Uint32Array<ArrayBuffer>> {
    if (length < MIN_ARRAY || this.#takeArray) return Promise.resolve(new Uint32Array(length));
    const made = new Promise<Uint32Array<ArrayBuffer>>((resolve) => {
      this.#takeArray = (array) => resolve(array ?? new Uint32Array(length));
    });
    Atomics.store(this.#words, WORD.array, length);
    this.#wake();
    return Promise.race([made, this.#death]);
  }

  [Symbol.dispose](): void {
    Atomics.store(this.#words, WORD.closed, 1);
    this.#wake();
    for (const worker of this.#workers) worker.terminate();
    this.#failed("it is closed");
  }

  async #start(module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<void> {
    const start: ThreadStart = { module, memory, names: this.#names, words: this.#words };
    const ready = this.#workers.map((worker) =>
      new Promise<void>((resolve) => {
        worker.onmessage = ({ data }: MessageEvent<ThreadReport>) => {
          if ("ready" in data) resolve();
          else if ("failure" in data) this.#failed(data.failure);
          else {
            this.#takeArray?.(data.array);
            this.#takeArray = null;
          }
        };
        worker.onerror = (event) => {
          event.preventDefault();
          this.#failed(event.message);
        };
        worker.postMessage(start);
      })
    );
    await Promise.race([Promise.all(ready), this.#death]);
  }

  /** Returns the number of the last call. */
  #ask(calls: readonly KernelCall[]): number {
    const first = Atomics.load(this.#words, WORD.asked);
    for (const [i, { name, arguments: values }] of calls.entries()) {
      const place = (first + i >>> 0) % WORD.maxCalls;
      const call = [this.#names.indexOf(name), ...values];
      this.#words.set(call, WORD.calls + WORD.callWords * place);
    }
    Atomics.add(this.#words, WORD.asked, calls.length);
    this.#wake();
    return first + calls.length | 0;
  }

  #wake(): void {
    Atomics.add(this.#words, WORD.requests, 1);
    Atomics.notify(this.#words, WORD.requests);
  }

  /** How many calls have ended, as long as the one of this number has not. */
  #endedBefore(last: number): number | null {
    const ended = Atomics.load(this.#words, WORD.ended);
    return (ended - last | 0) < 0 ? ended : null;
  }

  /** Throws what a call threw. */
  #check(): void {
    const length = Atomics.exchange(this.#words, WORD.failure, 0);
    if (length === 0) return;
    const codes = this.#words.subarray(WORD.message, WORD.message + length);
    throw this.#error(String.fromCharCode(...codes));
  }

  #failed(reason: string): void {
    this.#die(this.#error(reason));
  }

  #error(reason: string): KernelError {
    const label = this.#label;
    return new KernelError(`Cannot run "${label}" on threads: ${reason}`, { label });
  }
}
