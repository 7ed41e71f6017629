/** A small batch: 12 overlapping boxes of a volume of bars, and what one process makes of them. */
import { isDeepStrictEqual } from "node:util";
import { openNpz } from "../../engine/formats/npz.ts";
import { decodeOrigins } from "../../engine/formats/origins.ts";
import { decodeOverlaps } from "../../engine/formats/overlaps.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { listSegmentations } from "../../engine/segmentation/subvolume_paths.ts";
import { tinyNetworkFields } from "./tiny_network.ts";
import { type RequestFields, type TinyRun, tinyRun } from "./tiny_run.ts";

/** Geometry of the batch on the command line. */
export const TILING = ["--subvolume-size", "16", "--subvolume-overlap", "8"];
/** Boxes that it gives. */
export const BOXES = 12;

/** A run with requests in files, over a network with a field of view of 9³. */
export interface BatchRun extends TinyRun {
  /** Writes a request to `name.pbtxt`, whose results go to the folder `name`, and returns its path. */
  write(name: string, fields?: RequestFields): Promise<string>;
}

/** Makes one; `size` is that of the image, zyx. */
export async function batchRun(size: Zyx = [24, 32, 24]): Promise<BatchRun> {
  const run = await tinyRun(size);
  const model = tinyNetworkFields(run.of("network", "model.ckpt-1"), {
    fov_size: [9, 9, 9],
    deltas: [2, 2, 2],
  });
  return {
    ...run,
    [Symbol.asyncDispose]: () => run[Symbol.asyncDispose](),
    async write(name, fields) {
      const path = run.of(`${name}.pbtxt`);
      const output = `segmentation_output_dir: ${JSON.stringify(run.of(name))}`;
      await Deno.writeTextFile(path, run.request({ model, output, ...fields }));
      return path;
    },
  };
}

/** What must not depend on who segmented what when, by box. */
export async function readBatch(dir: string): Promise<Record<string, unknown>> {
  const results: Record<string, unknown> = {};
  for (const { path, corner } of await listSegmentations(dir)) {
    const archive = await openNpz(await Deno.readFile(path), path);
    const probPath = path.replace(/npz$/, "prob");
    const prob = await openNpz(await Deno.readFile(probPath), probPath);
    const origins = decodeOrigins(await archive.readObject("origins"));
    results[corner.join()] = {
      segmentation: await archive.readArray("segmentation"),
      qprob: await prob.readArray("qprob"),
      overlaps: decodeOverlaps(await archive.readObject("overlaps")),
      origins: [...origins].map(([id, { startZyx, iters }]) => [id, startZyx, iters]),
    };
  }
  return results;
}

/** Corners, with the names of the arrays there, at which two batches as of `readBatch` differ. */
export function batchDifferences(
  a: Readonly<Record<string, unknown>>,
  b: Readonly<Record<string, unknown>>,
): string[] {
  const arrays = (batch: typeof a, corner: string) => Object.entries(batch[corner] ?? {});
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((corner) => {
    const others = new Map(arrays(b, corner));
    if (!a[corner] || !b[corner]) return [`${corner} is in one only`];
    const names = arrays(a, corner).filter(([name, v]) => !isDeepStrictEqual(v, others.get(name)));
    return names.length === 0 ? [] : [`${corner} in ${names.map(([name]) => name).join(", ")}`];
  });
}

/** Paths of all files below a folder that are no results, nor notes about them, sorted. */
export async function otherFiles(folder: string, under = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${folder}/${under}`)) {
    if (`${under}${name}` === ".batch/columns") continue;
    if (isDirectory) found.push(...await otherFiles(folder, `${under}${name}/`));
    else if (!/^seg-\d+_\d+_\d+\.(npz|prob)$/.test(name)) found.push(under + name);
  }
  return found.sort();
}
