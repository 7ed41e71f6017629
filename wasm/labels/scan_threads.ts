import { KernelMemory, kernelModule } from "../kernel_memory.ts";
import { KernelThreads } from "./kernel_threads.ts";

/** Exports of `wasm/assembly/labels/components.ts`. */
interface ComponentsKernel {
  link(frame: number, begin: number, end: number, hasBefore: number, run: number): number;
  gather(frame: number, begin: number, end: number, run: number): number;
  seam(frame: number, plane: number): void;
  keep(frame: number, plane: number, distance: number): void;
  number_runs(table: number, runs: number): number;
  write_rows(table: number, rows: number, begin: number, end: number, output: number): void;
}

const KERNEL = "labels_components";
/** Most threads that are worth the while: the rest of the time goes by in copying, which is the caller's. */
const MAX_THREADS = 4;
/** Memory that is left to whoever opens threads next. */
const MAX_SPARE_BYTES = 2 ** 26;

/** Memory of a single thread that was disposed: the system need not hand out its pages again. */
let spare: KernelMemory | null = null;
/** Threads for scans that are given none. */
let kept: ScanThreads | null = null;

/**
 * Threads and memory for component scans, one after the other: neither is started anew for each, so that small volumes
 * gain as well. Results are never in that memory. Disposing ends the threads.
 */
export class ScanThreads implements Disposable {
  /** How many there are with the calling one, which takes part. */
  readonly count: number;
  readonly memory: KernelMemory;
  /** The calling thread's instance. */
  readonly kernel: ComponentsKernel;
  readonly #others: KernelThreads | null;
  #isTaken = false;
  #isOver = false;

  private constructor(
    memory: KernelMemory,
    kernel: ComponentsKernel,
    others: KernelThreads | null,
  ) {
    this.count = 1 + (others?.count ?? 0);
    this.memory = memory;
    this.kernel = kernel;
    this.#others = others;
  }

  /** As many threads as are of use on this machine. */
  static usualCount(): number {
    return Math.min(navigator.hardwareConcurrency, MAX_THREADS);
  }

  /** @param count How many threads run the kernel; 1 is the calling one alone. */
  static async open(count: number = ScanThreads.usualCount()): Promise<ScanThreads> {
    const memory = (count === 1 ? spare : null) ?? new KernelMemory({ shared: true });
    if (memory === spare) spare = null;
    const kernel = await memory.load<ComponentsKernel>(KERNEL);
    const others = count === 1
      ? null
      : await KernelThreads.open(KERNEL, await kernelModule(KERNEL), memory.memory, count - 1);
    return new ScanThreads(memory, kernel, others);
  }

  /** Opens threads that serve every scan which is given none, one at a time, until they are disposed. */
  static async keep(count?: number): Promise<ScanThreads> {
    return kept = await ScanThreads.open(count);
  }

  /** The threads that are kept, where no scan has them. */
  static get kept(): ScanThreads | null {
    return kept === null || kept.#isTaken ? null : kept;
  }

  /** @throws {RangeError} when a scan has them already, or they are disposed. */
  take(): void {
    if (this.#isTaken || this.#isOver) {
      const why = this.#isOver ? "are disposed" : "have another scan to work for";
      throw new RangeError(
        `Cannot scan components: the given threads ${why}; open threads for each scan of those that go on at once`,
      );
    }
    this.#isTaken = true;
    this.memory.clear();
  }

  leave(): void {
    this.#isTaken = false;
  }

  /** How many could begin to work now: not those that get an array ready. */
  get free(): number {
    return 1 + (this.#others?.idle ?? 0);
  }

  /** Begins to make calls of an export, numbered from 0; all have ended when what it returns does. */
  begin(
    name: "link" | "write_rows",
    count: number,
    argumentsOf: (call: number) => readonly number[],
  ): () => void {
    if (this.#others === null || count === 1) {
      (this.kernel[name] as (...values: number[]) => void)(...argumentsOf(0));
      return () => {};
    }
    const calls = Array.from({ length: count }, (_, i) => ({
      name,
      arguments: argumentsOf(i),
    }));
    return this.#others.begin(this.kernel, calls);
  }

  /** See `KernelThreads.zeros`. */
  async zeros(length: number): Promise<Uint32Array<ArrayBuffer>> {
    return await (this.#others?.zeros(length) ?? new Uint32Array(length));
  }

  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (kept === this) kept = null;
    if (this.#others) this.#others[Symbol.dispose]();
    else if (this.memory.memory.buffer.byteLength <= MAX_SPARE_BYTES) spare = this.memory;
  }
}
