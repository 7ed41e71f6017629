import { join } from "node:path";
import type { Batch } from "./batch.ts";
import type { LeaseFiles } from "./lease_files.ts";

/** Columns found finished without knowing it after which it is worth to list all notes, which may be 10⁴. */
const MEETINGS_PER_LOOK = 16;

/**
 * Columns of boxes that are finished, noted as empty files `columns/NUMBER`, so that nobody has to look into the folder of
 * every column again: with 10⁴ columns and as many workers that would be 10⁸ looks. A note saves work and proves nothing;
 * whoever ends a batch looks at all results.
 */
export class FinishedColumns {
  readonly #folder: string;
  readonly #files: LeaseFiles;
  /** By column: 1 where it is known to be finished. */
  readonly #known: Uint8Array;
  #meetings = 0;

  constructor(batch: Batch, files: LeaseFiles) {
    this.#folder = join(batch.folder, "columns");
    this.#files = files;
    this.#known = new Uint8Array(batch.columns);
  }

  /** Whether a column is known to be finished. */
  has(column: number): boolean {
    return this.#known[column] === 1;
  }

  /** Takes note of a column that was not known to be finished; others may have finished more of them since the last look. */
  async meet(column: number): Promise<void> {
    if (this.#meetings++ % MEETINGS_PER_LOOK === 0) {
      const names = await this.#files.list(this.#folder);
      this.#known.fill(0);
      for (const name of names) this.#known[Number(name)] = 1;
    }
    if (this.has(column)) return;
    // Whoever finished its last box noted it, unless it had others of the column in hand at the same time.
    if (await this.#files.read(this.#pathOf(column)) === null) await this.add(column);
    else this.#known[column] = 1;
  }

  /** Notes a column. */
  async add(column: number): Promise<void> {
    this.#known[column] = 1;
    if (await this.#files.write(this.#pathOf(column), "")) return;
    await this.#files.makeFolder(this.#folder);
    await this.#files.write(this.#pathOf(column), "");
  }

  /** Takes a note back. */
  async forget(column: number): Promise<void> {
    await this.#files.remove(this.#pathOf(column));
  }

  #pathOf(column: number): string {
    return join(this.#folder, `${column}`);
  }
}
