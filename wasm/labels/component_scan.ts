import type { TypedArray } from "../../engine/formats/nd_array.ts";
import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { KernelMemory, kernelModule } from "../kernel_memory.ts";
import { KernelThreads } from "./kernel_threads.ts";

/** Which of the 26 voxels around one touch it: by a face; also by an edge; also by a corner. */
export type Connectivity = 6 | 18 | 26;

interface ComponentsKernel {
  link(frame: number, begin: number, end: number, hasBefore: number, run: number): number;
  gather(frame: number, begin: number, end: number, run: number): number;
  seam(frame: number, plane: number): void;
  keep(frame: number, plane: number, distance: number): void;
  number_runs(table: number, runs: number): number;
  write_rows(table: number, rows: number, begin: number, end: number, output: number): void;
}

const KERNEL = "labels_components";
const FRAME_BYTES = 32;
/** Two words per run. */
const RUN_BYTES = 8;
/** Two words per row. */
const ROW_BYTES = 8;
/** Vectors of 16 labels are read over the ends of buffers. */
const OVERRUN_BYTES = 128;
/** Bytes of labels, or of numbers, that each thread has in the kernel's memory at a time: about its share of the cache. */
const SHARE_BYTES = 2 ** 21;
/** Most threads that are worth the while: the rest of the time goes by in copying. */
const MAX_THREADS = 4;
/** Volumes with more voxels are worth the start of threads. */
const MIN_THREADED_VOXELS = 2 ** 25;

/** Memory that the last scan leaves to the next. */
const MAX_SPARE_BYTES = 2 ** 26;

/** Memory of a scan on one thread that is over: the system need not hand out its pages again. */
let spare: KernelMemory | null = null;

/** Part of the kernel's memory that planes pass through; the plane before the window's comes first. */
interface Window {
  readonly frame: number;
  readonly labels: number;
}

/**
 * Finds the connected components of a volume that passes by in slabs, from z = 0 on: `add` every plane, `finish`, then
 * `write` any planes in any order. Memory goes with the number of runs of equal label, 8 bytes each, not with that of
 * voxels, so that the volume may be larger than memory. Disposing it ends its threads, and with it the scan.
 */
export class ComponentScan implements Disposable {
  readonly size: Zyx;
  readonly #axes: number;
  readonly #memory: KernelMemory;
  readonly #kernel: ComponentsKernel;
  readonly #threads: KernelThreads | null;
  /** Two where there are threads, which work in one while the other is filled. */
  readonly #windows: readonly Window[];
  readonly #windowBytes: number;
  readonly #rows: number;
  readonly #table: number;
  #window = 0;
  #runs = 0;
  #planes = 0;
  #isOver = false;

