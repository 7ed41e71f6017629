import { basename, join, resolve } from "node:path";
import { UsageError } from "../errors/errors.ts";
import type { Zyx } from "../geometry/vectors.ts";
import { assemble, type AssembledVolume } from "../segmentation/assembly/assemble.ts";
import { loadAndMeet } from "../segmentation/assembly/load_and_meet.ts";
import type { OverlapRule } from "../segmentation/assembly/paste.ts";
import {
  assertFinished,
  assertSameSubvolumes,
  listSubvolumes,
} from "../segmentation/assembly/subvolumes.ts";
import type { MeetMode } from "../segmentation/meet.ts";
import { createHdf5 } from "../volumes/hdf5_writer.ts";
import type { Context } from "./command.ts";
import { showProgress } from "./progress.ts";
import { parseVoxelSize } from "./voxel_size_option.ts";

/** The options of `ffn run-consensus`. */
export interface ConsensusOptions {
  readonly dset: string;
  readonly minFfnSize: number;
  readonly minOutSize: number;
  readonly mode: MeetMode;
  readonly assembly: "reconcile" | "paste";
  readonly overlapRule: OverlapRule;
  readonly keepDisconnected: boolean;
  /** `Z,Y,X` in nanometres. */
  readonly voxelSize?: string;
}

type RunContext = Pick<Context, "signal" | "stderr" | "verbosity" | "note" | "print">;

/** What is in memory of the volume while it is written: 64 planes of a part of it. */
const PART: Zyx = [64, 512, 512];

/**
 * Combines folders of results into one HDF5 file. Work in progress lies in `<output>.partial`; a run that was stopped
 * continues there.
 *
 * @throws {RangeError} when the output exists or the folders have different subvolumes, {@linkcode NotFoundError} when a
 * subvolume is not finished; nothing is written then.
 */
export async function runConsensus(
  output: string,
  dirs: readonly string[],
  options: ConsensusOptions,
  context: RunContext,
): Promise<void> {
  checkUsage(dirs);
  const voxelSizeNm = parseVoxelSize(options.voxelSize);
  await assertAbsent(output);
  const inferences = await Promise.all(dirs.map(async (dir) => {
    const boxes = await listSubvolumes(dir);
    await assertFinished(dir);
    return { dir, boxes };
  }));
  assertSameSubvolumes(inferences);
  const { mode, assembly, overlapRule, minOutSize } = options;
  const load = { mode, splitCc: !options.keepDisconnected, minSize: options.minFfnSize };
  const { boxes } = inferences[0];
  const folder = `${output}.partial`;
  context.note(
    `${dirs.length} inferences of ${boxes.length} subvolumes; work in progress is in "${folder}"`,
  );
  using progress = showProgress(context, "combining");
  using volume = await assemble({
    ...{ boxes, folder, options: { assembly, overlapRule, minOutSize }, signal: context.signal },
    settings: { dirs: dirs.map((dir) => resolve(dir)), load },
    load: (index) => loadAndMeet(dirs, boxes[index].start, load),
    onProgress: (voxels, all) => progress.update({ fraction: voxels / all, counts: { voxels } }),
  });
  const source = JSON.stringify({ segmentationDirs: dirs, ...options });
  await writeVolume(output, options.dset, volume, { source, voxelSizeNm }, context);
  await Deno.remove(folder, { recursive: true });
  context.print(
    `"${output}:${options.dset}": ${volume.objects} objects, size zyx (${
      volume.size.join(", ")
    }) at offset (${volume.offset.join(", ")})`,
  );
}

/**
 * Combines folders of folders: the results of one name, where all of them are finished and of the same subvolumes, into
 * `<output>/<name>_cons.h5`, unless that exists.
 */
export async function runTransposedConsensus(
  output: string,
  dirs: readonly string[],
  options: ConsensusOptions,
  context: RunContext,
): Promise<void> {
  checkUsage(dirs);
  const names: string[] = [];
  for await (const entry of Deno.readDir(dirs[0])) if (entry.isDirectory) names.push(entry.name);
  for (const name of names.sort()) {
    const target = join(output, `${name}_cons.h5`);
    const parts = dirs.map((dir) => join(dir, name));
    const found = await Promise.all(parts.map(isFolder));
    if (!found.every(Boolean)) continue;
    if (await Deno.stat(target).catch(() => null)) {
      context.note(`"${target}" is there already`);
      continue;
    }
    try {
      await Promise.all(parts.map(assertFinished));
      const boxes = await Promise.all(parts.map(listSubvolumes));
      assertSameSubvolumes(parts.map((dir, i) => ({ dir, boxes: boxes[i] })));
    } catch (error) {
      context.note(`"${name}" is left out: ${(error as Error).message}`);
      continue;
    }
    await Deno.mkdir(output, { recursive: true });
    await runConsensus(target, parts, options, context);
  }
}

function checkUsage(dirs: readonly string[]): void {
  if (dirs.length > 0) return;
  throw new UsageError(
    "Cannot combine inferences: name at least one folder of results with --segmentation-dirs",
  );
}

async function assertAbsent(output: string): Promise<void> {
  if (await Deno.stat(output).catch(() => null) === null) return;
  throw new RangeError(
    `Cannot write "${output}": it exists, remove it or choose another name ("${
      basename(output)
    }" is never overwritten)`,
  );
}

async function isFolder(path: string): Promise<boolean> {
  return await Deno.stat(path).then((s) => s.isDirectory, () => false);
}

/** Writes labels as uint32 in chunks of 64³, with `max_id` and where they come from. */
async function writeVolume(
  path: string,
  dataset: string,
  volume: AssembledVolume,
  { source, voxelSizeNm }: { source: string; voxelSizeNm?: Zyx },
  context: RunContext,
): Promise<void> {
  const { size, offset, maxId } = volume;
  await using writer = await createHdf5(path, {
    ...{ dataset, shape: size, dtype: "uint32", gzipLevel: 1 },
    attributes: {
      offset_zyx: { shape: [3], values: offset.map(BigInt) },
      source: { shape: [1], values: [source] },
      ...voxelSizeNm && { voxel_size: { shape: [3], values: voxelSizeNm } },
    },
    companions: { max_id: { dtype: "uint32", shape: [1], data: Uint32Array.of(maxId) } },
  });
  using progress = showProgress(context, "writing");
  for (let z = 0; z < size[0]; z += PART[0]) {
    for (let y = 0; y < size[1]; y += PART[1]) {
      for (let x = 0; x < size[2]; x += PART[2]) {
        context.signal.throwIfAborted();
        const start: Zyx = [z, y, x];
        const part = start.map((from, axis) => Math.min(PART[axis], size[axis] - from));
        const box = { start, size: part as unknown as Zyx };
        await writer.write(box, await volume.read(box));
      }
    }
    progress.update({ fraction: z / size[0], counts: { planes: z } });
  }
  await writer.commit();
}
