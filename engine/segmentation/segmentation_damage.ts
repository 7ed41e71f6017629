import { FormatError, NotFoundError } from "../errors/errors.ts";
import type { NpzArchive } from "../formats/npz.ts";
import type { Zyx } from "../geometry/vectors.ts";
import { readNpzFile } from "./npz_file.ts";
import { findSubvolumeFile } from "./subvolume_paths.ts";

/**
 * Why the finished subvolume at `corner` below `dir` cannot be read; null where it can. It is a quick look, which costs
 * the same for any size: the directory at the end of both archives, the beginning of their arrays and the small members
 * with their checksums. That finds files that were cut short, or never written, whatever their length says.
 */
export async function segmentationDamage(dir: string, corner: Zyx): Promise<string | null> {
  try {
    const path = await findSubvolumeFile(dir, corner, "npz");
    if (path === null) return `Cannot find the segmentation of corner zyx (${corner.join(", ")})`;
    await readNpzFile(path, async (archive) => {
      await archive.shapeOf("segmentation");
      await readSmall(archive);
    });
    const probabilities = await findSubvolumeFile(dir, corner, "prob");
    if (probabilities !== null) {
      await readNpzFile(probabilities, (archive) => archive.shapeOf("qprob"));
    }
    return null;
  } catch (error) {
    if (error instanceof FormatError || error instanceof NotFoundError) return error.message;
    throw error;
  }
}

/** Members that are read as a whole; results of other programs may lack them. */
async function readSmall(archive: NpzArchive): Promise<void> {
  if (archive.has("request")) await archive.readBytes("request");
  if (archive.has("counters")) await archive.readText("counters");
}
