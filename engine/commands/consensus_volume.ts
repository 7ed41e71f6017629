import { basename, join, resolve } from "node:path";
import { UsageError } from "../errors/errors.ts";
import { assemble } from "../segmentation/assembly/assemble.ts";
import { loadAndMeet } from "../segmentation/assembly/load_and_meet.ts";
import type { OverlapRule } from "../segmentation/assembly/paste.ts";
import {
  assertFinished,
  assertSameSubvolumes,
  listSubvolumes,
} from "../segmentation/assembly/subvolumes.ts";
import type { MeetMode } from "../segmentation/meet.ts";
import { assertMeshable } from "../volumes/create.ts";
import { ScanMemory } from "../../wasm/labels/scan_memory.ts";
import { parseVolumeSpec } from "../volumes/volume_spec.ts";
import type { Context } from "./command.ts";
import { showProgress } from "./progress.ts";
import { parseVoxelSize } from "./voxel_size_option.ts";
import { ASSEMBLED, writeAssembled } from "./write_assembled.ts";

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
  /** Whether precomputed output has the surfaces of its objects, and how far simplification may move them, in voxels. */
  readonly meshes?: boolean;
  readonly meshError?: number;
}

type RunContext = Pick<Context, "signal" | "stderr" | "verbosity" | "note" | "print">;

/**
 * Combines folders of results into one volume: OME-Zarr (`name.zarr`), Neuroglancer precomputed (`folder:precomputed`) or
 * HDF5. Work in progress lies in `<output>.assembly`; a run that was stopped continues there.
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
  const { path } = parseVolumeSpec(output);
  await assertAbsent(path);
  if (options.meshes) assertMeshable(output, ASSEMBLED);
  const inferences = await Promise.all(dirs.map(async (dir) => {
    const boxes = await listSubvolumes(dir);
    await assertFinished(dir);
    return { dir, boxes };
  }));
  assertSameSubvolumes(inferences);
  const { mode, assembly, overlapRule, minOutSize } = options;
  const load = { mode, splitCc: !options.keepDisconnected, minSize: options.minFfnSize };
  const { boxes } = inferences[0];
  const folder = `${path.replace(/\/+$/, "")}.assembly`;
  context.note(
    `${dirs.length} inferences of ${boxes.length} subvolumes; work in progress is in "${folder}"`,
  );
  using progress = showProgress(context, "combining");
  using _memory = await ScanMemory.keep();
  using volume = await assemble({
    ...{ boxes, folder, options: { assembly, overlapRule, minOutSize }, signal: context.signal },
    settings: { dirs: dirs.map((dir) => resolve(dir)), load },
    load: (index) => loadAndMeet(dirs, boxes[index].start, load),
    onProgress: (voxels, all) => progress.update({ fraction: voxels / all, counts: { voxels } }),
  });
  const source = JSON.stringify({ segmentationDirs: dirs, ...options });
  const written = await writeAssembled(output, volume, {
    ...{ dataset: options.dset, source, voxelSizeNm },
    ...{ meshes: options.meshes, meshError: options.meshError },
  }, context);
  await Deno.remove(folder, { recursive: true });
  context.print(
    `"${written}": ${volume.objects} objects, size zyx (${volume.size.join(", ")}) at offset (${
      volume.offset.join(", ")
    })`,
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
  if (options.meshes) {
    throw new UsageError(
      "Cannot make meshes with --transpose: it writes HDF5 files, only precomputed volumes have some",
    );
  }
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
