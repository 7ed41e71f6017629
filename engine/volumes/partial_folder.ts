import { join } from "node:path";
import { writeFileAtomically } from "./atomic_file.ts";
import type { Journal } from "./new_volume.ts";

const SETTINGS = ".conversion/settings.json";
const STEPS = ".conversion/steps";

/** A folder that is filled as `NAME.partial`, goes on where an interrupted run stopped, and is renamed when complete. */
export class PartialFolder implements Journal, AsyncDisposable {
  /** Of the work in progress. */
  readonly path: string;
  readonly resumed: number;
  readonly #target: string;
  readonly #done: Set<string>;
  readonly #steps: Deno.FsFile;

  private constructor(target: string, done: Set<string>, steps: Deno.FsFile) {
    this.path = partialPath(target);
    this.resumed = done.size;
    this.#target = target;
    this.#done = done;
    this.#steps = steps;
  }

  /**
   * Starts or goes on. `settings` name what is written: work in progress of other settings is not continued.
   *
   * @throws {RangeError} when there is work in progress of other settings, and `overwrite` is not set.
   */
  static async open(
    target: string,
    settings: unknown,
    { overwrite = false }: { overwrite?: boolean } = {},
  ): Promise<PartialFolder> {
    const path = partialPath(target);
    const text = JSON.stringify(settings);
    const exists = await Deno.stat(path).then(() => true, () => false);
    if (exists) {
      const found = await Deno.readTextFile(join(path, SETTINGS)).catch(() => null);
      if (found !== text && !overwrite) {
        throw new RangeError(
          `Cannot write "${target}": "${path}" holds unfinished work of another source or other options, ` +
            `remove it or add --overwrite`,
        );
      }
      if (found !== text) await Deno.remove(path, { recursive: true });
    }
    await writeFileAtomically(join(path, SETTINGS), new TextEncoder().encode(text));
    const lines = await Deno.readTextFile(join(path, STEPS)).catch(() => "");
    // What follows the last end of line was not written to its end.
    const done = new Set(lines.split("\n").slice(0, -1));
    const steps = await Deno.open(join(path, STEPS), { append: true, create: true });
    // Makes a line that a killed run left open the name of no step.
    if (!/(^|\n)$/.test(lines)) await steps.write(new TextEncoder().encode("!\n"));
    return new PartialFolder(target, done, steps);
  }

  isDone(step: string): boolean {
    return this.#done.has(step);
  }

  async markDone(step: string): Promise<void> {
    this.#done.add(step);
    await this.#steps.write(new TextEncoder().encode(`${step}\n`));
  }

  /** Puts the folder in its place; an older one there is replaced. */
  async commit(): Promise<void> {
    this.#steps.close();
    await Deno.remove(join(this.path, ".conversion"), { recursive: true });
    const old = `${this.#target}.${Deno.pid}-${crypto.randomUUID().slice(0, 8)}.tmp`;
    const replaces = await Deno.rename(this.#target, old).then(() => true, (error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return false;
    });
    await Deno.rename(this.path, this.#target);
    if (replaces) await Deno.remove(old, { recursive: true });
  }

  /** Without {@linkcode PartialFolder.commit} before, leaves the work for the next run. */
  [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#steps.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
    return Promise.resolve();
  }
}

function partialPath(target: string): string {
  return `${target.replace(/\/+$/, "")}.partial`;
}
