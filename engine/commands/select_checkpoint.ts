import { join } from "node:path";
import { openBatch } from "../cluster/batch.ts";
import { labelMetrics } from "../segmentation/metrics.ts";
import { listSegmentations } from "../segmentation/subvolume_paths.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { open } from "../volumes/open.ts";
import { spatialSize } from "../volumes/volume.ts";
import type { CheckpointRequest } from "./checkpoint_requests.ts";
import type { Context } from "./command.ts";
import { countPairs } from "./compare_volumes.ts";
import { runConsensus } from "./consensus_volume.ts";
import { type OpenLabels, openLabels } from "./open_labels.ts";
import { type CheckpointScore, plotSelection } from "./plot_selection.ts";

/**
 * Measures the result of every checkpoint against truth, prints a table with the best one marked (least variation of
 * information), and leaves `selection.json` and the plot `selection.svg` in `folder`.
 */
export async function selectCheckpoint(
  requests: readonly CheckpointRequest[],
  truthSpec: string,
  folder: string,
  context: Context,
): Promise<void> {
  await using truth = await openLabels(truthSpec, context.note);
  const scores: CheckpointScore[] = [];
  for (const { step, outputDir } of requests) {
    await using labels = await openResult(outputDir, context);
    const { all, adaptedRandError, coverage } = labelMetrics(
      await countPairs(labels, truth, context),
    );
    const { split, merge, total } = all;
    scores.push({ step, split, merge, total, adaptedRandError, coverage });
  }
  scores.sort((a, b) => a.step - b.step);
  const encode = (text: string) => new TextEncoder().encode(text);
  await writeFileAtomically(
    join(folder, "selection.json"),
    encode(`${JSON.stringify(scores, null, 2)}\n`),
  );
  const plot = join(folder, "selection.svg");
  await writeFileAtomically(plot, encode(plotSelection(scores)));
  context.print(describeSelection(scores));
  context.note(`plot: "${plot}"`);
}

/** One line per checkpoint, the best one marked. */
export function describeSelection(scores: readonly CheckpointScore[]): string {
  const least = Math.min(...scores.map(({ total }) => total));
  const rows = scores.map((score) => [
    `${score.step}`,
    ...[score.split, score.merge, score.total, score.adaptedRandError, score.coverage]
      .map((value) => value.toFixed(4)),
    score.total === least ? "best" : "",
  ]);
  const head = ["step", "VI split", "VI merge", "VI", "Rand error", "covered", ""];
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i].length)));
  return [head, ...rows].map((row) =>
    row.map((cell, i) => cell.padStart(widths[i])).join("  ").trimEnd()
  ).join("\n");
}

/** Labels of a batch: of its only subvolume, or of all of them combined. */
async function openResult(dir: string, context: Context): Promise<OpenLabels> {
  if ((await listSegmentations(dir)).length === 1) return await openLabels(dir, context.note);
  const path = join(dir, "consensus.h5");
  const isThere = await Deno.stat(path).then(() => true, () => false);
  if (!isThere) {
    await runConsensus(path, [dir], {
      ...{ dset: "seg", minFfnSize: 0, minOutSize: 0, mode: "meet", assembly: "reconcile" },
      ...{ overlapRule: "both", keepDisconnected: false },
    }, { ...context, print: context.note });
  }
  const volume = await open(`${path}:seg`, { labels: true });
  const { plan } = await openBatch(dir);
  return {
    volume,
    box: { start: plan.outer.start, size: spatialSize(volume) },
    hasCorner: true,
    [Symbol.asyncDispose]: () => volume[Symbol.asyncDispose](),
  };
}
