import { UsageError } from "../errors/errors.ts";
import { labelMetrics } from "../segmentation/metrics.ts";
import { matchObjects } from "../segmentation/object_matching.ts";
import { skeletonMetrics } from "../segmentation/skeleton_metrics.ts";
import type { Context } from "./command.ts";
import { countPairs } from "./compare_volumes.ts";
import { labelSkeletons } from "./label_skeletons.ts";
import { type OpenLabels, openLabels } from "./open_labels.ts";
import { printMatching, printMetrics, printSkeletons } from "./print_metrics.ts";
import { parseVoxelSize } from "./voxel_size_option.ts";
import { writeReport } from "./write_report.ts";

/** The flags of `ffn evaluate`. */
export interface EvaluationFlags {
  readonly segmentation: string;
  readonly truth?: string;
  readonly skeletons?: readonly string[];
  readonly voxelSize?: string;
  readonly minMergeNodes: number;
  readonly worst: number;
  readonly json: boolean;
  readonly report?: string;
  readonly image?: string;
}

/** Measures against truth, skeletons or both, and prints what came of it. */
export async function evaluate(flags: EvaluationFlags, context: Context): Promise<void> {
  if (flags.truth === undefined && flags.skeletons === undefined) {
    throw new UsageError(
      "Cannot measure without something to measure against: give a volume of " +
        "truth, or --skeletons",
    );
  }
  await using segmentation = await openLabels(flags.segmentation, context.note);
  const report: Record<string, unknown> = {};
  const texts: string[] = [];
  await using truth = flags.truth === undefined
    ? null
    : await openLabels(flags.truth, context.note);
  if (truth !== null) {
    const contingency = await countPairs(segmentation, truth, context);
    const metrics = labelMetrics(contingency);
    const matching = matchObjects(contingency);
    const { truths, segments, ...objects } = matching;
    const worst = {
      worstTruths: truths.slice(0, flags.worst),
      worstSegments: segments.slice(0, flags.worst),
    };
    Object.assign(report, metrics, { objects: { ...objects, ...worst } });
    texts.push(printMetrics(metrics), printMatching(matching, flags.worst));
  }
  if (flags.skeletons !== undefined) {
    const voxelSizeNm = parseVoxelSize(flags.voxelSize) ?? segmentation.volume.voxelSizeNm;
    if (voxelSizeNm === undefined) {
      throw new UsageError(
        `Cannot place skeletons in "${flags.segmentation}": it does not tell its voxel size, give ` +
          "--voxel-size Z,Y,X in nanometres",
      );
    }
    const skeletons = await labelSkeletons(flags.skeletons, segmentation, voxelSizeNm);
    const metrics = skeletonMetrics(skeletons, flags.minMergeNodes);
    report.skeletons = metrics;
    texts.push(printSkeletons(metrics));
  }
  // Ids are 64-bit: as text they survive any reader of JSON.
  const asText = (_: string, value: unknown) => typeof value === "bigint" ? `${value}` : value;
  const [json, text] = [JSON.stringify(report, asText, 2), texts.join("\n\n")];
  context.print(flags.json ? json : text);
  if (flags.report === undefined) return;
  const labels: Record<string, OpenLabels> = { segmentation, ...truth !== null && { truth } };
  const path = await writeReport(flags.report, { text, json, labels, image: flags.image });
  context.note(`report: "${path}"`);
}
