import { dirname } from "node:path";

/** The few file operations that leases are made of; each is atomic on local disks and on network file systems. */
export interface LeaseFiles {
  /** Makes a folder and its parents. */
  makeFolder(path: string): Promise<void>;
  /** Writes a small file, in place where it exists; false when its folder does not exist. */
  write(path: string, text: string): Promise<boolean>;
  /** Writes the same text over a file, so that its time of change is now; false when it does not exist. */
  refresh(path: string, text: string): Promise<boolean>;
  /** Moves a file or folder; false when there is none, or when the target is a folder that is not empty. */
  rename(from: string, to: string): Promise<boolean>;
  /** A small file with the time when it was changed, in ms of the file server's clock; null when it does not exist. */
  read(path: string): Promise<{ text: string; modifiedMs: number } | null>;
  /** Names in a folder, sorted; none where it does not exist. */
  list(path: string): Promise<string[]>;
  /** Removes a file, or a folder with what is in it; what somebody goes on writing there may stay. */
  remove(path: string): Promise<void>;
  /** Removes a folder unless something is in it. */
  removeEmpty(path: string): Promise<void>;
}

/** Tries to remove a folder that somebody writes into. */
const MOST_REMOVALS = 5;

/** A folder of this machine or of a network file system. */
export const diskLeaseFiles: LeaseFiles = {
  makeFolder: (path) => Deno.mkdir(path, { recursive: true }),
  write: (path, text) => put(path, text, { write: true, create: true }),
  refresh: (path, text) => put(path, text, { write: true }),
  async rename(from, to) {
    try {
      await Deno.rename(from, to);
      return true;
    } catch (error) {
      if (isAbsent(error) || isTaken(error)) return false;
      throw error;
    }
  },
  async read(path) {
    try {
      // Opening asks the server, where a bare stat may be answered from a client's cache.
      using file = await Deno.open(path);
      const modifiedMs = (await file.stat()).mtime!.getTime();
      return { text: await new Response(file.readable).text(), modifiedMs };
    } catch (error) {
      if (isAbsent(error)) return null;
      throw error;
    }
  },
  async list(path) {
    try {
      return (await Array.fromAsync(Deno.readDir(path), ({ name }) => name)).sort();
    } catch (error) {
      if (isAbsent(error)) return [];
      throw error;
    }
  },
  async remove(path) {
    for (let i = 0; i < MOST_REMOVALS; i++) {
      try {
        return await Deno.remove(path, { recursive: true });
      } catch (error) {
        if (isAbsent(error)) return;
        // A file came into it between the removal of its files and its own.
        if (!isTaken(error)) throw error;
      }
    }
  },
  async removeEmpty(path) {
    await Deno.remove(path).catch((error) => {
      if (!isAbsent(error) && !isTaken(error)) throw error;
    });
  },
};

async function put(path: string, text: string, options: Deno.OpenOptions): Promise<boolean> {
  try {
    using file = await Deno.open(path, options);
    // Not truncated first: a reader never sees less than the old text or the new one.
    await file.write(new TextEncoder().encode(text));
    return true;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}

/** A folder that is not empty. */
function isTaken(error: unknown): boolean {
  const { code } = error as { code?: string };
  return code === "ENOTEMPTY" || code === "EEXIST";
}

/** Moves a file or folder, and makes the target's folder where there is none; false when there is nothing to move. */
export async function moveFile(files: LeaseFiles, from: string, to: string): Promise<boolean> {
  // Mostly it is there, and a file server has enough to do.
  if (await files.rename(from, to)) return true;
  await files.makeFolder(dirname(to));
  return await files.rename(from, to);
}
