/**
 * A box of FIB-25 segmented from the published seeds, again with the objects in reverse order, and both combined. Takes
 * the time of some thousand network steps; results stay in the cache folder, so that a stopped run goes on.
 */
import { join } from "node:path";
import { cacheFolder } from "../../engine/backends/measured_choices.ts";
import { alignRows } from "../../engine/commands/description.ts";
import { boundingBoxOf } from "../../engine/formats/protobuf/requests.ts";
import { printText } from "../../engine/formats/protobuf/text_writer.ts";
import { BoundingBoxSchema } from "../../engine/formats/protobuf/vectors.ts";
import type { Box } from "../../engine/geometry/box.ts";
import { compareLabels } from "../../engine/segmentation/metrics.ts";
import { subvolumePath } from "../../engine/segmentation/subvolume_paths.ts";
import { open } from "../../engine/volumes/open.ts";
import { ffn } from "../support/cli.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "forward and reversed seeds on 128³ of FIB-25, their meet and the truth in one table";

const BOX: Box = { start: [61, 61, 61], size: [128, 128, 128] };

export async function run(context: AcceptanceContext): Promise<void> {
  const { fib25, threads, print, check, folder: scratch } = context;
  const folder = join(cacheFolder() ?? scratch, "acceptance", "reversed_seeds");
  const text = (await Deno.readTextFile(`${fib25}/requests/inference_training_sample2.pbtxt`))
    .replace(/"training_sample2\//g, `"${fib25}/training_sample2/`)
    .replace(/"model\//g, `"${fib25}/model/`)
    .replace(/checkpoint_interval: \d+/, "checkpoint_interval: 60");
  const forward = join(folder, "forward"), reverse = join(folder, "reverse");
  const args = JSON.stringify(JSON.stringify({ segmentation_dir: forward }));
  const requests = [
    text.replace(/"results\/[^"]*"/, JSON.stringify(forward)),
    text.replace(/"results\/[^"]*"/, JSON.stringify(reverse)).replace(
      'seed_policy: "PolicyPeaks"',
      `seed_policy: "PolicyInvertOrigins" seed_policy_args: ${args}`,
    ),
  ];
  for (const request of requests) {
    const box = printText(BoundingBoxSchema, boundingBoxOf(BOX));
    const { code, stdout, stderr } = await ffn(
      ...["run-inference", "--inference-request", request, "--bounding-box", box],
      ...["--threads", `${threads}`, "--backend", "wasm"],
    );
    if (code !== 0) throw new Error(stderr);
    print(stdout.trim());
  }
  const combined = join(scratch, "meet.h5");
  const { code, stderr } = await ffn(
    ...["run-consensus", combined, "--segmentation-dirs", forward, reverse],
  );
  if (code !== 0) throw new Error(stderr);

  await using truthVolume = await open(`${fib25}/training_sample2/groundtruth.h5:stack`);
  const truth = await truthVolume.read(BOX);
  const read = async (spec: string) => {
    await using volume = await open(spec, { labels: true });
    return await volume.read({ start: [0, 0, 0], size: BOX.size });
  };
  const labels = {
    forward: await read(`${subvolumePath(forward, BOX.start, "npz")}:segmentation`),
    reverse: await read(`${subvolumePath(reverse, BOX.start, "npz")}:segmentation`),
    meet: await read(`${combined}:seg`),
  };
  const rows = Object.entries(labels)
    .map(([name, data]) => ({ name, metrics: compareLabels(data, truth) }));
  const table = rows.map(({ name, metrics }) => ({
    ...{ segmentation: name, objects: metrics.segments },
    coverage: metrics.coverage.toFixed(4),
    "split (bits)": metrics.both.split.toFixed(4),
    "merge (bits)": metrics.both.merge.toFixed(4),
    "Rand error": metrics.adaptedRandError.toFixed(4),
  }));
  for (const line of alignRows(table)) print(line);
  print(
    `truth: ${
      rows[0].metrics.truths
    } objects; entropies where truth and the segmentation have labels`,
  );
  // On voxels that both cover, what the meet joins each of them joins; elsewhere it has what only one of them found.
  const isCommon = (i: number) => Number(labels.forward[i]) > 0 && Number(labels.reverse[i]) > 0;
  const common = Uint32Array.from<number | bigint>(
    truth,
    (id, i) => isCommon(i) ? Number(id) : 0,
  );
  const merges = Object.values(labels)
    .map((data) => compareLabels(data, common).both.merge);
  const wanted = Math.min(merges[0], merges[1]);
  const figure = merges[2].toFixed(6);
  const holds = merges[2] <= wanted + 1e-9;
  check(
    "merge entropy of the meet where both have labels",
    figure,
    `<= ${wanted.toFixed(6)}`,
    holds,
  );
}
