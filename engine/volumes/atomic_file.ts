import { dirname } from "node:path";

/**
 * Writes a file so that a reader, or a process killed at any moment, sees the old content or the new one, never a part:
 * a temporary file in the same folder is written and flushed to the disk, then renamed over `path`. Parent folders are
 * created. On failure the temporary file is removed and `path` is untouched.
 *
 * `mode` are its permissions, those of new files unless given.
 *
 * The file's bytes are `content`, or the concatenation of what it yields; an error thrown by the iterable passes through.
 * `mode` is for files that others shall not read, 0o600 for example.
 *
 * @throws {Deno.errors.PermissionDenied | Error} the operating system's error, its message naming `path`.
 */
export async function writeFileAtomically(
  path: string,
  content: Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: { signal?: AbortSignal; mode?: number } = {},
): Promise<void> {
  const folder = dirname(path);
  // Unique, because two processes of one run may save the same file; same folder, because rename is atomic only inside
  // one file system; the suffix keeps it out of every listing by file type.
  const temporary = `${path}.${Deno.pid}-${crypto.randomUUID().slice(0, 8)}.tmp`;
  const naming = errorsNaming(path);
  await naming(Deno.mkdir(folder, { recursive: true }));
  const file = await naming(
    Deno.open(temporary, { write: true, createNew: true, mode: options.mode }),
  );
  try {
    try {
      for await (const bytes of content instanceof Uint8Array ? [content] : content) {
        options.signal?.throwIfAborted();
        await naming(writeAll(file, bytes));
      }
      options.signal?.throwIfAborted();
      await naming(file.sync());
    } finally {
      file.close();
    }
    await naming(Deno.rename(temporary, path));
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
  await syncFolder(folder);
}

/** `FsFile.write` may take only a part. */
async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
}

/** Makes the rename itself survive a power cut; Windows cannot open folders and flushes them by itself. */
export async function syncFolder(folder: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  using handle = await Deno.open(folder);
  await handle.sync();
}

/** Puts the path into an operating-system error, keeping its class. */
function errorsNaming(path: string): <T>(operation: Promise<T>) => Promise<T> {
  return async (operation) => {
    try {
      return await operation;
    } catch (error) {
      if (error instanceof Error) error.message = `Cannot write "${path}": ${error.message}`;
      throw error;
    }
  };
}
