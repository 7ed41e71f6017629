import { FormatError } from "../../errors/errors.ts";

/** What became of one subvolume. */
export interface JournalEntry {
  /** Its number in the list of boxes. */
  readonly subvolume: number;
  /** Largest label after it. */
  readonly maxId: number;
  /** Voxels of each of its labels, from the largest label before it + 1 on. */
  readonly counts: readonly number[];
  /** Earlier label and its own one, of objects that are the same. */
  readonly joins: readonly (readonly [old: number, fresh: number])[];
}

/**
 * What an assembly has done, a line of JSON per subvolume after one that says what is assembled how. A line is on disk
 * before the next subvolume begins; one that a kill left unfinished is dropped.
 */
export class Journal implements Disposable {
  readonly entries: readonly JournalEntry[];
  readonly #file: Deno.FsFile;

  private constructor(file: Deno.FsFile, entries: readonly JournalEntry[]) {
    this.#file = file;
    this.entries = entries;
  }

  /**
   * Opens a journal, made where there is none.
   *
   * @param settings Plain data; the same in every run that continues the work.
   * @throws {RangeError} when the work was begun with other settings.
   */
  static async open(path: string, settings: unknown): Promise<Journal> {
    const head = JSON.stringify(settings);
    const text = await Deno.readTextFile(path).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    });
    const complete = text.slice(0, text.lastIndexOf("\n") + 1);
    const [first, ...lines] = complete.split("\n").slice(0, -1);
    if (first !== undefined && first !== head) {
      throw new RangeError(
        `Cannot continue the work of "${path}": it was begun with ${first}, current settings are ` +
          `${head}; use the same ones, or remove its folder to begin anew`,
      );
    }
    const entries = lines.map((line, i) => parseEntry(line, path, i + 2));
    const file = await Deno.open(path, { write: true, create: true });
    const bytes = new TextEncoder().encode(complete);
    await file.truncate(bytes.length);
    await file.seek(0, Deno.SeekMode.End);
    const journal = new Journal(file, entries);
    if (first === undefined) await journal.#append(head);
    return journal;
  }

  async add(entry: JournalEntry): Promise<void> {
    await this.#append(JSON.stringify(entry));
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }

  async #append(line: string): Promise<void> {
    const bytes = new TextEncoder().encode(`${line}\n`);
    for (let done = 0; done < bytes.length;) {
      done += await this.#file.write(bytes.subarray(done));
    }
    await this.#file.sync();
  }
}

function parseEntry(line: string, path: string, number: number): JournalEntry {
  try {
    return JSON.parse(line);
  } catch (cause) {
    throw new FormatError(
      `Cannot continue the work of "${path}": line ${number} is damaged; remove its folder to begin anew`,
      { path, cause },
    );
  }
}