  private constructor(
    size: Zyx,
    connectivity: Connectivity,
    memory: KernelMemory,
    kernel: ComponentsKernel,
    threads: KernelThreads | null,
  ) {
    const [depth, height, width] = size;
    const plane = height * width;
    this.size = size;
    this.#axes = { 6: 1, 18: 2, 26: 3 }[connectivity];
    this.#memory = memory;
    this.#kernel = kernel;
    this.#threads = threads;
    this.#rows = memory.reserve(ROW_BYTES * depth * height);
    const share = Math.max(SHARE_BYTES, 16 * width);
    // Two planes of the widest labels must fit, for the two arrays of a meet.
    this.#windowBytes = Math.max(share * (threads?.count ?? 1), 32 * plane);
    this.#windows = Array.from({ length: threads ? 2 : 1 }, () => ({
      frame: memory.reserve(FRAME_BYTES),
      labels: memory.reserve(this.#windowBytes + OVERRUN_BYTES),
    }));
    this.#table = memory.reserve(0);
  }

  /** @param threads How many run the kernel; 1 is the calling one. */
  static async create(
    size: Zyx,
    connectivity: Connectivity = 6,
    threads = threadsFor(size),
  ): Promise<ComponentScan> {
    const memory = (threads === 1 ? spare : null) ?? new KernelMemory({ shared: true });
    if (memory === spare) spare = null;
    memory.clear();
    const kernel = await memory.load<ComponentsKernel>(KERNEL);
    const started = threads === 1
      ? null
      : await KernelThreads.open(KERNEL, await kernelModule(KERNEL), memory.memory, threads);
    return new ComponentScan(size, connectivity, memory, kernel, started);
  }

  /**
   * Takes in the next planes; the caller awaits it before it adds more.
   *
   * @param labels `[planes, y, x]`, of any integer type, the same in every call.
   * @param second Of the same type and shape: voxels are alike where both of their labels are; background is where both
   * are 0.
   */
  async add(labels: TypedArray, second?: TypedArray): Promise<void> {
    const [, height, width] = this.size;
    const arrays = (second === undefined ? [labels] : [labels, second])
      .map((array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    const itemBytes = labels.BYTES_PER_ELEMENT;
    const planeBytes = height * width * itemBytes;
    const most = Math.floor(this.#windowBytes / (planeBytes * arrays.length)) - 1;
    let linked = Promise.resolve();
    for (let from = 0; from < labels.byteLength; from += most * planeBytes) {
      const planes = Math.min(most, (labels.byteLength - from) / planeBytes);
      // A window of its own can be filled while threads work in the other.
      if (this.#windows.length === 1) await linked;
      const window = this.#windows[this.#window];
      const starts = arrays.map((_, i) => window.labels + i * (most + 1) * planeBytes);
      for (const [i, array] of arrays.entries()) {
        const part = array.subarray(from, from + planes * planeBytes);
        this.#memory.u8(starts[i] + planeBytes, part.length).set(part);
      }
      await linked;
      this.#window = (this.#window + 1) % this.#windows.length;
      linked = this.#link(window, starts, planes, itemBytes);
    }
    await linked;
  }

  /** Numbers the components from 1, in C order of first voxels; returns how many there are. */
  finish(): number {
    return this.#kernel.number_runs(this.#table, this.#runs) >>> 0;
  }

  /** Writes the numbers of planes `z` and on to `out` `[planes, y, x]`; 0 where the labels are 0. */
  async write(out: Uint32Array, z = 0): Promise<void> {
    const [, height, width] = this.size;
    const rows = out.length / width;
    // No vector runs over into what another thread writes.
    const shareBytes = Math.floor(this.#windowBytes / 16 / this.#threadCount) * 16;
    const share = Math.floor((shareBytes - OVERRUN_BYTES) / (4 * width));
    let copy = () => {};
    for (let from = 0, turn = 0; from < rows; from += share * this.#threadCount, turn++) {
      const area = this.#windows[turn % this.#windows.length].labels;
      const begin = (thread: number) => Math.min(rows, from + thread * share);
      const written = this.#run("write_rows", (thread) => [
        ...[this.#table, this.#rows, z * height + begin(thread), z * height + begin(thread + 1)],
        area + thread * shareBytes,
      ]);
      // What was written into the other window before.
      copy();
      await written;
      copy = () => {
        for (let thread = 0; thread < this.#threadCount; thread++) {
          const [at, end] = [begin(thread) * width, begin(thread + 1) * width];
          out.set(this.#memory.u32(area + thread * shareBytes, end - at), at);
        }
        copy = () => {};
      };
      if (this.#windows.length === 1) copy();
    }
    copy();
  }

  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (this.#threads) this.#threads[Symbol.dispose]();
    else if (this.#memory.memory.buffer.byteLength <= MAX_SPARE_BYTES) spare = this.#memory;
  }

  get #threadCount(): number {
    return this.#threads?.count ?? 1;
  }

  /**
   * Takes in the planes of a window, whose arrays begin at `starts` with the plane before them, and hands the last one on
   * to the next window.
   */
  async #link(
    window: Window,
    starts: readonly number[],
    planes: number,
    itemBytes: number,
  ): Promise<void> {
    const [, height, width] = this.size;
    const plane = height * width;
    const [first, second] = starts.map((start) => start + plane * itemBytes);
    this.#memory.u32(window.frame, FRAME_BYTES / 4).set([
      ...[first, second ?? 0, this.#rows + ROW_BYTES * this.#planes * height, this.#table],
      ...[height, width, itemBytes, this.#axes],
    ]);
    const begin = (thread: number) => Math.floor(planes * thread / this.#threadCount);
    // No thread knows how many runs those before it find: each has room for as many as there are voxels.
    this.#memory.enlarge(RUN_BYTES * (this.#runs + planes * plane));
    await this.#run("link", (thread) => [
      ...[window.frame, begin(thread), begin(thread + 1)],
      // Where there are fewer planes than threads, some have none.
      this.#planes > 0 && begin(thread) === 0 ? 1 : 0,
      this.#runs + begin(thread) * plane,
    ]);
    for (let thread = 0; thread < this.#threadCount; thread++) {
      const [from, to] = [begin(thread), begin(thread + 1)];
      if (from === to) continue;
      this.#runs = this.#kernel.gather(window.frame, from, to, this.#runs) >>> 0;
      if (from > 0) this.#kernel.seam(window.frame, from);
    }
    const next = this.#windows[this.#window];
    this.#kernel.keep(window.frame, planes - 1, next.labels - window.labels);
    this.#planes += planes;
  }

  /** Calls an export on every thread. */
  async #run(
    name: "link" | "write_rows",
    argumentsOf: (thread: number) => number[],
  ): Promise<void> {
    if (this.#threads) await this.#threads.run(name, argumentsOf);
    else (this.#kernel[name] as (...values: number[]) => void)(...argumentsOf(0));
  }
}

function threadsFor(size: Zyx): number {
  if (volumeOf(size) < MIN_THREADED_VOXELS) return 1;
  return Math.min(navigator.hardwareConcurrency, MAX_THREADS);
}

/**
 * Components of a whole volume; see {@linkcode ComponentScan}.
 *
 * @param labels `[z, y, x]` of `size`, of any integer type.
 */
export async function labelComponents(
  labels: TypedArray,
  size: Zyx,
  connectivity: Connectivity = 6,
  second?: TypedArray,
  threads = threadsFor(size),
): Promise<{ labels: Uint32Array<ArrayBuffer>; count: number }> {
  using scan = await ComponentScan.create(size, connectivity, threads);
  await scan.add(labels, second);
  const count = scan.finish();
  const out = new Uint32Array(volumeOf(size));
  await scan.write(out);
  return { labels: out, count };
}
