import { join } from "node:path";
import { isIntegers, parseJsonObject } from "../formats/json_document.ts";
import type { Zyx } from "../geometry/vectors.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";

/**
 * Seeds of objects that were neither accepted nor dropped, at most one for each tab, in a file: they outlive tabs that are
 * closed, and `ffn view` itself, whose next page may have another address.
 */
export class UnfinishedSeeds {
  readonly #path: string;
  readonly #size: Zyx;
  readonly #seeds: Map<string, Zyx>;
  readonly #openTabs = new Set<string>();
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(path: string, size: Zyx, seeds: Map<string, Zyx>) {
    this.#path = path;
    this.#size = size;
    this.#seeds = seeds;
  }

  /**
   * Opens those of a folder; what lies outside of the volume is none of it.
   *
   * @param size Of the volume.
   */
  static async open(folder: string, size: Zyx): Promise<UnfinishedSeeds> {
    const path = join(folder, "unfinished.json");
    const bytes = await Deno.readFile(path).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    });
    const kept = Object.entries(bytes === null ? {} : parseJsonObject(bytes, path));
    return new UnfinishedSeeds(
      path,
      size,
      new Map(kept.flatMap(([tab, seed]) => isSeed(seed, size) ? [[tab, seed]] : [])),
    );
  }

  /** Seeds `zyx` of tabs that are closed. */
  get left(): Zyx[] {
    return [...this.#seeds].flatMap(([tab, seed]) => this.#openTabs.has(tab) ? [] : [seed]);
  }

  /** A tab is open from now on, until what this gives is called. */
  openTab(tab: string): () => void {
    this.#openTabs.add(tab);
    return () => void this.#openTabs.delete(tab);
  }

  /**
   * Notes what grows in a tab now; from the same seed, it is what somebody had left.
   *
   * @throws {RangeError} when the seed is no voxel of the volume.
   */
  begin(tab: string, seed: unknown): Promise<void> {
    if (!isSeed(seed, this.#size)) {
      throw new RangeError(
        `Cannot note a seed: it must be a voxel zyx of the volume (${
          this.#size.join(", ")
        }), current value is ${JSON.stringify(seed)}`,
      );
    }
    for (const [other, left] of this.#seeds) {
      if (!this.#openTabs.has(other) && `${left}` === `${seed}`) this.#seeds.delete(other);
    }
    this.#seeds.set(tab, seed);
    return this.#write();
  }

  /** What grew in a tab is accepted, or dropped. */
  async end(tab: string): Promise<void> {
    if (this.#seeds.delete(tab)) await this.#write();
  }

  #write(): Promise<void> {
    const done = this.#queue.catch(() => {}).then(async () => {
      const text = JSON.stringify(Object.fromEntries(this.#seeds));
      await writeFileAtomically(this.#path, new TextEncoder().encode(`${text}\n`));
    });
    this.#queue = done.catch(() => {});
    return done;
  }
}

function isSeed(seed: unknown, size: Zyx): seed is Zyx & number[] {
  return isIntegers(seed, 0, 3) && seed.every((n, axis) => n < size[axis]);
}
