import type { TypedArray } from "../../engine/formats/nd_array.ts";
import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { ScanThreads } from "./scan_threads.ts";

/** Which of the 26 voxels around one touch it: by a face; also by an edge; also by a corner. */
export type Connectivity = 6 | 18 | 26;

const FRAME_BYTES = 32;
/** Two words per run. */
const RUN_BYTES = 8;
/** Two words per row. */
const ROW_BYTES = 8;
/** Vectors of 16 labels are read over the ends of buffers. */
const OVERRUN_BYTES = 128;
/** Bytes of labels, or of numbers, that each thread has in the kernel's memory at a time: about its share of the cache. */
const SHARE_BYTES = 2 ** 21;
/** Larger volumes are worth the start of threads for themselves alone. */
const MIN_THREADED_VOXELS = 2 ** 25;

/** Part of the kernel's memory that planes pass through; the plane before the window's comes first. */
interface Window {
  readonly frame: number;
  readonly labels: number;
}

/**
 * Finds the connected components of a volume that passes by in slabs, from z = 0 on: `add` every plane, `finish`, then
 * `write` any planes in any order. Memory goes with the number of runs of equal label, 8 bytes each, not with that of
 * voxels, so that the volume may be larger than memory. Disposing it ends the scan and leaves its threads to the next.
 */
