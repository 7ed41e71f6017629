import { basename } from "node:path";
import { NotFoundError, UnsupportedError } from "../errors/errors.ts";
import { type Box, describeBox } from "../geometry/box.ts";
import { cornerOfPath, listSegmentations } from "../segmentation/subvolume_paths.ts";
import { isVolumeFolder, open } from "../volumes/open.ts";
import { channelCount, spatialSize, type Volume } from "../volumes/volume.ts";

/** Labels from anywhere, with their place where it is known. */
export interface OpenLabels extends AsyncDisposable {
  readonly volume: Volume;
  /** Where they lie in the data set; starts at 0 where `hasCorner` is false. */
  readonly box: Box;
  /** Whether the place is known: a volume states it, a file of results carries it in its name. */
  readonly hasCorner: boolean;
}

/** Opens a volume spec, a `seg-*.npz` file, or the only one of a folder of results. */
export async function openLabels(text: string, note: (line: string) => void): Promise<OpenLabels> {
  const stat = await Deno.stat(text).catch(() => null);
  const holdsResults = stat?.isDirectory && !await isVolumeFolder(text);
  const path = holdsResults ? await onlySegmentation(text) : text;
  const isResult = stat !== null && /^seg-.*\d+_\d+_\d+\.npz$/.test(basename(path));
  const isArchive = stat !== null && path.endsWith(".npz");
  const volume = await open(isArchive ? `${path}:segmentation` : path, { labels: true, log: note });
  const corner = isResult ? cornerOfPath(path) : volume.offset;
  if (channelCount(volume) !== 1 || !/int|bool/.test(volume.dtype)) {
    await volume[Symbol.asyncDispose]();
    throw new UnsupportedError(
      `Cannot use "${text}" as labels: integers (z, y, x) are wanted, current are ${volume.dtype} (${
        volume.shape.join(", ")
      })`,
    );
  }
  return {
    volume,
    box: { start: corner ?? [0, 0, 0], size: spatialSize(volume) },
    hasCorner: corner !== undefined,
    [Symbol.asyncDispose]: () => volume[Symbol.asyncDispose](),
  };
}

async function onlySegmentation(folder: string): Promise<string> {
  const found = await listSegmentations(folder);
  if (found.length === 1) return found[0].path;
  const hint = found.length === 0
    ? "it has no seg-*.npz file"
    : `it has ${found.length} segmentations, name one: "${found[0].path}"`;
  throw new NotFoundError(`Cannot open the labels of "${folder}": ${hint}`);
}

/** `"a.h5:x" (start zyx (…) size (…))`, for messages. */
export function describeLabels({ volume, box }: OpenLabels): string {
  return `"${volume.spec}" (${describeBox(box)})`;
}
