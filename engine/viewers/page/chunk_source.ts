import type { Zyx } from "../../geometry/vectors.ts";
import { mapZyx, minZyx, volumeOf } from "../../geometry/vectors.ts";
import { arrayConstructor, itemSize, type TypedArray } from "../../formats/nd_array.ts";
import type { ShownVolume } from "../view_description.ts";

/** A chunk of a volume, C order `[z, y, x]`. */
export interface Chunk {
  readonly start: Zyx;
  readonly size: Zyx;
  readonly data: TypedArray;
}

/** Chunks that are kept, in bytes; the ones used longest ago go first. */
const KEPT_BYTES = 384 * 2 ** 20;
/** Requests on their way at the same time. */
const PARALLEL = 6;

/** The chunks of a volume: fetched when a picture needs them, kept while there is room. */
export class ChunkSource {
  readonly volume: ShownVolume;
  readonly #base: string;
  readonly #onLoad: () => void;
  /** The most recently used one last. */
  readonly #chunks = new Map<string, Chunk>();
  /** Chunks that are wanted, the latest wish last. */
  readonly #wanted = new Map<string, Zyx>();
  readonly #loading = new Set<string>();
  #bytes = 0;
  #isLoadingSoon = false;
  /** Why the last chunk could not be had; null where it could. */
  failure: string | null = null;

  /**
   * @param base Address of the page.
   * @param onLoad Told that something can be drawn that could not before.
   */
  constructor(base: string, volume: ShownVolume, onLoad: () => void) {
    this.volume = volume;
    this.#base = `${base}data/${volume.name}`;
    this.#onLoad = onLoad;
  }

  /** Whether nothing is on its way. */
  get isIdle(): boolean {
    return this.#loading.size === 0 && this.#wanted.size === 0;
  }

  /** The chunk that holds a voxel of this volume; null while it is not there, then it is asked for. */
  at(z: number, y: number, x: number): Chunk | null {
    const { chunkSize } = this.volume;
    const start: Zyx = [
      z - z % chunkSize[0],
      y - y % chunkSize[1],
      x - x % chunkSize[2],
    ];
    const key = start.join();
    const known = this.#chunks.get(key);
    if (known !== undefined) {
      this.#chunks.delete(key);
      this.#chunks.set(key, known);
      return known;
    }
    if (!this.#loading.has(key)) {
      this.#wanted.delete(key);
      this.#wanted.set(key, start);
      this.#loadSoon();
    }
    return null;
  }

  /** Forgets wishes that no request has gone out for; a new picture has its own. */
  forgetWishes(): void {
    this.#wanted.clear();
  }

  /** After the picture has said all that it wants. */
  #loadSoon(): void {
    if (this.#isLoadingSoon) return;
    this.#isLoadingSoon = true;
    queueMicrotask(() => {
      this.#isLoadingSoon = false;
      this.#loadNext();
    });
  }

  #loadNext(): void {
    while (this.#loading.size < PARALLEL && this.#wanted.size > 0) {
      const [key, start] = [...this.#wanted].at(-1)!;
      this.#wanted.delete(key);
      this.#loading.add(key);
      this.#load(start).then(
        (chunk) => this.#keep(key, chunk),
        (error: Error) => this.failure = error.message,
      ).finally(() => {
        this.#loading.delete(key);
        this.#onLoad();
        this.#loadNext();
      });
    }
  }

  async #load(start: Zyx): Promise<Chunk> {
    const { chunkSize, size: whole, offset, dtype } = this.volume;
    const size = minZyx(chunkSize, mapZyx((n, s) => n - s, whole, start));
    const range = [2, 1, 0].map((axis) => {
      const from = start[axis] + offset[axis];
      return `${from}-${from + size[axis]}`;
    });
    const response = await fetch(`${this.#base}/${range.join("_")}`);
    if (!response.ok) throw new Error((await response.text()).trim());
    const bytes = await response.arrayBuffer();
    const voxels = volumeOf(size);
    if (bytes.byteLength < voxels * itemSize(dtype)) throw new Error("A chunk is too short");
    return { start, size, data: new (arrayConstructor(dtype))(bytes, 0, voxels) };
  }

  #keep(key: string, chunk: Chunk): void {
    this.failure = null;
    this.#chunks.set(key, chunk);
    this.#bytes += chunk.data.byteLength;
    for (const [old, { data }] of this.#chunks) {
      if (this.#bytes <= KEPT_BYTES || old === key) break;
      this.#chunks.delete(old);
      this.#bytes -= data.byteLength;
    }
  }
}
