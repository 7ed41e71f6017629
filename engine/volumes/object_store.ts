/** Named objects, in a folder or on a server: what the chunks of Zarr and precomputed volumes are kept in. */
import { join, resolve } from "node:path";
import { FormatError } from "../errors/errors.ts";
import { writeFileAtomically } from "./atomic_file.ts";

/** A part of an object: from `offset`, or its last `suffixLength` bytes. */
export type ByteRange =
  | { readonly offset: number; readonly length: number }
  | { readonly suffixLength: number };

/** Keys are relative paths with `/`, as in `0/c/1/2/3`. */
export interface ObjectStore {
  /** Folder or URL, for messages. */
  readonly location: string;
  /** The whole object, or undefined where there is none. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** A part of an object, shorter where the object ends before. */
  getRange(key: string, range: ByteRange): Promise<Uint8Array | undefined>;
  /** Replaces an object as a whole; absent where the store is read-only. */
  set?(key: string, bytes: Uint8Array): Promise<void>;
}

/** No object that is read whole (a chunk, a metadata file) may be larger. */
export const MAX_OBJECT_BYTES: number = 2 ** 30;

/** The files of a folder. */
export class FolderStore implements ObjectStore {
  readonly location: string;

  /** @param folder It need not exist before something is written. */
  constructor(folder: string) {
    this.location = resolve(folder);
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    using file = await this.#open(key);
    if (file === null) return undefined;
    const { size } = await file.stat();
    if (size > MAX_OBJECT_BYTES) throw tooLarge(`${this.location}/${key}`, size);
    return await readFrom(file, 0, size);
  }

  async getRange(key: string, range: ByteRange): Promise<Uint8Array | undefined> {
    using file = await this.#open(key);
    if (file === null) return undefined;
    const { size } = await file.stat();
    const start = "offset" in range ? range.offset : Math.max(0, size - range.suffixLength);
    const length = "offset" in range ? range.length : range.suffixLength;
    return await readFrom(file, start, Math.max(0, Math.min(length, size - start)));
  }

  async set(key: string, bytes: Uint8Array): Promise<void> {
    await writeFileAtomically(this.#path(key), bytes);
  }

  #path(key: string): string {
    checkKey(this.location, key);
    return join(this.location, key);
  }

  async #open(key: string): Promise<Deno.FsFile | null> {
    try {
      const file = await Deno.open(this.#path(key));
      if ((await file.stat()).isFile) return file;
      file.close();
      return null;
    } catch (error) {
      const isAbsent = error instanceof Deno.errors.NotFound ||
        error instanceof Deno.errors.NotADirectory || error instanceof Deno.errors.IsADirectory;
      if (isAbsent) return null;
      throw error;
    }
  }
}

/**
 * Keys may come from a file: none may lead out of its store.
 *
 * @throws {FormatError} for an absolute key, or one with `..`.
 */
export function checkKey(location: string, key: string): void {
  const parts = key.split("/");
  if (!parts.includes("..") && parts[0] !== "" && !/[\\\0]/.test(key)) return;
  throw new FormatError(
    `Cannot read "${key}" of "${location}": the name leads out of the volume`,
    { path: location },
  );
}

/** @returns The error of an object that is larger than any that a volume has. */
export function tooLarge(path: string, size: number): FormatError {
  return new FormatError(
    `Cannot read "${path}": at most ${MAX_OBJECT_BYTES} bytes are taken for one object, current ${size}`,
    { path },
  );
}

async function readFrom(file: Deno.FsFile, start: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  await file.seek(start, Deno.SeekMode.Start);
  let filled = 0;
  while (filled < length) {
    const count = await file.read(bytes.subarray(filled));
    if (count === null) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}
