import { join } from "node:path";
import type { Batch } from "./batch.ts";
import type { LeaseFiles } from "./lease_files.ts";

/**
 * Columns of boxes that are finished, noted as empty files `columns/NUMBER`, so that nobody has to look into the folder of
 * every column again: with 10⁴ columns and as many workers that would be 10⁸ looks. A note saves work and proves nothing;
 * whoever ends a batch looks at all results.
 */
export class FinishedColumns {
  readonly #folder: string;
  readonly #files: LeaseFiles;
  #known: ReadonlySet<string> = new Set();

  constructor(batch: Batch, files: LeaseFiles) {
    this.#folder = join(batch.folder, "columns");
    this.#files = files;
  }

  /** Whether a column was noted as of the last look. */
  has(column: number): boolean {
    return this.#known.has(`${column}`);
  }

  /** Looks at what was noted. */
  async refresh(): Promise<void> {
    this.#known = new Set(await this.#files.list(this.#folder));
  }

  /** Notes a column unless somebody has. */
  async add(column: number): Promise<void> {
    await this.refresh();
    if (this.has(column)) return;
    const path = join(this.#folder, `${column}`);
    if (await this.#files.write(path, "")) return;
    await this.#files.makeFolder(this.#folder);
    await this.#files.write(path, "");
  }

  /** Takes a note back. */
  async forget(column: number): Promise<void> {
    await this.#files.remove(join(this.#folder, `${column}`));
  }
}
