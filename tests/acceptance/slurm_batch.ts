/**
 * A batch, a choice of checkpoints and a whole pipeline through real SLURM with four simulated nodes, with everything that
 * goes wrong there. `FFN_SLURM` runs some of them: `FFN_SLURM=array,choice,pipeline`.
 */
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { encodePng } from "../../engine/formats/png.ts";
import { syntheticTissue } from "../../engine/volumes/synthetic_tissue.ts";
import { batchDifferences, batchRun, otherFiles, readBatch } from "../support/batch_run.ts";
import { hasSlurm, type SlurmCluster, slurmCluster } from "../support/slurm_cluster.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "real SLURM with 4 nodes (Debian's slurm-wlm, munge): an array over 12 boxes with requeue, node down and time limit, a choice among 3 trained checkpoints, and segment-volume";

const HERE = ["--threads", "1", "--kernel-process", "off", "--backend", "wasm"];
const STEPS = [60, 120, 180];

export async function run(context: AcceptanceContext): Promise<void> {
  const { folder, check } = context;
  if (!await hasSlurm()) {
    check("SLURM", "not installed", "apt-get install slurm-wlm munge slurm-client", false);
    return;
  }
  await using cluster = await slurmCluster(join(folder, "slurm"), 4);
  const cases = { array: runArray, choice: chooseCheckpoint, pipeline: runPipeline };
  const names = Deno.env.get("FFN_SLURM")?.split(",") ?? Object.keys(cases);
  for (const [name, test] of Object.entries(cases)) {
    if (names.includes(name)) await test(context, cluster);
  }
}

/** Runs `ffn …` to its end. */
async function ffn({ root }: AcceptanceContext, cluster: SlurmCluster, ...args: string[]) {
  const child = start(root, cluster, args);
  const { code, stdout, stderr } = await child.output();
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: decode(stdout), stderr: decode(stderr) };
}

function start(root: string, cluster: SlurmCluster, args: string[]): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", join(root, "cli.ts"), ...args],
    ...{ env: cluster.env, stdout: "piped", stderr: "piped" },
  }).spawn();
}

/** Ids `JOB_TASK` of the tasks that run, with their nodes. */
async function running(
  cluster: SlurmCluster,
): Promise<{ id: string; job: string; node: string }[]> {
  const text = await cluster.slurm("squeue", "-h", "-r", "-t", "RUNNING", "-o", "%i %A %N");
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const [id, job, node] = line.split(" ");
    return { id, job, node };
  });
}

/** Ids of the jobs that SLURM knows, ended ones too; the tasks of an array are one. */
async function jobs(cluster: SlurmCluster): Promise<Set<string>> {
  const text = await cluster.slurm("squeue", "-h", "-t", "all", "-o", "%F");
  return new Set(text.split("\n").filter((line) => line !== ""));
}

/** What was requeued waits two minutes by default; in a test it starts now. */
async function hurry(cluster: SlurmCluster): Promise<void> {
  const text = await cluster.slurm("squeue", "-h", "-r", "-t", "PENDING", "-o", "%i %r");
  for (const line of text.split("\n")) {
    const [id, reason] = line.split(" ");
    if (reason !== "BeginTime") continue;
    // It may have started in the meantime.
    await cluster.slurm("scontrol", "update", `JobId=${id}`, "StartTime=now").catch(() => {});
  }
}