export class ComponentScan implements Disposable {
  readonly size: Zyx;
  readonly #axes: number;
  readonly #threads: ScanThreads;
  /** Whether the threads are of this scan only. */
  readonly #isAlone: boolean;
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
    threads: ScanThreads,
    isAlone: boolean,
  ) {
    const [depth, height, width] = size;
    const plane = height * width;
    this.size = size;
    this.#axes = { 6: 1, 18: 2, 26: 3 }[connectivity];
    this.#threads = threads;
    this.#isAlone = isAlone;
    const { memory, count } = threads;
    this.#rows = memory.reserve(ROW_BYTES * depth * height);
    const share = Math.max(SHARE_BYTES, 16 * width);
    // Two planes of the widest labels must fit, for the two arrays of a meet.
    this.#windowBytes = Math.max(share * count, 32 * plane);
    this.#windows = Array.from({ length: count > 1 ? 2 : 1 }, () => ({
      frame: memory.reserve(FRAME_BYTES),
      labels: memory.reserve(this.#windowBytes + OVERRUN_BYTES),
    }));
    this.#table = memory.reserve(0);
  }

  /**
   * @param threads Used by no other scan until this one is disposed; without them, those that are kept, or its own.
   * @throws {RangeError} when another scan uses them, or rows of this size do not fit into memory.
   */
  static async create(
    size: Zyx,
    connectivity: Connectivity = 6,
    threads?: ScanThreads,
  ): Promise<ComponentScan> {
    const given = threads ?? ScanThreads.kept;
    const used = given ?? await ScanThreads.open(threadsFor(size));
    used.take();
    try {
      return new ComponentScan(size, connectivity, used, given === null);
    } catch (error) {
      used.leave();
      if (given === null) used[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Takes in the next planes.
   *
   * @param labels `[planes, y, x]`, of any integer type, the same in every call.
   * @param second Of the same type and shape: voxels are alike where both of their labels are; background is where both
   * are 0.
   */
  add(labels: TypedArray, second?: TypedArray): void {
    const [, height, width] = this.size;
    const arrays = (second === undefined ? [labels] : [labels, second])
      .map((array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    const itemBytes = labels.BYTES_PER_ELEMENT;
    const planeBytes = height * width * itemBytes;
    const most = Math.floor(this.#windowBytes / (planeBytes * arrays.length)) - 1;
    let link = () => {};
    for (let from = 0; from < labels.byteLength; from += most * planeBytes) {
      const planes = Math.min(most, (labels.byteLength - from) / planeBytes);
      // A window of its own can be filled while threads work in the other.
      if (this.#windows.length === 1) link();
      const window = this.#windows[this.#window];
      const starts = arrays.map((_, i) => window.labels + i * (most + 1) * planeBytes);
      for (const [i, array] of arrays.entries()) {
        const part = array.subarray(from, from + planes * planeBytes);
        this.#threads.memory.u8(starts[i] + planeBytes, part.length).set(part);
      }
      if (this.#windows.length === 2) link();
      this.#window = (this.#window + 1) % this.#windows.length;
      link = this.#beginLink(window, starts, planes, itemBytes);
    }
    link();
  }

  /** Numbers the components from 1, in C order of first voxels; returns how many there are. */
  finish(): number {
    return this.#threads.kernel.number_runs(this.#table, this.#runs) >>> 0;
  }

  /** Writes the numbers of planes `z` and on to `out` `[planes, y, x]`; 0 where the labels are 0. */
  write(out: Uint32Array, z = 0): void {
    const [, height, width] = this.size;
    const { count, memory } = this.#threads;
    const rows = out.length / width;
    // No vector runs over into what another thread writes.
    const shareBytes = Math.floor(this.#windowBytes / 16 / count) * 16;
    const share = Math.floor((shareBytes - OVERRUN_BYTES) / (4 * width));
    let copy = () => {};
    for (let from = 0, turn = 0; from < rows; from += share * count, turn++) {
      const area = this.#windows[turn % this.#windows.length].labels;
      const begin = (thread: number) => Math.min(rows, from + thread * share);
      const finish = this.#threads.begin("write_rows", count, (thread) => [
        ...[this.#table, this.#rows, z * height + begin(thread), z * height + begin(thread + 1)],
        area + thread * shareBytes,
      ]);
      // What was written into the other window before.
      copy();
      finish();
      copy = () => {
        for (let thread = 0; thread < count; thread++) {
          const [at, end] = [begin(thread) * width, begin(thread + 1) * width];
          out.set(memory.u32(area + thread * shareBytes, end - at), at);
        }
        copy = () => {};
      };
      if (this.#windows.length === 1) copy();
    }
    copy();
  }

  /** An array for `write`, which a thread gets ready while planes are added. */
  zeros(length: number): Promise<Uint32Array<ArrayBuffer>> {
    return this.#threads.zeros(length);
  }

  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#threads.leave();
    if (this.#isAlone) this.#threads[Symbol.dispose]();
  }

  /**
   * Takes in the planes of a window, whose arrays begin at `starts` with the plane before them; returns what waits for
   * that, and hands the last plane on to the next window.
   */
  #beginLink(
    window: Window,
    starts: readonly number[],
    planes: number,
    itemBytes: number,
  ): () => void {
    const [, height, width] = this.size;
    const { free: shares, kernel, memory } = this.#threads;
    const plane = height * width;
    const [first, second] = starts.map((start) => start + plane * itemBytes);
    memory.u32(window.frame, FRAME_BYTES / 4).set([
      ...[first, second ?? 0, this.#rows + ROW_BYTES * this.#planes * height, this.#table],
      ...[height, width, itemBytes, this.#axes],
    ]);
    const begin = (share: number) => Math.floor(planes * share / shares);
    // Nobody knows how many runs the shares before have: each has room for as many as there are voxels.
    memory.enlarge(RUN_BYTES * (this.#runs + planes * plane));
    const finish = this.#threads.begin("link", shares, (share) => [
      ...[window.frame, begin(share), begin(share + 1)],
      // Where there are fewer planes than shares, some have none.
      this.#planes > 0 && begin(share) === 0 ? 1 : 0,
      this.#runs + begin(share) * plane,
    ]);
    return () => {
      finish();
      for (let share = 0; share < shares; share++) {
        const [from, to] = [begin(share), begin(share + 1)];
        if (from === to) continue;
        this.#runs = kernel.gather(window.frame, from, to, this.#runs) >>> 0;
        if (from > 0) kernel.seam(window.frame, from);
      }
      const next = this.#windows[this.#window];
      kernel.keep(window.frame, planes - 1, next.labels - window.labels);
      this.#planes += planes;
    };
  }
}

/** How many threads are worth their start for one scan. */
function threadsFor(size: Zyx): number {
  return volumeOf(size) < MIN_THREADED_VOXELS ? 1 : ScanThreads.usualCount();
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
  threads?: ScanThreads,
): Promise<{ labels: Uint32Array<ArrayBuffer>; count: number }> {
  using scan = await ComponentScan.create(size, connectivity, threads);
  const zeros = scan.zeros(volumeOf(size));
  scan.add(labels, second);
  const count = scan.finish();
  const out = await zeros;
  scan.write(out);
  return { labels: out, count };
}
