import { type NpzArchive, openNpz } from "../formats/npz.ts";
import { openFileSource } from "../volumes/file_source.ts";

/**
 * Lets `use` read from the archive in a file, which is closed afterwards.
 *
 * @throws {NotFoundError} when there is no such file, {@linkcode FormatError} when it is damaged.
 */
export async function readNpzFile<T>(
  path: string,
  use: (archive: NpzArchive) => Promise<T>,
): Promise<T> {
  await using source = await openFileSource(path);
  return await use(await openNpz(source, path));
}
