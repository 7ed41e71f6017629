import { UsageError } from "../errors/errors.ts";
import { automerge, describeMerges, type Merges } from "../resegmentation/automerge.ts";
import { checkMappingPath, readMapping, writeMapping } from "../resegmentation/mapping_file.ts";
import { readMergeTable } from "../resegmentation/merge_table.ts";
import { plannedRequests, postMerges } from "../resegmentation/post_merges.ts";
import { distinctLabels } from "../segmentation/distinct_labels.ts";
import { DvidLabelmap } from "../volumes/dvid/labelmap.ts";
import { open } from "../volumes/open.ts";
import { spatialSize } from "../volumes/volume.ts";
import type { Context } from "./command.ts";
import { showProgress } from "./progress.ts";

/** The flags of `ffn automerge`. */
export interface AutomergeFlags {
  readonly affinitiesNpy?: string;
  readonly mappingsOutput?: string;
  readonly preserveMappings?: string;
  readonly threshold?: number;
  readonly sizesOf?: string;
  readonly largeVoxels?: number;
  readonly largeThreshold: number;
  readonly post?: string;
  readonly dryRun: boolean;
}

/** Merges, writes the mapping, and posts it where that is asked for. */
export async function runAutomerge(flags: AutomergeFlags, context: Context): Promise<void> {
  const { affinitiesNpy, mappingsOutput, preserveMappings, threshold } = flags;
  if (affinitiesNpy === undefined || mappingsOutput === undefined || threshold === undefined) {
    throw new UsageError(
      "Cannot merge without --affinities-npy, --threshold and --mappings-output",
    );
  }
  if ((flags.sizesOf === undefined) !== (flags.largeVoxels === undefined)) {
    throw new UsageError("Cannot tell large bodies: give both --large-voxels and --sizes-of");
  }
  if (flags.dryRun && flags.post === undefined) {
    throw new UsageError("Cannot print requests without --post");
  }
  checkMappingPath("write", mappingsOutput);
  const labelmap = flags.post === undefined ? null : new DvidLabelmap(flags.post);
  const rows = await readMergeTable(affinitiesNpy);
  const preserved = preserveMappings === undefined
    ? new Map()
    : await readMapping(preserveMappings);
  const merges = automerge(rows, {
    ...{ threshold, preserved },
    large: flags.sizesOf === undefined ? undefined : {
      minVoxels: flags.largeVoxels!,
      threshold: flags.largeThreshold,
      voxels: await countVoxels(flags.sizesOf, context),
    },
  });
  await writeMapping(mappingsOutput, new Map([...merges.mapping, ...preserved]));
  context.print(`"${mappingsOutput}": ${describeMerges(merges)}`);
  if (labelmap === null) return;
  if (flags.dryRun) {
    for (const request of plannedRequests(labelmap, merges.bodies)) context.print(request);
  } else await post(labelmap, merges, context);
}

async function post(labelmap: DvidLabelmap, { bodies }: Merges, context: Context): Promise<void> {
  using progress = showProgress(context, "posting");
  let done = 0;
  const posted = await postMerges(labelmap, bodies, {
    signal: context.signal,
    onBody() {
      done++;
      progress.update({ fraction: done / bodies.length, counts: { bodies: done } });
    },
  });
  context.print(
    `"${labelmap.url}": ${posted.merged} bodies merged, ${posted.before} of them before`,
  );
  if (posted.conflicts.length === 0) return;
  context.note(
    `${posted.conflicts.length} supervoxels belong to other bodies, or do not exist, and were left ` +
      `alone: ${posted.conflicts.slice(0, 10).join(", ")}${
        posted.conflicts.length > 10 ? "…" : ""
      }`,
  );
}

/** Voxels of each label of a volume, slab by slab. */
async function countVoxels(spec: string, { signal }: Context): Promise<Map<bigint, number>> {
  await using volume = await open(spec, { labels: true });
  const [depth, height, width] = spatialSize(volume);
  const planes = Math.max(1, Math.floor(2 ** 24 / (height * width)));
  const voxels = new Map<bigint, number>();
  for (let z = 0; z < depth; z += planes) {
    signal.throwIfAborted();
    const size = [Math.min(planes, depth - z), height, width] as const;
    const { ids, counts } = distinctLabels(await volume.read({ start: [z, 0, 0], size }));
    ids.forEach((id, i) => voxels.set(BigInt(id), (voxels.get(BigInt(id)) ?? 0) + counts[i]));
  }
  return voxels;
}
