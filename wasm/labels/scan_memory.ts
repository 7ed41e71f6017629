import { KernelMemory } from "../kernel_memory.ts";
import { ArrayMaker } from "./array_maker.ts";

/** Exports of `wasm/assembly/labels/components.ts`. */
interface ComponentsKernel {
  link(frame: number, planes: number, hasBefore: number, run: number): number;
  keep(frame: number, plane: number): void;
  number_runs(table: number, runs: number): number;
  write_rows(table: number, rows: number, begin: number, end: number, output: number): void;
}

/** Kernel memory that is left to whoever opens some next. */
const MAX_SPARE_BYTES = 2 ** 26;
/** Arrays that were given back and wait for use: the two that go into a meet. */
const MAX_SPARE_ARRAYS = 2;

/** Kernel memory that nobody uses. */
let spare: KernelMemory | null = null;
/** What scans use which are given none. */
let kept: ScanMemory | null = null;

/**
 * Memory for component scans, one after the other. What it is good for is that the system need not hand out pages anew
 * for each scan, which takes longer than half of the scan itself. Results never lie in the kernel's memory; a caller may
 * give them back.
 */
export class ScanMemory implements Disposable {
  readonly memory: KernelMemory;
  readonly kernel: ComponentsKernel;
  readonly #maker: ArrayMaker | null;
  readonly #arrays: Uint32Array<ArrayBuffer>[] = [];
  #isTaken = false;
  #isOver = false;

  private constructor(memory: KernelMemory, kernel: ComponentsKernel, maker: ArrayMaker | null) {
    this.memory = memory;
    this.kernel = kernel;
    this.#maker = maker;
  }

  /**
   * @param threads With 2, one gets memory for results that were not given back while the calling one scans. More are of
   * no use: what one has just copied is in its cache, and to read it from there costs another thread what it would save.
   */
  static async open(threads: 1 | 2 = 1): Promise<ScanMemory> {
    const memory = spare ?? new KernelMemory({ shared: true });
    spare = null;
    const kernel = await memory.load<ComponentsKernel>("labels_components");
    return new ScanMemory(memory, kernel, threads === 2 ? await ArrayMaker.open() : null);
  }

  /** Opens memory that serves every scan which is given none, one at a time, until it is disposed. */
  static async keep(): Promise<ScanMemory> {
    return kept = await ScanMemory.open();
  }

  /** The memory that is kept, where no scan has it. */
  static get kept(): ScanMemory | null {
    return kept === null || kept.#isTaken ? null : kept;
  }

  /** {@linkcode reuse} of the memory that is kept, where some is. */
  static reuse(labels: Uint32Array<ArrayBuffer>): void {
    kept?.reuse(labels);
  }

  /** @throws {RangeError} when a scan has it already, or it is disposed. */
  take(): void {
    if (this.#isTaken || this.#isOver) {
      const why = this.#isOver ? "is disposed" : "is that of another scan";
      throw new RangeError(
        `Cannot scan components: the given memory ${why}; open one for each of the scans that go on at once`,
      );
    }
    this.#isTaken = true;
    this.memory.clear();
  }

  leave(): void {
    this.#isTaken = false;
  }

  /** An array for numbers, with anything in it. */
  async array(length: number): Promise<Uint32Array<ArrayBuffer>> {
    const spare = this.#arrays.findIndex((array) => array.length === length);
    if (spare >= 0) return this.#arrays.splice(spare, 1)[0];
    return await (this.#maker?.make(length) ?? new Uint32Array(length));
  }

  /**
   * Takes over the memory of labels that nobody needs any more, for results to come: `labels` and all other views of its
   * buffer have no elements afterwards, so that nobody sees them change.
   */
  reuse(labels: Uint32Array<ArrayBuffer>): void {
    if (this.#isOver || labels.byteLength < labels.buffer.byteLength) return;
    this.#arrays.push(new Uint32Array(labels.buffer.transfer()));
    if (this.#arrays.length > MAX_SPARE_ARRAYS) this.#arrays.shift();
  }

  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (kept === this) kept = null;
    this.#arrays.length = 0;
    this.#maker?.[Symbol.dispose]();
    if (this.memory.memory.buffer.byteLength <= MAX_SPARE_BYTES) spare = this.memory;
  }
}
