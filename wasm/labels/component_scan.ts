import type { TypedArray } from "../../engine/formats/nd_array.ts";
import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { ScanMemory } from "./scan_memory.ts";

/** Which of the 26 voxels around one touch it: by a face; also by an edge; also by a corner. */
export type Connectivity = 6 | 18 | 26;

const FRAME_BYTES = 32;
/** Two words per run. */
const RUN_BYTES = 8;
/** Two words per row. */
const ROW_BYTES = 8;
/** Vectors of 16 labels are read over the ends of buffers. */
const OVERRUN_BYTES = 128;
/** Bytes of labels, or of numbers, that are in the kernel's memory at a time: about what a cache holds. */
const WINDOW_BYTES = 2 ** 21;
/** The result of a larger volume is worth the start of a thread that gets its memory ready. */
const MIN_THREADED_VOXELS = 2 ** 25;

/**
 * Finds the connected components of a volume that passes by in slabs, from z = 0 on: `add` every plane, `finish`, then
 * `write` any planes in any order. Memory goes with the number of runs of equal label, 8 bytes each, not with that of
 * voxels, so that the volume may be larger than memory. Disposing it leaves the memory to the next scan.
 */
export class ComponentScan implements Disposable {
  readonly size: Zyx;
  readonly #axes: number;
  readonly #memory: ScanMemory;
  /** Whether the memory is of this scan only. */
  readonly #isAlone: boolean;
  readonly #rows: number;
  readonly #frame: number;
  /** Planes pass through it; the one before them comes first. */
  readonly #window: number;
  readonly #windowBytes: number;
  readonly #table: number;
  #runs = 0;
  #planes = 0;
  #isOver = false;

  private constructor(size: Zyx, connectivity: Connectivity, memory: ScanMemory, isAlone: boolean) {
    const [depth, height, width] = size;
    this.size = size;
    this.#axes = { 6: 1, 18: 2, 26: 3 }[connectivity];
    this.#memory = memory;
    this.#isAlone = isAlone;
    const kernelMemory = memory.memory;
    this.#rows = kernelMemory.reserve(ROW_BYTES * depth * height);
    this.#frame = kernelMemory.reserve(FRAME_BYTES);
    // Two planes of the widest labels must fit, for the two arrays of a meet.
    this.#windowBytes = Math.max(WINDOW_BYTES, 32 * height * width);
    this.#window = kernelMemory.reserve(this.#windowBytes + OVERRUN_BYTES);
    this.#table = kernelMemory.reserve(0);
  }

  /**
   * @param memory Used by no other scan until this one is disposed; without, what is kept, or the scan's own.
   * @throws {RangeError} when another scan uses it, or rows of this size do not fit into it.
   */
  static async create(
    size: Zyx,
    connectivity: Connectivity = 6,
    memory?: ScanMemory,
  ): Promise<ComponentScan> {
    const given = memory ?? ScanMemory.kept;
    const used = given ??
      await ScanMemory.open(volumeOf(size) < MIN_THREADED_VOXELS ? 1 : 2);
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
    const { memory, kernel } = this.#memory;
    const arrays = (second === undefined ? [labels] : [labels, second])
      .map((array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    const itemBytes = labels.BYTES_PER_ELEMENT;
    const planeBytes = height * width * itemBytes;
    const most = Math.floor(this.#windowBytes / (planeBytes * arrays.length)) - 1;
    const starts = arrays.map((_, i) => this.#window + (i * (most + 1) + 1) * planeBytes);
    for (let from = 0; from < labels.byteLength; from += most * planeBytes) {
      const planes = Math.min(most, (labels.byteLength - from) / planeBytes);
      for (const [i, array] of arrays.entries()) {
        const part = array.subarray(from, from + planes * planeBytes);
        memory.u8(starts[i], part.length).set(part);
      }
      memory.enlarge(RUN_BYTES * (this.#runs + planes * height * width));
      memory.u32(this.#frame, FRAME_BYTES / 4).set([
        ...[starts[0], starts[1] ?? 0, this.#rows + ROW_BYTES * this.#planes * height, this.#table],
        ...[height, width, itemBytes, this.#axes],
      ]);
      const hasBefore = this.#planes > 0 ? 1 : 0;
      this.#runs = kernel.link(this.#frame, planes, hasBefore, this.#runs) >>> 0;
      kernel.keep(this.#frame, planes - 1);
      this.#planes += planes;
    }
  }

  /** Numbers the components from 1, in C order of first voxels; returns how many there are. */
  finish(): number {
    return this.#memory.kernel.number_runs(this.#table, this.#runs) >>> 0;
  }

  /** An array for `write`, which may be asked for before planes are added, and got afterwards. */
  array(length: number): Promise<Uint32Array<ArrayBuffer>> {
    return this.#memory.array(length);
  }

  /** Writes the numbers of planes `z` and on to `out` `[planes, y, x]`; 0 where the labels are 0. */
  write(out: Uint32Array, z = 0): void {
    this.writeRows(out, z * this.size[1]);
  }

  /** Writes the numbers of rows `first` and on, counted through all planes, to `out` `[rows, x]`. */
  writeRows(out: Uint32Array, first: number): void {
    const width = this.size[2];
    const { memory, kernel } = this.#memory;
    const rows = out.length / width;
    const most = Math.floor((this.#windowBytes - OVERRUN_BYTES) / (4 * width));
    for (let begin = 0; begin < rows; begin += most) {
      const end = Math.min(rows, begin + most);
      kernel.write_rows(this.#table, this.#rows, first + begin, first + end, this.#window);
      out.set(memory.u32(this.#window, (end - begin) * width), begin * width);
    }
  }

  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#memory.leave();
    if (this.#isAlone) this.#memory[Symbol.dispose]();
  }
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
  memory?: ScanMemory,
): Promise<{ labels: Uint32Array<ArrayBuffer>; count: number }> {
  using scan = await ComponentScan.create(size, connectivity, memory);
  const array = scan.array(volumeOf(size));
  scan.add(labels, second);
  const count = scan.finish();
  const out = await array;
  scan.write(out);
  return { labels: out, count };
}
