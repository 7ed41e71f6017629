import { NotFoundError } from "../errors/errors.ts";
import type { ByteSource } from "../formats/byte_source.ts";

/** An open file to read from at any place; close it when done. */
export interface FileSource extends ByteSource, AsyncDisposable {
  readonly path: string;
  close(): void;
}

/**
 * Opens a file for reading at any place. Concurrent reads wait for each other, since they share one file position.
 *
 * @throws {NotFoundError} when there is no such file.
 */
export async function openFileSource(path: string): Promise<FileSource> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new NotFoundError(`Cannot open "${path}": no such file`, { cause: error });
  }
  const { size } = await file.stat();
  let previous: Promise<unknown> = Promise.resolve();
  return {
    path,
    sizeBytes: size,
    read(offset, length) {
      const result = previous.then(() => readAt(file, offset, length));
      previous = result.catch(() => {});
      return result;
    },
    close: () => file.close(),
    async [Symbol.asyncDispose]() {
      await previous;
      file.close();
    },
  };
}

/** Reads until `length` bytes are there or the file ends. */
async function readAt(file: Deno.FsFile, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  await file.seek(offset, Deno.SeekMode.Start);
  let filled = 0;
  while (filled < length) {
    const count = await file.read(bytes.subarray(filled));
    if (count === null) return bytes.slice(0, filled);
    filled += count;
  }
  return bytes;
}
