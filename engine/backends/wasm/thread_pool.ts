/** Worker threads that run programs in shared memory. */
import { KernelError } from "../../errors/errors.ts";
import { KERNELS, PROGRAM_MODULE } from "../../../wasm/mod.ts";
import type { Arena } from "./arena.ts";
import { type ThreadReport, type ThreadStart, workerMain } from "./worker.ts";

/** Word indices in the control block (`wasm/assembly/program.ts`). */
const GENERATION = 0;
const PROGRAM = 1;
const FINISHED = 4;
const RUNNING = 5;
const CONTROL_BYTES = 64;

/** What a thread learns about all kernels; whole cache lines, because threads write it often. */
const KNOWLEDGE_BYTES = Math.ceil(KERNELS.length * 16 / 64) * 64;

/** Threads that sleep until a program is given to them. */
export class ThreadPool {
  readonly threads: number;
  readonly #arena: Arena;
  readonly #control: number;
  readonly #knowledge: number;
  readonly #words: Int32Array;
  readonly #url: string;
  readonly #workers: readonly Worker[];
  /** Rejects when a thread dies. */
  readonly #failure: Promise<never>;
  #fail: (error: KernelError) => void = () => {};
  /** Names the call that a program was running, by its position. */
  #callName: (index: number) => string = () => "none";
  #closed = false;

  private constructor(threads: number, arena: Arena) {
    this.threads = threads;
    this.#arena = arena;
    this.#control = arena.allocate(CONTROL_BYTES, "thread control");
    this.#knowledge = arena.allocate(KNOWLEDGE_BYTES * threads, "knowledge about kernels");
    this.#words = new Int32Array(arena.memory.buffer, this.#control, CONTROL_BYTES / 4);
    this.#failure = new Promise((_, reject) => this.#fail = reject);
    this.#failure.catch(() => {});
    const source = `(${workerMain.toString()})()`;
    this.#url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    this.#workers = Array.from(
      { length: threads },
      () => new Worker(this.#url, { type: "module" }),
    );
  }

  /** Starts `threads` workers and waits until each is ready. */
  static async open(
    threads: number,
    arena: Arena,
    modules: ReadonlyMap<string, WebAssembly.Module>,
  ): Promise<ThreadPool> {
    const pool = new ThreadPool(threads, arena);
    try {
      await Promise.race([pool.#start(modules), pool.#failure]);
    } catch (cause) {
      pool.close();
      throw cause;
    }
    return pool;
  }

  /** The kernel that runs, or ran last, and how many programs have ended; changes while there is progress. */
  get activity(): string {
    const running = Atomics.load(this.#words, RUNNING);
    const finished = Atomics.load(this.#words, FINISHED);
    return `kernel "${this.#callName(running)}" (call ${running} of program ${finished + 1})`;
  }

  /** Runs the program at an address; `callName` tells what a position in it is, for messages. */
  async run(program: number, callName: (index: number) => string): Promise<void> {
    this.#callName = callName;
    const finished = Atomics.load(this.#words, FINISHED);
    Atomics.store(this.#words, PROGRAM, program);
    Atomics.add(this.#words, GENERATION, 1);
    Atomics.notify(this.#words, GENERATION);
    // Again after every wake-up: a thread that is held up between counting its last program and telling so wakes whoever
    // waits for the next one.
    for (;;) {
      const waiting = Atomics.waitAsync(this.#words, FINISHED, finished);
      if (!waiting.async) return;
      await Promise.race([waiting.value, this.#failure]);
    }
  }

  /** Ends the threads. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#fail(new KernelError("Cannot run: the wasm backend is closed", { label: "close" }));
    Atomics.store(this.#words, PROGRAM, 0);
    Atomics.add(this.#words, GENERATION, 1);
    Atomics.notify(this.#words, GENERATION);
    for (const worker of this.#workers) worker.terminate();
    this.#arena.free(this.#control);
    this.#arena.free(this.#knowledge);
  }

  async #start(modules: ReadonlyMap<string, WebAssembly.Module>): Promise<void> {
    await Promise.all(this.#workers.map((worker, thread) =>
      new Promise<void>((resolve) => {
        worker.onmessage = ({ data }: MessageEvent<ThreadReport>) => {
          if ("ready" in data) resolve();
          else this.#died(data.error);
        };
        worker.onerror = (event) => {
          event.preventDefault();
          this.#died(event.message);
        };
        const start: ThreadStart = {
          memory: this.#arena.memory,
          modules,
          kernels: KERNELS,
          programModule: PROGRAM_MODULE,
          control: this.#control,
          knowledge: this.#knowledge + thread * KNOWLEDGE_BYTES,
          thread,
          threads: this.threads,
        };
        worker.postMessage(start);
      })
    ));
    URL.revokeObjectURL(this.#url);
  }

  #died(reason: string): void {
    const label = this.#callName(Atomics.load(this.#words, RUNNING));
    this.#fail(
      new KernelError(`Cannot run kernel "${label}" on the wasm backend: ${reason}`, { label }),
    );
  }
}
