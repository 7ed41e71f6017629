/** GPUs with too little memory: fewer canvases and fields of view at once, then the host, and always the same result. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { openWasmBackend } from "../../../engine/backends/wasm/wasm_backend.ts";
import { WebGpuBackend } from "../../../engine/backends/webgpu/backend.ts";
import { OutOfMemoryError } from "../../../engine/backends/webgpu/failure.ts";
import { parseInferenceRequest } from "../../../engine/formats/protobuf/requests.ts";
import type { Zyx } from "../../../engine/geometry/vectors.ts";
import type { CanvasSnapshot } from "../../../engine/inference/canvas.ts";
import { DeviceCanvas } from "../../../engine/inference/device/device_canvas.ts";
import { openFlood } from "../../../engine/inference/device/open_flood.ts";
import { Executor } from "../../../engine/inference/executor.ts";
import { HostCanvas } from "../../../engine/inference/host_canvas.ts";
import { resolveRequest } from "../../../engine/inference/request.ts";
import { withInference } from "../../../engine/inference/with_inference.ts";
import { openNetwork } from "../../../engine/models/network.ts";
import { BARS_SIZE, barsImage, ListedSeeds, StandInNetwork } from "../../support/bars_volume.ts";
import { type Flood, onHost, runFlood, sameOutcome } from "../../support/device_floods.ts";
import { openDeviceStandIn } from "../../support/device_stand_in.ts";
import { gpuFaults } from "../../support/gpu_faults.ts";
import { testWith } from "../../support/resources.ts";
import { randomVariables, smallModel } from "../../support/small_networks.ts";
import { tinyRun } from "../../support/tiny_run.ts";

const FLOOD: Flood = {
  image: barsImage(),
  size: BARS_SIZE,
  seeds: [[6, 6, 6], [6, 6, 10], [13, 7, 8], [5, 13, 13]],
  options: {
    initActivation: 0.95,
    padValue: 0.05,
    moveThreshold: 0.9,
    segmentThreshold: 0.6,
    minSegmentSize: 10,
    minBoundaryDist: [1, 1, 1],
  },
};

/** Objects and labels of a whole request, with buffers refused by `refuse`. */
async function runWith(
  refuse: (descriptor: GPUBufferDescriptor) => boolean,
  seeds?: string,
  size?: Zyx,
) {
  await using run = await tinyRun(size);
  const text = run.request({ more: "batch_size: 4", ...(seeds && { seeds }) });
  const request = resolveRequest(parseInferenceRequest(text, "request"));
  using faults = gpuFaults({ refuse });
  const lines: string[] = [];
  const onChoice = (line: string) => void lines.push(line);
  const result = await withInference(
    request,
    { name: "webgpu", onChoice, onRestart: onChoice },
    ({ runner, imageBox }) => runner.run(imageBox),
  );
  const { segmentation, segProb, origins } = result!;
  const objects = [...origins].map(([id, { startZyx, iters }]) => [id, startZyx, iters]);
  return { lines, refusals: faults.refusals, result: { segmentation, segProb, objects } };
}

testWith(
  "gpu",
  "a run ends the same with less memory, and says in one line what it did",
  async (t) => {
    const enough = await runWith(() => false);
    deepStrictEqual(enough.lines, []);
    ok(enough.result.objects.length > 3);
    // The stack's activations of one field of view are 4 × 7 × 7 × 7 × 4 bytes.
    const activations = (fovs: number) => fovs * 4 * 7 ** 3 * 4;
    const cases: [string, (d: GPUBufferDescriptor) => boolean, RegExp][] = [
      [
        "canvases",
        ({ label, size }) => label === "object_map" && size > 4 * 2 * 24 * 24 * 32,
        /^flooding 2 of 4 canvases at once: the GPU has no memory for more$/,
      ],
      [
        "activations",
        ({ label, size }) => label!.startsWith("value") && size > activations(1),
        /^flooding 1 of 4 canvases at once: the GPU has no memory for more$/,
      ],
      [
        "no canvas",
        ({ label }) => label === "object_map",
        /^flooding on the host: the GPU has no memory for a canvas of \(24, 24, 32\) \(zyx\)$/,
      ],
    ];
    for (const [name, refuse, line] of cases) {
      await t.step(name, async () => {
        const { lines, refusals, result } = await runWith(refuse);
        ok(refusals > 0);
        strictEqual(lines.length, 1, lines.join("\n"));
        match(lines[0], line);
        deepStrictEqual(result, enough.result);
      });
    }
    await t.step("none for a field of view", async () => {
      await rejects(runWith(({ label }) => label!.startsWith("value")), (error: Error) => {
        match(error.message, /^Cannot allocate \d+ bytes for "value 0" .*use a smaller batch/);
        return error instanceof OutOfMemoryError;
      });
    });
  },
);

