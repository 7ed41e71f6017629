import {
  arrayConstructor,
  type DType,
  elementCount,
  type TypedArray,
} from "../formats/nd_array.ts";
import { FormatError } from "../errors/errors.ts";
import type { Box } from "../geometry/box.ts";
import { volumeOf, type Zyx } from "../geometry/vectors.ts";
import { checkBox, checkData, checkShape } from "./checks.ts";
import { type ChunkedArray, chunkExtent, copyBlock, stridesOf } from "./chunked_array.ts";
import type { Volume } from "./volume.ts";

/** Decoded chunks that are kept, because boxes come back to the same ones. */
const CACHE_BYTES = 2 ** 26;

/** Chunks under way at the same time for one box. */
const CONCURRENCY = 16;

/** What of an array is shown as a volume. */
export interface ChunkedView {
  readonly spec: string;
  /** Stored dimension of each dimension of the volume, `[z, y, x]` or `[channel, z, y, x]`. */
  readonly axes: readonly number[];
  /** Size of the volume, as `axes`; the whole array unless given. */
  readonly shape?: readonly number[];
  /** Where the volume begins, by stored dimension; also picks the index of those not shown. Zeros unless given. */
  readonly origin?: readonly number[];
  readonly voxelSizeNm?: Zyx;
  readonly offset?: Zyx;
}

/** One chunk of a box. */
interface Part {
  readonly index: number[];
  /** Begin and size of the common part in the array, by stored dimension. */
  readonly start: number[];
  readonly size: number[];
}

/** A volume over a chunked array. Each chunk that a box needs is loaded once and kept for a while. */
export class ChunkedVolume implements Volume {
  readonly spec: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly voxelSizeNm?: Zyx;
  readonly offset?: Zyx;
  readonly #array: ChunkedArray;
  readonly #axes: readonly number[];
  readonly #origin: readonly number[];
  /** By index, the least recently used first. */
  readonly #cache = new Map<string, Promise<TypedArray>>();
  readonly #mostCached: number;
  #lastWrite: Promise<unknown> = Promise.resolve();
  /** Absent where the array is read-only. */
  readonly write?: (box: Box, data: TypedArray, channel?: number) => Promise<void>;

  constructor(array: ChunkedArray, view: ChunkedView) {
    this.spec = view.spec;
    this.shape = view.shape ?? view.axes.map((d) => array.shape[d]);
    this.dtype = array.dtype;
    this.voxelSizeNm = view.voxelSizeNm;
    if (view.offset?.some((n) => n !== 0)) this.offset = view.offset;
    this.#array = array;
    this.#axes = view.axes;
    this.#origin = view.origin ?? array.shape.map(() => 0);
    checkShape(this.spec, this.shape);
    const chunkBytes = elementCount(array.chunkShape) *
      arrayConstructor(this.dtype).BYTES_PER_ELEMENT;
    this.#mostCached = Math.max(1, Math.floor(CACHE_BYTES / chunkBytes));
    if (array.storeChunk) this.write = (box, data, channel = 0) => this.#write(box, data, channel);
  }

