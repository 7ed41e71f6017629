import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import type { Context } from "../../engine/commands/command.ts";
import { segmentVolume } from "../../engine/commands/segmentation_steps.ts";
import { readSegmentationConfig } from "../../engine/commands/segmentation_config.ts";
import { open } from "../../engine/volumes/open.ts";
import { wholeBox } from "../../engine/volumes/volume.ts";
import { type BatchRun, batchRun, readBatch } from "../support/batch_run.ts";
import { ffn } from "../support/cli.ts";

/** A configuration `name.yaml` with every step, which writes below the folder `name`. */
async function configured(run: BatchRun, name: string, more = ""): Promise<string> {
  await run.write(`${name}-inference`);
  const path = run.of(`${name}.yaml`);
  await Deno.writeTextFile(
    path,
    `# every step, in small
output: ${name}
compute: {threads: 1, backend: wasm, kernel_process: "off"}
inference:
  requests: ${name}-inference.pbtxt
  subvolume_size: [16, 16, 16]
  subvolume_overlap: 8
  lease_seconds: 0.5
consensus: {min_ffn_size: 20, min_out_size: 30, voxel_size: [40, 8, 8], assembly: paste}
resegmentation: {radius: 7, max_distance: 3}
automerge: {threshold: 0.01}
export: [${name}/merged.zarr, "${name}/merged:precomputed"]
${more}`,
  );
  return path;
}

/** The exported labels, and what led to them. */
async function outcome(run: BatchRun, name: string) {
  const labels: unknown[] = [];
  for (const target of ["merged.zarr", "merged", "consensus.h5:seg"]) {
    await using volume = await open(run.of(name, target));
    labels.push([volume.dtype, volume.voxelSizeNm, await volume.read(wholeBox(volume))]);
  }
  const affinities = await Deno.readTextFile(run.of(name, "affinities.csv"));
  return { labels, affinities };
}

Deno.test("ffn segment-volume goes from an image to merged labels, stopped or not", async () => {
  await using run = await batchRun();
  const config = await configured(run, "whole");
  const { code, stdout, stderr } = await ffn("segment-volume", config);
  strictEqual(code, 0, stderr);
  match(stderr, /step 1 of 6: inference\n[\s\S]*step 4 of 6: automerge\n[\s\S]*step 6 of 6/);
  match(stdout, /6 steps done\n$/);
  const { labels } = await outcome(run, "whole");
  const [[, , zarr], [, , precomputed], [, , parts]] = labels as [string, unknown, Uint32Array][];
  deepStrictEqual(Array.from(precomputed, Number), Array.from(zarr, Number));
  ok(new Set(zarr).size < new Set(parts).size, "nothing was merged");
  for (const [i, label] of parts.entries()) strictEqual(Number(zarr[i]) === 0, label === 0);

  const again = await ffn("segment-volume", config);
  strictEqual(again.code, 0);
  ok(!again.stderr.includes("step "));
  await Deno.writeTextFile(
    config,
    (await Deno.readTextFile(config)).replace("min_out_size: 30", "min_out_size: 31"),
  );
  const other = await ffn("segment-volume", config);
  strictEqual(other.code, 2);
  match(other.stderr, /step consensus was done with other settings/);

  await endsEqualWhenStopped(run);
});

/** Stopped between and inside steps, it ends with what is in the folder `whole`. */
async function endsEqualWhenStopped(run: BatchRun) {
  const config = await configured(run, "stopped");
  /** Stops at the `limit`-th sign of life: a note, a result or a line of progress. */
  const attempt = async (limit: number) => {
    const stop = new AbortController();
    let signs = 0;
    const sign = () => {
      if (++signs >= limit) stop.abort(new Error("stopped"));
      if (signs > limit) throw new Error("killed");
    };
    const context: Context = {
      signal: stop.signal,
      verbosity: "normal",
      print: sign,
      note: sign,
      stderr: { write: sign, columns: () => null },
    };
    return await segmentVolume(config, context).then(() => true, (error) => {
      ok(/stopped|killed/.test(error.message), error.stack);
      return false;
    });
  };
  let stops = 0;
  while (!await attempt(3 + stops)) ok(++stops < 30, "it never ends");
  ok(stops >= 6, `only ${stops} stops`);
  deepStrictEqual(await outcome(run, "stopped"), await outcome(run, "whole"));
}

