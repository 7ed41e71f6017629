/** The recorded run on a box of FIB-25, from request to result files, against the network alone. */
import { openBackend } from "../../engine/backends/open_backend.ts";
import { parseInferenceRequest } from "../../engine/formats/protobuf/requests.ts";
import { volumeOf } from "../../engine/geometry/vectors.ts";
import { Executor } from "../../engine/inference/executor.ts";
import { resolveRequest } from "../../engine/inference/request.ts";
import { Runner } from "../../engine/inference/runner.ts";
import { loadNetwork } from "../../engine/models/load_network.ts";
import type { Network } from "../../engine/models/network.ts";
import { FIB25 } from "../../tests/support/resources.ts";
import { cpuMs } from "../process_figures.ts";
import type { BenchContext } from "../program.ts";
import { quantile } from "../statistics.ts";

export const description =
  "446 steps on FIB-25 end to end (volume, seeds, canvas, files) against the bare network";

const BOX = { start: [80, 100, 60], size: [80, 90, 100] } as const;

/** Predictions timed before and after each run. */
const BARE_RUNS = 60;

/** Milliseconds of single predictions, wall and CPU. */
async function timeBare(network: Network): Promise<{ wallMs: number[]; cpuMs: number }> {
  const voxels = volumeOf(network.model.imageSize);
  const [image, seed, logits] = [0, 1, 2].map(() => new Float32Array(voxels));
  await network.predict(image, seed, logits);
  const cpuStart = cpuMs();
  const wallMs: number[] = [];
  for (let i = 0; i < BARE_RUNS; i++) {
    const started = performance.now();
    await network.predict(image, seed, logits);
    wallMs.push(performance.now() - started);
  }
  return { wallMs, cpuMs: (cpuMs() - cpuStart) / BARE_RUNS };
}

/** Entry of `deno task bench segment_aniso`. */
export async function run(context: BenchContext): Promise<unknown> {
  const { threads, launches, folder, print } = context;
  await using backend = await openBackend({ threads, kernelProcess: "auto" });
  print(backend.description);
  const text = await Deno.readTextFile(`${FIB25}/requests/inference_training_sample2.pbtxt`);
  const runs = [];
  for (let launch = 0; launch < launches; launch++) {
    const request = resolveRequest(parseInferenceRequest(
      text.replace(/"training_sample2\//g, `"${FIB25}/training_sample2/`)
        .replace(/"model\//g, `"${FIB25}/model/`)
        .replace(/"results\/[^"]*"/, JSON.stringify(`${folder}/${launch}`)),
    ));
    await using network = await loadNetwork({
      modelName: request.message.modelName!,
      modelArgs: JSON.parse(request.message.modelArgs!),
      checkpointPrefix: request.modelCheckpointPath,
      backend,
      batchSize: 1,
    });
    const before = await timeBare(network);
    await using executor = new Executor(network);
    const cpuStart = cpuMs();
    const started = performance.now();
    await using runner = await Runner.start(request, { executor });
    const result = await runner.run(BOX);
    const elapsedMs = performance.now() - started;
    const runCpuMs = cpuMs() - cpuStart;
    const after = await timeBare(network);
    const steps = result!.counters.get("predict-calls");
    const bareMs = quantile([...before.wallMs, ...after.wallMs], 0.5);
    const figures = {
      steps,
      msPerStep: elapsedMs / steps,
      bareMs,
      ratio: elapsedMs / steps / bareMs,
      cpuRatio: runCpuMs / steps / ((before.cpuMs + after.cpuMs) / 2),
      inNetwork: result!.counters.get("predict-time-ms") / elapsedMs,
    };
    runs.push(figures);
    print(
      `run ${launch + 1}: ${steps} steps, ${
        figures.msPerStep.toFixed(1)
      } ms per step end to end, ` +
        `${bareMs.toFixed(1)} ms bare: ${figures.ratio.toFixed(3)} x wall, ${
          figures.cpuRatio.toFixed(3)
        } x CPU, ${(100 * figures.inNetwork).toFixed(1)} % of the time in the network`,
    );
  }
  const median = quantile(runs.map((r) => r.ratio), 0.5);
  print(`median ${median.toFixed(3)} x the bare network`);
  return { threads, median, runs };
}
