/** GPUs that are lost on the way: the run goes on with new ones and ends as if nothing had happened. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { DeviceLostError } from "../../../engine/backends/webgpu/failure.ts";
import { WebGpuBackend } from "../../../engine/backends/webgpu/backend.ts";
import { parseInferenceRequest } from "../../../engine/formats/protobuf/requests.ts";
import type { CanvasSnapshot } from "../../../engine/inference/canvas.ts";
import { DeviceCanvas } from "../../../engine/inference/device/device_canvas.ts";
import { openFlood } from "../../../engine/inference/device/open_flood.ts";
import { HostCanvas } from "../../../engine/inference/host_canvas.ts";
import { resolveRequest } from "../../../engine/inference/request.ts";
import type { SubvolumeResult } from "../../../engine/inference/runner.ts";
import { withInference } from "../../../engine/inference/with_inference.ts";
import { loadSegmentation } from "../../../engine/segmentation/load_segmentation.ts";
import { BARS_SIZE, barsImage, ListedSeeds, StandInNetwork } from "../../support/bars_volume.ts";
import { batchRun, BOXES, readBatch, TILING } from "../../support/batch_run.ts";
import { ffn } from "../../support/cli.ts";
import { type Flood, runFlood, sameOutcome } from "../../support/device_floods.ts";
import { openDeviceStandIn } from "../../support/device_stand_in.ts";
import { gpuFaults } from "../../support/gpu_faults.ts";
import { testWith } from "../../support/resources.ts";
import { type TinyRun, tinyRun } from "../../support/tiny_run.ts";

/** Counters of what was done, as opposed to how long it took. */
function counted({ counters }: Pick<SubvolumeResult, "counters">): [string, number][] {
  return Object.entries(counters.toRecord())
    .filter(([name]) => !name.endsWith("-ms") && !/^(save_checkpoint|segment_all)/.test(name))
    .sort();
}

async function savedBy(run: TinyRun, output: string) {
  const { labels, origins } = await loadSegmentation(run.of(output), [0, 0, 0], { splitCc: false });
  return {
    labels,
    origins: [...origins].map(([id, { startZyx, iters }]) => [id, startZyx, iters]),
  };
}

testWith(
  "gpu",
  "withInference() goes on from the canvas checkpoint with a new device",
  async () => {
    await using run = await tinyRun();
    const results: SubvolumeResult[] = [];
    const lines: string[] = [];
    let losses = 0;
    // Driven by the device, then by the host.
    const cases = [
      ["whole", "device", []],
      ["lost", "device", [25, 20, 15]],
      ["resident", "resident", []],
      ["resident_lost", "resident", [300]],
    ] as const;
    for (const [output, flood, lostAfter] of cases) {
      const text = run.request({ output: `segmentation_output_dir: "${run.of(output)}"` });
      const request = resolveRequest(parseInferenceRequest(text, "request"));
      using faults = gpuFaults({ lostAfter });
      const result = await withInference(
        // After every round, which no request can ask for; a step driven by the host is a round.
        { ...request, checkpointIntervalSec: flood === "device" ? 1e-6 : 0.2 },
        { name: "webgpu", flood, onRestart: (line) => void lines.push(line) },
        ({ runner, imageBox }) => runner.run(imageBox),
      );
      results.push(result!);
      losses += faults.losses;
    }
    const [expected, lost, resident, residentLost] = results;
    strictEqual(losses, 4);
    strictEqual(lines.length, 4);
    match(
      lines[1],
      /the device was lost .* from the last checkpoint; going on from there with a new device, 2 of 3$/,
    );
    ok(expected.origins.size > 3);
    for (const actual of [lost, resident, residentLost]) {
      for (const name of ["segmentation", "segProb"] as const) {
        deepStrictEqual(actual[name], expected[name], name);
      }
    }
    deepStrictEqual(counted(lost), counted(expected));
    deepStrictEqual(counted(residentLost), counted(resident));
    for (const [output] of cases) {
      deepStrictEqual(await savedBy(run, output), await savedBy(run, "whole"));
    }
  },
);