testWith("gpu", "a canvas whose ring cannot grow is saved and goes on on the host", async () => {
  const expected = await onHost(FLOOD, new StandInNetwork());
  await using backend = await WebGpuBackend.open();
  const predictor = await openDeviceStandIn(backend);
  const { options, size: canvasSize } = FLOOD;
  const tuning = { queue: 8, stepsPerRound: 5 };
  const flood = await openFlood(backend, { predictor, options, canvasSize, tuning });
  const canvas = new DeviceCanvas(flood, 0, FLOOD);
  const saved: CanvasSnapshot[] = [];
  using _faults = gpuFaults({ refuse: ({ label, size }) => label === "queue" && size > 4 * 16 });
  await rejects(
    canvas.segmentAll(new ListedSeeds(FLOOD.seeds, FLOOD.size, [2, 2, 2]), {
      checkpoint: {
        intervalMs: 0,
        save: (s) => Promise.resolve(void saved.push(structuredClone(s))),
      },
    }),
    OutOfMemoryError,
  );
  strictEqual(backend.device.failure.error, null);
  strictEqual(saved.length, 1);
  ok(saved[0].partialSteps > 0);
  const host = new HostCanvas({ ...FLOOD, predictor: new StandInNetwork() });
  host.restore(saved[0]);
  const outcome = await runFlood(host, FLOOD, [2, 2, 2]);
  sameOutcome({ ...outcome, positions: expected.positions }, expected);
  flood.dispose();
});

testWith("gpu", "a run goes on on the host when a flood finds no memory on the way", async () => {
  const size: Zyx = [18, 20, 24];
  // More seeds than the histogram of labels has room for to begin with.
  const seeds =
    `seed_policy: "PolicyGrid3d" seed_policy_args: "{\\"step\\": 1, \\"offsets\\": [0]}"`;
  const enough = await runWith(() => false, seeds, size);
  deepStrictEqual(enough.lines, []);
  const { lines, result } = await runWith(
    ({ label, size }) => label === "labels" && size > 4 * 4 * 4096,
    seeds,
    size,
  );
  strictEqual(lines.length, 1, lines.join("\n"));
  match(lines[0], /^Cannot allocate \d+ bytes for "labels".*; flooding on the host from the last/);
  deepStrictEqual(result, enough.result);
});

testWith(
  "gpu",
  "Executor predicts in smaller batches where there is no memory for whole ones",
  async () => {
    const model = smallModel([7, 7, 7], [2, 2, 2]);
    const variables = randomVariables(model, 13);
    await using cpu = await openWasmBackend({ threads: 1 });
    await using exact = await openNetwork(model, variables, cpu, 1);
    await using backend = await WebGpuBackend.open();
    const oneValue = 8 * 9 ** 3 * 4;
    using faults = gpuFaults({
      refuse: ({ label, size }) => label!.startsWith("value") && size > oneValue,
    });
    await using network = await openNetwork(model, variables, backend, 4);
    const lines: string[] = [];
    await using executor = new Executor(network, undefined, (line) => void lines.push(line));
    const clients = Array.from({ length: 4 }, () => executor.connect());
    await Promise.all(clients.map(async (client, i) => {
      const image = FLOOD.image.slice(100 * i, 100 * i + 343);
      const seed = new Float32Array(343).fill(i / 4);
      const [actual, expected] = [new Float32Array(343), new Float32Array(343)];
      await client.predict(image, seed, actual);
      await exact.predict(image, seed, expected);
      ok(actual.every((v, k) => Math.abs(v - expected[k]) < 2e-4), `client ${i}`);
      client[Symbol.dispose]();
    }));
    ok(faults.refusals > 0);
    deepStrictEqual(lines, [
      "predicting 2 fields of view at once, not 4: there is no memory for more",
      "predicting 1 fields of view at once, not 2: there is no memory for more",
    ]);
  },
);