async function runArray(context: AcceptanceContext, cluster: SlurmCluster): Promise<void> {
  const { root, check, print } = context;
  // Enough boxes that all faults come before the last of them, on idle cores too.
  await using files = await batchRun([64, 80, 64]);
  const whole = await files.write("whole");
  const tiling = ["--subvolume-size", "32", "--subvolume-overlap", "16"];
  const alone = ["run-batch-inference", "--inference-requests", whole, ...tiling, ...HERE];
  const undisturbed = await ffn(context, cluster, ...alone);
  check("exit code on this machine alone", undisturbed.code, "0", undisturbed.code === 0);
  const expected = await readBatch(files.of("whole"));

  const request = await files.write("results");
  const child = start(root, cluster, [
    ...["run-slurm-inference", "--infreqs", request, "--out-dir", files.of("out"), ...tiling],
    ...["--tasks", "4", "--lease-seconds", "3", "--poll-seconds", "0.5", "--t", "1"],
    ...["--max-resubmits", "6", "--cpus-per-task", "1", "--signal-seconds", "45", ...HERE],
  ]);
  const output = child.output();
  let over = false;
  output.then(() => over = true);
  const faults: string[] = [];
  const disturb = async () => {
    for (let round = 0; !over; round++) {
      await setTimeout(1000);
      await hurry(cluster);
      const tasks = await running(cluster);
      if (tasks.length === 0 || faults.length >= 3) continue;
      const task = tasks[round % tasks.length];
      if (faults.length === 0) {
        await cluster.slurm("scontrol", "requeue", task.id);
        faults.push(`requeued ${task.id}`);
      } else if (faults.length === 1) {
        await cluster.slurm(
          "scontrol",
          "update",
          `NodeName=${task.node}`,
          "State=DOWN",
          "Reason=test",
        );
        faults.push(`${task.node} down`);
      } else {
        // A task may have ended since it was listed; then another one gets the signal.
        await cluster.slurm("scancel", "--signal=USR1", "--batch", task.id).then(
          () => faults.push(`time limit signal to ${task.id}`),
          () => {},
        );
      }
    }
  };
  const [{ code, stdout, stderr }] = await Promise.all([output, disturb()]);
  const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  for (const line of `${decode(stderr)}${decode(stdout)}`.trim().split("\n")) print(line);
  check("faults", faults.join(", "), "3", faults.length === 3);
  check("exit code", code, "0", code === 0);
  const results = await readBatch(files.of("results"));
  check("boxes", Object.keys(results).length, ">= 8", Object.keys(results).length >= 8);
  const other = batchDifferences(results, expected);
  check(
    "array differs from one undisturbed process",
    other.join("; ") || "nowhere",
    "nowhere",
    other.length === 0,
  );
  const left = (await otherFiles(files.of("results"))).filter((path) =>
    !/failures|prepared|clocks|review/.test(path)
  );
  check("other files", left.join(), "batch.json, counters.txt", left.length === 2);
  if (other.length === 0 && left.length === 2) return;
  const kept = `${files.path}-differs`;
  await Deno.rename(files.path, kept);
  await Deno.mkdir(files.path);
  print(`both runs, with the logs of all tasks, are kept in "${kept}"`);
}

