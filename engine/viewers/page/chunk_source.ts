import type { Zyx } from "../../geometry/vectors.ts";
import { mapZyx, minZyx, volumeOf } from "../../geometry/vectors.ts";
import { arrayConstructor, itemSize, type TypedArray } from "../../formats/nd_array.ts";
import type { ShownLevel, ShownVolume } from "../view_description.ts";
import { askServer } from "./ask_server.ts";

/** A chunk of a volume, C order `[z, y, x]`. */
export interface Chunk {
  readonly start: Zyx;
  readonly size: Zyx;
  readonly data: TypedArray;
}

/** Chunks that are kept of a volume, in bytes, its levels together; the ones used longest ago go first. */
const KEPT_BYTES = 384 * 2 ** 20;
/** Requests on their way at the same time. */
const PARALLEL = 6;
/** Time after which a chunk that could not be had is asked for again: its server may be back, or its disk. */
const RETRY_MS = 5000;

/** The chunks of a volume: fetched when a picture needs them, kept while there is room. */
export class ChunkSource {
  readonly volume: ShownLevel;
  /** The same in larger voxels, finest first. */
  readonly coarser: readonly ChunkSource[];
  readonly #mostBytes: number;
  readonly #base: string;
  readonly #onLoad: () => void;
  /** The most recently used one last. */
  readonly #chunks = new Map<string, Chunk>();
  /** Chunks that are wanted, the latest wish last. */
  readonly #wanted = new Map<string, Zyx>();
  readonly #loading = new Set<string>();
  #bytes = 0;
  #isLoadingSoon = false;
  /** Chunks that could not be had, and why; the last one last. */
  readonly #failed = new Map<string, { readonly reason: string; readonly againMs: number }>();
  #retry: ReturnType<typeof setTimeout> | undefined;

  private constructor(
    base: string,
    volume: ShownLevel,
    coarser: readonly ChunkSource[],
    mostBytes: number,
    onLoad: () => void,
  ) {
    this.volume = volume;
    this.coarser = coarser;
    this.#mostBytes = mostBytes;
    this.#base = `${base}data/${volume.name}`;
    this.#onLoad = onLoad;
  }

  /**
   * The chunks of a volume at its finest level, and of its coarser ones.
   *
   * @param base Address of the page.
   * @param onLoad Told that something can be drawn that could not before.
   */
  static open(base: string, volume: ShownVolume, onLoad: () => void): ChunkSource {
    const mostBytes = KEPT_BYTES / (1 + volume.coarser.length);
    const coarser = volume.coarser.map((level) =>
      new ChunkSource(base, level, [], mostBytes, onLoad)
    );
    return new ChunkSource(base, volume, coarser, mostBytes, onLoad);
  }

  /** Whether nothing is on its way, of coarser levels too. */
  get isIdle(): boolean {
    const isIdle = this.#loading.size === 0 && this.#wanted.size === 0;
    return isIdle && this.coarser.every((level) => level.isIdle);
  }

  /** Why the last one of the chunks that are missing could not be had; null where none is. */
  get failure(): string | null {
    const own = [...this.#failed.values()].at(-1)?.reason;
    return own ?? this.coarser.find(({ failure }) => failure !== null)?.failure ?? null;
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
    const { againMs = 0 } = this.#failed.get(key) ?? {};
    if (!this.#loading.has(key) && performance.now() >= againMs) {
      this.#wanted.delete(key);
      this.#wanted.set(key, start);
      this.#loadSoon();
    }
    return null;
  }

  /** Forgets wishes that no request has gone out for; a new picture has its own. */
  forgetWishes(): void {
    this.#wanted.clear();
    for (const level of this.coarser) level.forgetWishes();
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
        (error: Error) => this.#fail(key, error.message),
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
    const response = await askServer(`${this.#base}/${range.join("_")}`);
    const bytes = await response.arrayBuffer();
    const voxels = volumeOf(size);
    if (bytes.byteLength < voxels * itemSize(dtype)) throw new Error("A chunk is too short");
    return { start, size, data: new (arrayConstructor(dtype))(bytes, 0, voxels) };
  }

  #keep(key: string, chunk: Chunk): void {
    this.#failed.delete(key);
    this.#chunks.set(key, chunk);
    this.#bytes += chunk.data.byteLength;
    for (const [old, { data }] of this.#chunks) {
      if (this.#bytes <= this.#mostBytes || old === key) break;
      this.#chunks.delete(old);
      this.#bytes -= data.byteLength;
    }
  }

  /** The picture that wants it is drawn again when it may be asked for; at once it would be asked for without end. */
  #fail(key: string, reason: string): void {
    this.#failed.delete(key);
    this.#failed.set(key, { reason, againMs: performance.now() + RETRY_MS });
    clearTimeout(this.#retry);
    this.#retry = setTimeout(this.#onLoad, RETRY_MS);
  }
}
