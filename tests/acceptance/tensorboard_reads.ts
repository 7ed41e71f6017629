/**
 * TensorBoard's own loader reads the event files of a training run: scalars, pictures and histograms. Needs python3;
 * downloads TensorBoard on the first run.
 */
import { join } from "node:path";
import { decodeScalars } from "../../engine/formats/event_file.ts";
import { openCheckpoint } from "../../engine/volumes/checkpoint_file.ts";
import { readRecordFile } from "../../engine/volumes/record_file.ts";
import { pythonWith, run as runProgram } from "../support/python.ts";
import type { AcceptanceContext } from "./program.ts";

export const description = "TensorBoard reads scalars, pictures and histograms of a training run";

interface Report {
  readonly scalars: Readonly<Record<string, readonly (readonly [step: number, value: number])[]>>;
  readonly images: Readonly<
    Record<string, { declared: number[]; shape: number[]; dtype: string; levels: number }>
  >;
  readonly histograms: Readonly<
    Record<string, { num: number; min: number; max: number; sum: number; buckets: number }>
  >;
}

export async function run(context: AcceptanceContext): Promise<void> {
  const { fib25, folder, root, threads, check, print } = context;
  const sample = `${fib25}/training_sample2`;
  const trainDir = join(folder, "run");
  await runProgram(Deno.execPath(), [
    ...["run", "-A", "--no-check", join(root, "cli.ts"), "train", "--seed", "1"],
    ...["--train_boxes", "v:30:30:30:190:190:190", "--train_dir", trainDir],
    ...["--data_volumes", `v:${sample}/grayscale_maps.h5:raw`],
    ...["--label_volumes", `v:${sample}/groundtruth.h5:stack`],
    ...["--validation_boxes", "v:30:30:30:190:190:190"],
    ...["--validation_data_volumes", `v:${sample}/grayscale_maps.h5:raw`],
    ...["--validation_label_volumes", `v:${sample}/groundtruth.h5:stack`],
    ...["--model_args", '{"depth": 2, "features": 8, "fov_size": [9, 9, 9], "deltas": [2, 2, 2]}'],
    ...["--image_mean", "128", "--image_stddev", "33", "--optimizer", "adam"],
    ...["--max_steps", "230", "--summary_rate_secs", "1", "--threads", `${threads}`],
  ]);
  const python = await pythonWith(["tensorboard==2.20.0", "numpy==2.1.3", "pillow==11.3.0"]);
  const script = join(root, "tests/acceptance/tensorboard_reads.py");
  const report: Report = JSON.parse((await runProgram(python, [script, trainDir])).trim());

  const written = await scalarsOf(trainDir);
  let worst = 0;
  for (const [tag, values] of written) {
    const read = report.scalars[tag] ?? [];
    const isEqual = values.length === read.length &&
      values.every(([step, value], i) => read[i][0] === step && same(read[i][1], value));
    if (!isEqual) {
      worst++;
      print(`${tag}: written ${JSON.stringify(values)}, read ${JSON.stringify(read)}`);
    }
  }
  check("scalar tags that differ", `${worst} of ${written.size}`, "0", worst === 0);
  const wanted = ["pixel_loss", "eval/f1", "validation/eval/f1", "moves/total", "global_step/sec"];
  const missing = wanted.filter((tag) => !(tag in report.scalars));
  check("scalar tags that are missing", missing.join() || "none", "none", missing.length === 0);

  // Patch of 9 + 2 · 2 voxels; labels, prediction and weights side by side.
  for (const tag of ["final_xy/0", "final_xz/0", "final_yz/0", "validation/final_xy/0"]) {
    const image = report.images[tag];
    const shape = `${image?.shape} ${image?.dtype}, declared ${image?.declared}`;
    check(tag, shape, "13,39 uint8, declared 13,39", shape === "13,39 uint8, declared 13,39");
  }
  await using checkpoint = await openCheckpoint(trainDir);
  const names = [...checkpoint.variables.keys()].filter((n) => /^seed_update\/\w+\/\w+$/.test(n));
  let good = 0;
  for (const name of names) {
    const data = [...(await checkpoint.read(name)).data].map(Number);
    const found = report.histograms[name];
    const gradient = report.histograms[`gradients/${name}`];
    const sum = data.reduce((a, b) => a + b, 0);
    const isEqual = found?.num === data.length && found.buckets === data.length &&
      found.min === Math.min(...data) && found.max === Math.max(...data) &&
      Math.abs(found.sum - sum) < 1e-4 && gradient?.num === data.length;
    if (isEqual) good++;
  }
  check("histograms of weights and gradients", good, "10", good === 10 && names.length === 10);
}

/** Every scalar by tag, as our own reader sees it. */
async function scalarsOf(folder: string): Promise<Map<string, [number, number][]>> {
  const found = new Map<string, [number, number][]>();
  for (const { name } of Deno.readDirSync(folder)) {
    if (!name.startsWith("events.")) continue;
    for await (const { data } of readRecordFile(join(folder, name))) {
      const { step, scalars } = decodeScalars(data);
      for (const [tag, value] of scalars) {
        found.set(tag, [...found.get(tag) ?? [], [step, value]]);
      }
    }
  }
  return found;
}

/** JSON of Python has NaN; a parsed file would have failed on it, so both must be numbers. */
function same(a: number, b: number): boolean {
  return Number.isFinite(a) && a === b;
}