  async read(box: Box, channel = 0): Promise<TypedArray> {
    checkBox("read", this, box, channel);
    const out = allocate(this, box);
    const region = this.#region(box, channel);
    await eachOf(this.#parts(region), async (part) => {
      const extent = chunkExtent(this.#array, part.index);
      const chunk = await this.#chunk(part.index, extent);
      const inside = this.#placeInChunk(part, extent);
      const outside = this.#placeInBox(part, region, box);
      copyBlock(this.#sizeOf(part), chunk, inside, out, outside);
    });
    return out;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#cache.clear();
    await this.#array[Symbol.asyncDispose]();
  }

  /** Chunks that the box covers in part are read, changed and written; writes of one volume wait for each other. */
  async #write(box: Box, data: TypedArray, channel: number): Promise<void> {
    checkBox("write", this, box, channel);
    checkData(this, box, data, arrayConstructor(this.dtype));
    const region = this.#region(box, channel);
    const task = this.#lastWrite.then(() =>
      eachOf(this.#parts(region), async (part) => {
        const extent = chunkExtent(this.#array, part.index);
        const isWhole = extent.every((n, d) => n === part.size[d]);
        const chunk = isWhole
          ? new (arrayConstructor(this.dtype))(elementCount(extent))
          : (await this.#chunk(part.index, extent)).slice();
        const outside = this.#placeInBox(part, region, box);
        copyBlock(this.#sizeOf(part), data, outside, chunk, this.#placeInChunk(part, extent));
        this.#cache.delete(part.index.join());
        await this.#array.storeChunk!(part.index, chunk);
      })
    );
    this.#lastWrite = task.catch(() => {});
    await task;
  }

  /** Begin and size of a box by stored dimension. */
  #region(box: Box, channel: number): { start: number[]; size: number[] } {
    const wanted = this.#axes.length === 4
      ? { start: [channel, ...box.start], size: [1, ...box.size] }
      : box;
    const start = [...this.#origin];
    const size = start.map(() => 1);
    this.#axes.forEach((d, axis) => {
      start[d] += wanted.start[axis];
      size[d] = wanted.size[axis];
    });
    return { start, size };
  }

  /** Cuts a region at the borders of the chunks. */
  *#parts({ start, size }: { start: number[]; size: number[] }): Generator<Part> {
    const { chunkShape } = this.#array;
    const first = start.map((n, d) => Math.floor(n / chunkShape[d]));
    const last = start.map((n, d) => Math.floor((n + size[d] - 1) / chunkShape[d]));
    const index = [...first];
    while (true) {
      const from = index.map((n, d) => Math.max(start[d], n * chunkShape[d]));
      const to = index.map((n, d) => Math.min(start[d] + size[d], (n + 1) * chunkShape[d]));
      yield { index: [...index], start: from, size: to.map((n, d) => n - from[d]) };
      let d = index.length - 1;
      while (d >= 0 && index[d] === last[d]) index[d] = first[d--];
      if (d < 0) return;
      index[d]++;
    }
  }

  #sizeOf(part: Part): number[] {
    return this.#axes.map((d) => part.size[d]);
  }

  #placeInChunk({ index, start }: Part, extent: readonly number[]) {
    const strides = stridesOf(extent);
    const { chunkShape } = this.#array;
    const offset = start.reduce(
      (sum, n, d) => sum + (n - index[d] * chunkShape[d]) * strides[d],
      0,
    );
    return { offset, strides: this.#axes.map((d) => strides[d]) };
  }

  #placeInBox(part: Part, region: { start: number[] }, box: Box) {
    const strides = [0, ...stridesOf(box.size)].slice(-this.#axes.length);
    const offset = this.#axes.reduce(
      (sum, d, axis) => sum + (part.start[d] - region.start[d]) * strides[axis],
      0,
    );
    return { offset, strides };
  }

  #chunk(index: readonly number[], extent: readonly number[]): Promise<TypedArray> {
    const key = index.join();
    const chunk = this.#cache.get(key) ?? this.#load(index, extent);
    this.#cache.delete(key);
    this.#cache.set(key, chunk);
    // What failed may succeed the next time.
    chunk.catch(() => this.#cache.get(key) === chunk && this.#cache.delete(key));
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size <= this.#mostCached) break;
      this.#cache.delete(oldest);
    }
    return chunk;
  }

  async #load(index: readonly number[], extent: readonly number[]): Promise<TypedArray> {
    const chunk = await this.#array.loadChunk(index);
    if (chunk.length === elementCount(extent)) return chunk;
    throw new FormatError(
      `Cannot read chunk (${
        index.join(", ")
      }) of "${this.spec}": it has ${chunk.length} elements, ` +
        `expected ${elementCount(extent)}; the file is damaged`,
      { path: this.#array.location },
    );
  }
}

/** @throws {RangeError} when there is not that much memory. */
function allocate({ spec, dtype }: Volume, box: Box): TypedArray {
  try {
    return new (arrayConstructor(dtype))(volumeOf(box.size));
  } catch (cause) {
    throw new RangeError(
      `Cannot read "${spec}": no memory for ${
        volumeOf(box.size)
      } voxels at once, take smaller boxes`,
      { cause },
    );
  }
}

/** Does something with each item, a few at a time; after an error nothing more is begun, and what runs comes to its end. */
export async function eachOf<T>(
  items: Iterable<T>,
  action: (item: T) => Promise<void>,
  concurrency: number = CONCURRENCY,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const errors: unknown[] = [];
  const worker = async () => {
    for (let next = iterator.next(); !next.done && errors.length === 0; next = iterator.next()) {
      try {
        await action(next.value);
      } catch (error) {
        errors.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  if (errors.length > 0) throw errors[0];
}