testWith(
  "gpu",
  "ffn run-inference ends with the same segmentation after lost devices",
  async () => {
    await using run = await tinyRun();
    const command = async (output: string) => {
      const request = run.request({ output: `segmentation_output_dir: "${run.of(output)}"` });
      return await ffn("run-inference", "--inference-request", request, "--backend", "webgpu");
    };
    strictEqual((await command("whole")).code, 0);
    {
      using faults = gpuFaults({ lostAfter: [9] });
      const { code, stderr } = await command("lost");
      strictEqual(faults.losses, 1);
      strictEqual(code, 0, stderr);
      match(stderr, /the device was lost during ".*new device, 1 of 3/);
    }
    deepStrictEqual(await savedBy(run, "lost"), await savedBy(run, "whole"));
    using _faults = gpuFaults({ lostAfter: [9, 9, 9, 9] });
    const { code, stderr } = await command("given_up");
    strictEqual(code, 1);
    match(
      stderr,
      /ffn run-inference: Cannot go on after 3 lost devices: .*the same command goes on from the last checkpoint; --backend wasm/,
    );
  },
);

testWith("gpu", "ffn run-batch-inference takes a lost device for no failure of a box", async () => {
  await using run = await batchRun();
  const segment = async (output: string) => {
    const requests = await run.write(output);
    const here = ["--threads", "1", "--kernel-process", "off", "--backend", "webgpu"];
    return await ffn("run-batch-inference", "--inference-requests", requests, ...TILING, ...here);
  };
  const whole = await segment("whole");
  strictEqual(whole.code, 0, whole.stderr);
  using faults = gpuFaults({ lostAfter: [12, 9] });
  const { code, stdout, stderr } = await segment("lost");
  strictEqual(faults.losses, 2);
  strictEqual(code, 0, stderr);
  match(stdout, new RegExp(`${BOXES} of ${BOXES} subvolumes finished\n$`));
  ok(!/failed: /.test(stderr), stderr);
  deepStrictEqual(await readBatch(run.of("lost")), await readBatch(run.of("whole")));
});

testWith("gpu", "history and deleted voxels survive the loss of a device", async () => {
  const flood: Flood = {
    image: barsImage(),
    size: BARS_SIZE,
    seeds: [[6, 6, 6], [13, 7, 8], [5, 13, 13]],
    options: {
      initActivation: 0.95,
      padValue: 0.05,
      moveThreshold: 0.9,
      segmentThreshold: 0.6,
      minSegmentSize: 10,
      minBoundaryDist: [1, 1, 1],
      discoSeedThreshold: 0.2,
    },
  };
  const margin = [2, 2, 2] as const;
  const host = new HostCanvas({ ...flood, predictor: new StandInNetwork(), keepHistory: true });
  const expected = await runFlood(host, flood, margin);
  const open = async () => {
    const backend = await WebGpuBackend.open();
    const predictor = await openDeviceStandIn(backend);
    const { options, size: canvasSize } = flood;
    const tuning = { stepsPerRound: 6 };
    const settings = { predictor, options, canvasSize, tuning, keepHistory: true };
    const canvas = new DeviceCanvas(await openFlood(backend, settings), 0, {
      ...flood,
      keepHistory: true,
    });
    return { backend, canvas };
  };
  const snapshots: CanvasSnapshot[] = [];
  {
    using _faults = gpuFaults({ lostAfter: [85] });
    const { canvas } = await open();
    const save = (s: CanvasSnapshot) => Promise.resolve(void snapshots.push(structuredClone(s)));
    await rejects(
      canvas.segmentAll(new ListedSeeds(flood.seeds, flood.size, margin), {
        checkpoint: { intervalMs: 1e-3, save },
      }),
      DeviceLostError,
    );
  }
  const last = snapshots.at(-1)!;
  ok(last.partialSteps > 0 && last.history.length === last.partialSteps);
  const { backend, canvas } = await open();
  canvas.restore(last);
  const outcome = await runFlood(canvas, flood, margin);
  sameOutcome({ ...outcome, positions: expected.positions }, expected);
  deepStrictEqual(canvas.history.positions, host.history);
  deepStrictEqual(canvas.history.deleted, host.historyDeleted);
  ok(host.historyDeleted.length > 0);
  await backend[Symbol.asyncDispose]();
});
