import { join } from "node:path";
import { isObject } from "../formats/json_document.ts";
import type { LeaseFiles } from "./lease_files.ts";

/** One attempt at a box that came to nothing. */
export interface BoxFailure {
  /** Name of the box. */
  readonly box: string;
  /** The work failed, or its worker fell silent. */
  readonly kind: "error" | "lost";
  readonly message: string;
  /** Worker that had it. */
  readonly owner: string;
}

/** A box whose workers died so often is taken for what kills them; a few deaths are everyday life on a cluster. */
const MAX_LOSSES = 20;

/** Attempts that failed, one file each, so that no two workers write the same one. */
export class BoxFailures {
  readonly #folder: string;
  readonly #files: LeaseFiles;

  constructor(batchFolder: string, files: LeaseFiles) {
    this.#folder = join(batchFolder, "failures");
    this.#files = files;
  }

  /** Notes an attempt; `claimId` is that of its lease. */
  async add(claimId: string, failure: BoxFailure): Promise<void> {
    const folder = join(this.#folder, failure.box);
    await this.#files.makeFolder(folder);
    await this.#files.write(join(folder, `${claimId}.${failure.kind}`), JSON.stringify(failure));
  }

  /** Names of boxes with failed attempts. */
  async boxes(): Promise<string[]> {
    return await this.#files.list(this.#folder);
  }

  /** Whether a box has used up its attempts. */
  async areFinal(box: string, maxAttempts: number): Promise<boolean> {
    const names = await this.#files.list(join(this.#folder, box));
    const count = (kind: string) => names.filter((name) => name.endsWith(kind)).length;
    return count(".error") >= maxAttempts || count(".lost") >= MAX_LOSSES;
  }

  /** The attempts at a box. */
  async of(box: string): Promise<BoxFailure[]> {
    const found: BoxFailure[] = [];
    for (const name of await this.#files.list(join(this.#folder, box))) {
      const file = await this.#files.read(join(this.#folder, box, name));
      if (file !== null) found.push(parse(file.text, box));
    }
    return found;
  }

  /** Forgets all attempts, so that every box is tried again. */
  async clear(): Promise<void> {
    await this.#files.remove(this.#folder);
  }
}

function parse(text: string, box: string): BoxFailure {
  const damaged = { box, kind: "error", message: "its file is damaged", owner: "unknown" } as const;
  try {
    const value = JSON.parse(text);
    return isObject(value) ? { ...damaged, ...value } : damaged;
  } catch {
    return damaged;
  }
}