/** Puts stand-ins of SLURM before all programs: `sbatch` runs the tasks itself, and notes which. */
async function fakeSlurm(run: BatchRun): Promise<Disposable> {
  const programs = {
    sbatch: `tasks=\${2#--array=}
echo "\$tasks" >> ${run.of("submitted")}
for task in \${tasks//,/ }; do SLURM_ARRAY_TASK_ID=\$task bash "\$3" >> ${run.of("log")} 2>&1; done
echo 7`,
    squeue: "exit 0",
    sacct: "exit 1",
    scontrol: "exit 1",
  };
  await Deno.mkdir(run.of("bin"));
  for (const [name, text] of Object.entries(programs)) {
    await Deno.writeTextFile(run.of("bin", name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
  }
  const path = Deno.env.get("PATH")!;
  Deno.env.set("PATH", `${run.of("bin")}:${path}`);
  return { [Symbol.dispose]: () => Deno.env.set("PATH", path) };
}

Deno.test("ffn segment-volume has SLURM do the inference, and goes on from what is there", async () => {
  await using run = await batchRun([24, 24, 16]);
  using _ = await fakeSlurm(run);
  const config = await configured(run, "array");
  const text = await Deno.readTextFile(config);
  const slurm = "slurm: {tasks: 2, poll_seconds: 0.1, mem: 2G, setup: [export FFN_HERE=1]}";
  await Deno.writeTextFile(
    config,
    text.replace("lease_seconds: 0.5", `lease_seconds: 0.5\n  ${slurm}`)
      .replace(/resegmentation.*\nautomerge.*\n/, ""),
  );
  const { code, stdout, stderr } = await ffn("segment-volume", config);
  strictEqual(code, 0, stderr);
  match(stderr, /step 1 of 4: inference\njob 7: 2 tasks submitted\nstep 2/);
  match(stdout, /4 steps done\n$/);
  const script = await Deno.readTextFile(run.of("array", "slurm", "run.sh"));
  match(script, /^#SBATCH --array=0-1$[\s\S]*^#SBATCH --mem=2G$[\s\S]*^export FFN_HERE=1$/m);
  match(script, / 1\) set -- run-batch-inference .*--subvolume-size=16,16,16 .*--leave-leased /);
  match(await Deno.readTextFile(run.of("log")), /4 of 4 subvolumes finished/);
  // A torn result, without the mark that says it is done: what is left is submitted, and no more tasks than that.
  await Deno.remove(run.of("array", "steps", "inference.json"));
  await Deno.truncate(run.of("array-inference", "0", "8", "seg-0_8_0.npz"), 50);
  const again = await ffn("segment-volume", config);
  strictEqual(again.code, 0, again.stderr);
  strictEqual(await Deno.readTextFile(run.of("submitted")), "0,1\n0\n");
  const alone = await run.write("alone");
  const tiling = ["--subvolume-size", "16", "--subvolume-overlap", "8", "--threads", "1"];
  const here = ["--backend", "wasm", "--kernel-process", "off"];
  await ffn("run-batch-inference", "--inference-requests", alone, ...tiling, ...here);
  deepStrictEqual(await readBatch(run.of("array-inference")), await readBatch(run.of("alone")));
});

Deno.test("readSegmentationConfig() knows every key of docs/cluster.md, and its defaults are those", async () => {
  await using run = await batchRun();
  const page = await Deno.readTextFile(new URL("../../docs/cluster.md", import.meta.url));
  const [, yaml] = /```yaml volume.yaml\n([\s\S]*?)```/.exec(page)!;
  await Deno.writeTextFile(run.of("volume.yaml"), yaml);
  const config = await readSegmentationConfig(run.of("volume.yaml"));
  deepStrictEqual(config.exports, [run.of("labels.zarr"), run.of("labels:precomputed")]);
  strictEqual(config.inference.subvolumeSize, "250,500,500");
  deepStrictEqual(config.slurm?.site, run.of("site.yaml"));
  const few = "output: o\ninference: {requests: a.pbtxt}\nresegmentation: {}\n";
  await Deno.writeTextFile(run.of("few.yaml"), few);
  const defaults = await readSegmentationConfig(run.of("few.yaml"));
  const settled = {
    ...config.resegmentation,
    inferenceRequest: run.of("a.pbtxt"),
    threads: undefined,
  };
  deepStrictEqual(defaults.resegmentation, settled);
  strictEqual(defaults.mergeThreshold, config.mergeThreshold);
  const { mode, assembly, overlapRule, keepDisconnected } = config.consensus;
  const { minFfnSize: _, minOutSize: __, voxelSize: ___, dset: ____, ...rest } = defaults.consensus;
  deepStrictEqual(rest, { mode, assembly, overlapRule, keepDisconnected });
});

Deno.test("ffn segment-volume refuses what it does not know, before any work", async () => {
  await using run = await batchRun();
  const refused = async (from: string, to: string, pattern: RegExp) => {
    const config = await configured(run, "refused");
    await Deno.writeTextFile(config, (await Deno.readTextFile(config)).replace(from, to));
    const { code, stderr } = await ffn("segment-volume", config);
    ok(code !== 0);
    match(stderr, pattern);
  };
  await refused("output:", "outptu:", /output must be a text, current is missing/);
  await refused(
    "min_ffn_size",
    "min_ffn_sizes",
    /unknown key "min_ffn_sizes", did you mean "min_ffn_size"/,
  );
  await refused(
    "[16, 16, 16]",
    "[16, 16]",
    /subvolume_size must be one number or three in the order z, y, x/,
  );
  await refused(
    "threads: 1",
    "threads: x",
    /threads must be a whole number of at least 1, current is "x"/,
  );
  await refused(
    "lease_seconds: 0.5",
    "slurm: {partitions: gpu}",
    /inference.slurm: unknown key "partitions", did you mean "partition"/,
  );
  await refused("assembly: paste", "assembly: glue", /assembly must be one of reconcile, paste/);
  await refused("output:", "output: [", /Cannot read ".*refused.yaml"/);
  await refused(
    "subvolume_overlap: 8",
    `subvolume_overlap: 8\n  bounding_box: "start { z: 2 } size { x: 20 y: 20 z: 20 }"`,
    /box that starts at zyx \(2, 0, 0\)/,
  );
  ok(!(await Deno.stat(run.of("refused")).catch(() => null)));
});