/** Trains briefly on synthetic tissue and has SLURM segment other tissue with three of the checkpoints. */
async function chooseCheckpoint(context: AcceptanceContext, cluster: SlurmCluster): Promise<void> {
  const { folder, check, print } = context;
  const of = (name: string) => join(folder, name);
  const size = [40, 40, 40] as const;
  const { image, labels } = syntheticTissue({ size, seed: 3 });
  for (const [name, data] of [["em", image], ["labels", labels]] as const) {
    await Deno.mkdir(of(name));
    for (let z = 0; z < size[0]; z++) {
      const section = data.slice(z * 1600, (z + 1) * 1600);
      const png = encodePng({ width: 40, height: 40, channels: 1, data: section });
      await Deno.writeFile(join(of(name), `${String(z).padStart(3, "0")}.png`), png);
    }
  }
  const model = `{"depth": 2, "features": 4, "fov_size": [9, 9, 9], "deltas": [2, 2, 2]}`;
  const done = async (...args: string[]) => {
    const { code, stderr } = await ffn(context, cluster, ...args);
    if (code !== 0) throw new Error(`ffn ${args[0]}: ${stderr}`);
  };
  await done("convert", `${of("em")}:png`, `${of("em.h5")}:raw`);
  await done("convert", `${of("labels")}:png`, `${of("labels.h5")}:labels`);
  await done(
    ...["compute-partitions", "--input_volume", `${of("labels.h5")}:labels`],
    ...["--output_volume", `${of("af.h5")}:af`, "--lom_radius", "8,8,8", "--min_size", "500"],
  );
  await done(
    ...["build-coordinates", "--partition_volumes", `mine:${of("af.h5")}:af`, "--seed", "1"],
    ...["--coordinate_output", of("coords.gz"), "--margin", "8,8,8"],
  );
  for (const step of STEPS) {
    await done(
      ...["train", "--train_coords", of("coords.gz"), "--data_volumes", `mine:${of("em.h5")}:raw`],
      ...["--label_volumes", `mine:${of("labels.h5")}:labels`, "--model_args", model],
      ...["--image_mean", "128", "--image_stddev", "33", "--optimizer", "adam"],
      ...["--learning_rate", "0.01", "--max_steps", `${step}`, "--train_dir", of("train")],
      ...["--seed", "1", "--threads", "1", "--kernel_process", "off"],
    );
  }
  await Deno.writeTextFile(
    of("request.pbtxt"),
    `image { hdf5: "${
      of("em.h5")
    }:raw" } image_mean: 128 image_stddev: 33 seed_policy: "PolicyPeaks"
    model_checkpoint_path: "unused" model_name: "convstack_3d.ConvStack3DFFNModel" model_args: '${model}'
    segmentation_output_dir: "unused" inference_options { init_activation: 0.95 pad_value: 0.05
      move_threshold: 0.9 min_boundary_dist { x: 1 y: 1 z: 1 } segment_threshold: 0.6 min_segment_size: 10 }`,
  );
  await Deno.writeTextFile(
    of("pick.yaml"),
    `ckpts: {a: ${STEPS[0]}, b: ${STEPS[1]}, c: ${STEPS[2]}}`,
  );
  const { code, stdout, stderr } = await ffn(
    ...[context, cluster, "run-slurm-inference", "--infreqs", of("request.pbtxt")] as const,
    ...["--ckpt-dir", of("train"), "--yaml", of("pick.yaml"), "--out-dir", of("selection")],
    ...["--truth", `${of("labels.h5")}:labels`, "--poll-seconds", "0.5", ...HERE],
  );
  for (const line of `${stderr}${stdout}`.trim().split("\n")) print(line);
  check("exit code of the choice", code, "0", code === 0);
  const scores = code === 0
    ? JSON.parse(await Deno.readTextFile(join(of("selection"), "selection.json")))
    : [];
  check("checkpoints measured", scores.length, "3", scores.length === 3);
  const svg = await Deno.stat(join(of("selection"), "selection.svg")).then((s) => s.size, () => 0);
  check("bytes of the plot", svg, "> 500", svg > 500);
}

/** `ffn segment-volume` is stopped while its array runs, finds it again, and exports what it exports without SLURM. */
async function runPipeline(context: AcceptanceContext, cluster: SlurmCluster): Promise<void> {
  const { root, check, print } = context;
  await using files = await batchRun();
  const configure = async (name: string, slurm: string) => {
    await files.write(`${name}-inference`);
    await Deno.writeTextFile(
      files.of(`${name}.yaml`),
      `output: ${name}
compute: {threads: 1, backend: wasm, kernel_process: "off"}
inference:
  requests: ${name}-inference.pbtxt
  subvolume_size: 16
  subvolume_overlap: 8
  lease_seconds: 3
  ${slurm}
consensus: {min_ffn_size: 20, min_out_size: 30, assembly: paste}
export: [${name}/labels.npy]
`,
    );
    return ["segment-volume", files.of(`${name}.yaml`)];
  };
  const here = await ffn(context, cluster, ...await configure("here", ""));
  check("exit code of the pipeline on this machine", here.code, "0", here.code === 0);
  const slurm = `slurm: {tasks: 3, poll_seconds: 0.5, time: "5", cpus_per_task: 1}`;
  const args = await configure("array", slurm);
  const before = await jobs(cluster);
  const first = start(root, cluster, args);
  while ((await running(cluster)).length === 0) await setTimeout(200);
  first.kill("SIGTERM");
  const stopped = await first.output();
  check("exit code of the stopped pipeline", stopped.code, "not 0", stopped.code !== 0);
  const { code, stdout, stderr } = await ffn(context, cluster, ...args);
  for (const line of `${stderr}${stdout}`.trim().split("\n")) print(line);
  check("exit code of the pipeline", code, "0", code === 0);
  const count = (await jobs(cluster)).difference(before).size;
  check("arrays submitted by both", count, "1", count === 1);
  const [one, two] = await Promise.all(
    ["here", "array"].map((name) => Deno.readFile(files.of(name, "labels.npy"))),
  );
  const same = isDeepStrictEqual(one, two);
  check("labels of the pipeline", `${same}`, "equal", same);
}
