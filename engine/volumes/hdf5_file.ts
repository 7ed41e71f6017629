import { resolve } from "node:path";
import { FormatError, NotFoundError } from "../errors/errors.ts";
import { Hdf5Failure, Hdf5Library } from "./hdf5_library.ts";
import type { Hdf5Commands } from "./hdf5_protocol.ts";

/** An open HDF5 file. Everything that fails in it is a {@linkcode FormatError} that names the file. */
export class Hdf5File implements AsyncDisposable {
  readonly path: string;
  readonly #library: Hdf5Library;
  readonly #file: bigint;

  private constructor(path: string, library: Hdf5Library, file: bigint) {
    this.path = path;
    this.#library = library;
    this.#file = file;
  }

  /**
   * Opens an existing file (`read`, `write`) or makes a new one (`create`).
   *
   * @throws {NotFoundError} when there is no such file, {@linkcode FormatError} when it is no HDF5 file.
   */
  static async open(path: string, mode: "read" | "write" | "create" = "read"): Promise<Hdf5File> {
    if (mode !== "create") await checkSignature(path);
    const library = Hdf5Library.acquire();
    try {
      const file = await library.call("open", { path: resolve(path), mode });
      return new Hdf5File(path, library, file);
    } catch (error) {
      library[Symbol.dispose]();
      throw damaged(`open "${path}"`, path, error);
    }
  }

  /** Runs one command on this file. `what` says in messages what it is for, for example `read "a.h5:raw"`. */
  async call<K extends keyof Hdf5Commands>(
    what: string,
    command: K,
    args: Omit<Hdf5Commands[K]["args"], "file">,
    transfer?: ArrayBuffer[],
  ): Promise<Hdf5Commands[K]["result"]> {
    const full = { ...args, file: this.#file } as Hdf5Commands[K]["args"];
    try {
      return await this.#library.call(command, full, { transfer });
    } catch (error) {
      throw damaged(what, this.path, error);
    }
  }

  /** Paths of all datasets. */
  datasets(): Promise<string[]> {
    return this.call(`open "${this.path}"`, "list", {});
  }

  /** @throws when what was written could not be brought to disk. */
  async close(): Promise<void> {
    using _library = this.#library;
    await this.call(`close "${this.path}"`, "close", {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A file that is damaged, or whose worker has ended, cannot be closed; nothing is lost by that.
    await this.close().catch(() => {});
  }
}

function damaged(what: string, path: string, error: unknown): unknown {
  if (!(error instanceof Hdf5Failure)) return error;
  return new FormatError(`Cannot ${what}: ${error.message}`, { path, cause: error });
}

const SIGNATURE = Uint8Array.of(0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a);

/** The signature stands at 0, or behind a user block at 512, 1024, 2048, … */
async function checkSignature(path: string): Promise<void> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new NotFoundError(`Cannot open "${path}": no such file`);
  }
  using _file = file;
  const { size, isFile } = await file.stat();
  for (let offset = 0; isFile && offset + 8 <= size; offset = offset === 0 ? 512 : 2 * offset) {
    const bytes = new Uint8Array(8);
    await file.seek(offset, Deno.SeekMode.Start);
    if (await file.read(bytes) === 8 && bytes.every((b, i) => b === SIGNATURE[i])) return;
  }
  throw new FormatError(`Cannot open "${path}": not an HDF5 file, the signature is missing`, {
    path,
    offset: 0,
  });
}
