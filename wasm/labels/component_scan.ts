import type { TypedArray } from "../../engine/formats/nd_array.ts";
import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { KernelMemory } from "../kernel_memory.ts";

/** Which of the 26 voxels around one touch it: by a face; also by an edge; also by a corner. */
export type Connectivity = 6 | 18 | 26;

type Scan = (
  first: number,
  second: number,
  z: number,
  planes: number,
  height: number,
  width: number,
  axes: number,
  table: number,
  runs: number,
  rowStarts: number,
  keys: number,
) => number;

interface ComponentsKernel {
  scan_8: Scan;
  scan_16: Scan;
  scan_32: Scan;
  scan_64: Scan;
  number_runs(table: number, runs: number): number;
  write_rows(table: number, rowStarts: number, begin: number, end: number, output: number): void;
}

/** Bytes of labels, or of numbers, that are in the kernel's memory at a time: about a core's share of the cache. */
const SLAB_BYTES = 2 ** 20;
/** Two words per run. */
const RUN_BYTES = 8;
/** Two labels per run of a plane. */
const KEY_BYTES = 16;

/**
 * Finds the connected components of a volume that passes by in slabs, from z = 0 on: `add` every plane, `finish`, then
 * `write` any planes in any order. Memory goes with the number of runs of equal label, 8 bytes each, not with that of
 * voxels, so that the volume may be larger than memory.
 */
export class ComponentScan {
  readonly size: Zyx;
  readonly #memory: KernelMemory;
  readonly #kernel: ComponentsKernel;
  readonly #axes: number;
  readonly #rowStarts: number;
  readonly #keys: number;
  readonly #slab: number;
  readonly #table: number;
  readonly #slabBytes: number;
  #runs = 0;
  #planes = 0;

  private constructor(
    size: Zyx,
    connectivity: Connectivity,
    memory: KernelMemory,
    kernel: ComponentsKernel,
  ) {
    const plane = size[1] * size[2];
    this.size = size;
    this.#memory = memory;
    this.#kernel = kernel;
    this.#axes = { 6: 1, 18: 2, 26: 3 }[connectivity];
    this.#rowStarts = memory.reserve(4 * (size[0] * size[1] + 1));
    this.#keys = memory.reserve(2 * KEY_BYTES * plane);
    // Two planes of the widest labels must fit, for the two arrays of a meet.
    this.#slabBytes = Math.max(SLAB_BYTES, 16 * plane);
    this.#slab = memory.reserve(this.#slabBytes);
    this.#table = memory.reserve(0);
  }

  static async create(size: Zyx, connectivity: Connectivity = 6): Promise<ComponentScan> {
    const memory = new KernelMemory();
    const kernel = await memory.load<ComponentsKernel>("labels_components");
    return new ComponentScan(size, connectivity, memory, kernel);
  }

  /**
   * Takes in the next planes.
   *
   * @param labels `[planes, y, x]`, of any integer type.
   * @param second Of the same type and shape: voxels are alike where both of their labels are; background is where both
   * are 0.
   */
  add(labels: TypedArray, second?: TypedArray): void {
    const [, height, width] = this.size;
    const plane = height * width;
    const itemBytes = labels.BYTES_PER_ELEMENT;
    const arrays = second === undefined ? [labels] : [labels, second];
    const most = Math.floor(this.#slabBytes / (plane * itemBytes * arrays.length));
    const scan = this.#scanOf(itemBytes);
    for (let from = 0; from < labels.length; from += most * plane) {
      const to = Math.min(from + most * plane, labels.length);
      const planes = (to - from) / plane;
      // The worst case, every voxel a run of its own.
      this.#memory.enlarge(RUN_BYTES * (this.#runs + to - from));
      const addresses = arrays.map((array, i) => {
        const address = this.#slab + i * (to - from) * itemBytes;
        const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
        const part = bytes.subarray(from * itemBytes, to * itemBytes);
        this.#memory.u8(address, part.length).set(part);
        return address;
      });
      this.#runs = scan(
        ...[addresses[0], addresses[1] ?? 0, this.#planes, planes, height, width] as const,
        ...[this.#axes, this.#table, this.#runs, this.#rowStarts, this.#keys] as const,
      ) >>> 0;
      this.#planes += planes;
    }
  }

  /** Numbers the components from 1, in C order of first voxels; returns how many there are. */
  finish(): number {
    return this.#kernel.number_runs(this.#table, this.#runs) >>> 0;
  }

  /** Writes the numbers of planes `z` and on to `out` `[planes, y, x]`; 0 where the labels are 0. */
  write(out: Uint32Array, z = 0): void {
    const [, height, width] = this.size;
    const plane = height * width;
    const most = Math.floor(this.#slabBytes / (4 * plane));
    for (let from = 0; from < out.length; from += most * plane) {
      const to = Math.min(from + most * plane, out.length);
      const rows = [z * height + from / width, z * height + to / width] as const;
      this.#kernel.write_rows(this.#table, this.#rowStarts, ...rows, this.#slab);
      out.set(this.#memory.u32(this.#slab, to - from), from);
    }
  }

  #scanOf(itemBytes: number): Scan {
    const { scan_8, scan_16, scan_32, scan_64 } = this.#kernel;
    return { 1: scan_8, 2: scan_16, 4: scan_32 }[itemBytes] ?? scan_64;
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
): Promise<{ labels: Uint32Array<ArrayBuffer>; count: number }> {
  const scan = await ComponentScan.create(size, connectivity);
  scan.add(labels, second);
  const count = scan.finish();
  const out = new Uint32Array(volumeOf(size));
  scan.write(out);
  return { labels: out, count };
}
