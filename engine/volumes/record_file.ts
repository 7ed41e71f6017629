/** Files of records on disk. */
import { createGzip } from "node:zlib";
import { pipeline, Readable } from "node:stream";
import { NotFoundError } from "../errors/errors.ts";
import { readRecords, type TfRecord } from "../formats/tfrecord.ts";
import { writeFileAtomically } from "./atomic_file.ts";

/**
 * Records of a file, gzip or not, one after the other; memory does not grow with the file.
 *
 * @throws {NotFoundError} when there is no such file, {@linkcode FormatError} with number and offset of a bad record.
 */
export async function* readRecordFile(path: string): AsyncGenerator<TfRecord> {
  const file = await Deno.open(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new NotFoundError(`Cannot open "${path}": no such file`);
  });
  // The stream closes the file when it ends or is given up.
  yield* readRecords(file.readable, path);
}

/** Writes records (frames included), gzipped as a whole; the file appears when it is complete. */
export async function writeRecordFile(
  path: string,
  frames: AsyncIterable<Uint8Array>,
  options: { signal?: AbortSignal } = {},
): Promise<void> {
  const gzip = createGzip({ level: 6, chunkSize: 2 ** 18 });
  await writeFileAtomically(path, pipeline(Readable.from(frames), gzip, () => {}), options);
}
