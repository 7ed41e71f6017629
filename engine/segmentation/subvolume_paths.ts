/**
 * Names of result files: `dir/<x>/<y>/seg-<x>_<y>_<z>.<suffix>` with the corner of the subvolume in xyz; older results lie
 * directly in `dir`.
 */
import { basename, dirname, join } from "node:path";
import type { Zyx } from "../geometry/vectors.ts";

/** Segmentation, probability map, canvas checkpoint, normalised image. */
export type SubvolumeSuffix = "npz" | "prob" | "cpoint" | "align";

/** Path of a file of the subvolume at `corner`; writing always uses this one. */
export function subvolumePath(dir: string, corner: Zyx, suffix: SubvolumeSuffix): string {
  const [, y, x] = corner;
  return join(dir, `${x}`, `${y}`, subvolumeName(corner, suffix));
}

/** Name of that file in its folder. */
export function subvolumeName([z, y, x]: Zyx, suffix: SubvolumeSuffix): string {
  return `seg-${x}_${y}_${z}.${suffix}`;
}

/** Path of the same file in the older layout. */
export function legacySubvolumePath(dir: string, corner: Zyx, suffix: SubvolumeSuffix): string {
  return join(dir, subvolumeName(corner, suffix));
}

/** Path of a file of the subvolume at `corner` that exists, the new layout before the old; null where there is none. */
export async function findSubvolumeFile(
  dir: string,
  corner: Zyx,
  suffix: SubvolumeSuffix,
): Promise<string | null> {
  const paths = [
    subvolumePath(dir, corner, suffix),
    legacySubvolumePath(dir, corner, suffix),
  ];
  for (const path of paths) {
    const isFile = await Deno.stat(path).then((s) => s.isFile, (error) => {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
        return false;
      }
      throw error;
    });
    if (isFile) return path;
  }
  return null;
}

/**
 * Removes what only an unfinished subvolume needs: its checkpoint, and the temporary files that a killed run left behind.
 * Errors are ignored, since the result is there.
 */
export async function removeUnfinished(dir: string, corner: Zyx): Promise<void> {
  await Deno.remove(legacySubvolumePath(dir, corner, "cpoint")).catch(() => {});
  const checkpoint = subvolumePath(dir, corner, "cpoint");
  const prefix = basename(checkpoint).replace(/cpoint$/, "");
  for (const { name } of await entriesOf(dirname(checkpoint))) {
    const path = join(dirname(checkpoint), name);
    if (path !== checkpoint && !(name.startsWith(prefix) && name.endsWith(".tmp"))) continue;
    await Deno.remove(path).catch(() => {});
  }
}

/**
 * Corner of a subvolume from the name of its segmentation file.
 *
 * @throws {SyntaxError} when the name has no `<x>_<y>_<z>.npz`.
 */
export function cornerOfPath(path: string): Zyx {
  const match = /(\d+)_(\d+)_(\d+).npz/.exec(basename(path));
  if (!match) {
    throw new SyntaxError(
      `Cannot tell the corner of "${path}": its name must end in "<x>_<y>_<z>.npz"`,
    );
  }
  return [Number(match[3]), Number(match[2]), Number(match[1])];
}

/** Every segmentation below a folder, in both layouts; none where the folder does not exist. */
export async function listSegmentations(dir: string): Promise<{ path: string; corner: Zyx }[]> {
  return await Array.fromAsync(eachSegmentation(dir));
}

/** The same one after the other, for whoever needs only the first: a folder may hold a million. */
export async function* eachSegmentation(
  dir: string,
  depth = 0,
): AsyncGenerator<{ path: string; corner: Zyx }> {
  for (const entry of await entriesOf(dir)) {
    const path = join(dir, entry.name);
    if (entry.isDirectory && depth < 2) yield* eachSegmentation(path, depth + 1);
    const named = /^seg-.*_.*_.*\.npz$/.test(entry.name) && /\d+_\d+_\d+\.npz$/.test(entry.name);
    // The new layout is exactly two folders deep.
    if (!entry.isDirectory && depth !== 1 && named) yield { path, corner: cornerOfPath(path) };
  }
}

/** Entries of a folder sorted by name; none where it does not exist. */
async function entriesOf(folder: string): Promise<Deno.DirEntry[]> {
  const entries: Deno.DirEntry[] = [];
  try {
    for await (const entry of Deno.readDir(folder)) entries.push(entry);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return entries.sort((a, b) => a.name < b.name ? -1 : 1);
}
