import { FormatError } from "../errors/errors.ts";
import { openNpz } from "../formats/npz.ts";
import { openFileSource } from "../volumes/file_source.ts";

/**
 * Reads the 256 grey values of a request's `reference_histogram`: member `lut` of an npz archive.
 *
 * @throws {NotFoundError} when file or member are missing, {@linkcode FormatError} when it is something else.
 */
export async function readHistogramLut(path: string): Promise<Uint8Array> {
  await using source = await openFileSource(path);
  const { dtype, shape, data } = await (await openNpz(source, path)).readArray("lut");
  if (dtype === "uint8" && shape.length === 1 && shape[0] === 256) return data as Uint8Array;
  throw new FormatError(
    `Cannot read "${path}:lut": a reference histogram has 256 values of type uint8, ` +
      `current is [${shape.join(", ")}] ${dtype}`,
    { path },
  );
}
