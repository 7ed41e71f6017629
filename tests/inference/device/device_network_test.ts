/** Flooding on a device with a network: the same positions as on the host, few reads, little host time. */
import { ok, rejects, strictEqual } from "node:assert/strict";
import { openWasmBackend } from "../../../engine/backends/wasm/wasm_backend.ts";
import { WebGpuBackend } from "../../../engine/backends/webgpu/backend.ts";
import { DeviceLostError } from "../../../engine/backends/webgpu/failure.ts";
import type { Zyx } from "../../../engine/geometry/vectors.ts";
import type { CanvasSnapshot } from "../../../engine/inference/canvas.ts";
import type { CanvasOptions } from "../../../engine/inference/canvas_options.ts";
import { DeviceCanvas } from "../../../engine/inference/device/device_canvas.ts";
import { openDeviceNetwork } from "../../../engine/inference/device/device_predictor.ts";
import { openFlood } from "../../../engine/inference/device/open_flood.ts";
import { HostCanvas } from "../../../engine/inference/host_canvas.ts";
import { openNetwork } from "../../../engine/models/network.ts";
import { BARS_SIZE, barsImage, ListedSeeds } from "../../support/bars_volume.ts";
import {
  type Flood,
  onDevice,
  onHost,
  onResident,
  runFlood,
  sameOutcome,
} from "../../support/device_floods.ts";
import { testWith } from "../../support/resources.ts";
import { randomVariables, smallModel } from "../../support/small_networks.ts";

const OPTIONS: CanvasOptions = {
  initActivation: 0.95,
  padValue: 0.4,
  moveThreshold: 0.5,
  segmentThreshold: 0.5,
  minSegmentSize: 10,
  minBoundaryDist: [1, 1, 1],
};

/** Seeds every few voxels. */
function gridSeeds(size: Zyx, step: number): Zyx[] {
  const seeds: Zyx[] = [];
  for (let z = 0; z < size[0]; z += step) {
    for (let y = 0; y < size[1]; y += step) {
      for (let x = 0; x < size[2]; x += step) seeds.push([z, y, x]);
    }
  }
  return seeds;
}

const FLOOD: Flood = {
  image: barsImage(),
  size: BARS_SIZE,
  seeds: gridSeeds(BARS_SIZE, 3),
  options: OPTIONS,
};
const MODEL = smallModel([7, 7, 7], [2, 2, 2]);
const VARIABLES = randomVariables(MODEL, 13);

testWith(
  "gpu",
  "DeviceCanvas and ResidentCanvas flood with a network as HostCanvas does",
  async () => {
    await using cpu = await openWasmBackend({ threads: 1 });
    await using network = await openNetwork(MODEL, VARIABLES, cpu, 1);
    await using backend = await WebGpuBackend.open();
    const turned: Flood = {
      ...FLOOD,
      image: FLOOD.image.toReversed(),
      seeds: FLOOD.seeds.slice(40),
    };
    const predictor = await openDeviceNetwork(MODEL, VARIABLES, backend, 2);
    const expected = [await onHost(FLOOD, network), await onHost(turned, network)];
    const actual = await onDevice([FLOOD, turned], backend, predictor);
    actual.forEach((outcome, i) => sameOutcome(outcome, expected[i], 2e-4));
    const alone = await openDeviceNetwork(MODEL, VARIABLES, backend, 1);
    sameOutcome(await onResident(FLOOD, backend, alone), expected[0], 2e-4);
    alone.dispose();
    ok(expected[0].positions.length > 100, `only ${expected[0].positions.length} positions`);
    // The same network on the same device, driven by the host.
    await using resident = await openNetwork(MODEL, VARIABLES, backend, 1);
    sameOutcome(await onHost(FLOOD, resident), expected[0], 2e-4);
    predictor.dispose();
  },
);

testWith(
  "gpu",
  "a canvas goes on elsewhere from the snapshot of a device that was lost",
  async (t) => {
    await using cpu = await openWasmBackend({ threads: 1 });
    await using network = await openNetwork(MODEL, VARIABLES, cpu, 1);
    const expected = await onHost(FLOOD, network);
    const margin: Zyx = [3, 3, 3];
    const open = async () => {
      const backend = await WebGpuBackend.open();
      const predictor = await openDeviceNetwork(MODEL, VARIABLES, backend, 1);
      const flood = await openFlood(backend, {
        predictor,
        options: OPTIONS,
        canvasSize: FLOOD.size,
        tuning: { stepsPerRound: 24 },
      });
      return { backend, canvas: new DeviceCanvas(flood, 0, FLOOD) };
    };
    const snapshots: CanvasSnapshot[] = [];
    const lost = await open();
    const run = lost.canvas.segmentAll(new ListedSeeds(FLOOD.seeds, FLOOD.size, margin), {
      checkpoint: {
        intervalMs: 1e-3,
        save: async (snapshot) => {
          snapshots.push(structuredClone(snapshot));
          if (snapshots.length === 14) await lost.backend[Symbol.asyncDispose]();
        },
      },
    });
    await rejects(run, DeviceLostError);
    strictEqual(snapshots.length, 14);
    ok(snapshots.some((s) => s.partialSteps > 0) && snapshots.some((s) => s.origins.size > 0));
    for (const at of [2, 9, 13]) {
      await t.step(`on a new device, from snapshot ${at}`, async () => {
        const { backend, canvas } = await open();
        canvas.restore(snapshots[at]);
        const outcome = await runFlood(canvas, FLOOD, margin);
        sameOutcome({ ...outcome, positions: expected.positions }, expected, 2e-4);
        await backend[Symbol.asyncDispose]();
      });
      await t.step(`on the host, from snapshot ${at}`, async () => {
        const canvas = new HostCanvas({ ...FLOOD, predictor: network });
        canvas.restore(snapshots[at]);
        const outcome = await runFlood(canvas, FLOOD, margin);
        sameOutcome({ ...outcome, positions: expected.positions }, expected, 2e-4);
      });
    }
    await t.step("from a snapshot of the host", async () => {
      const saved: CanvasSnapshot[] = [];
      const host = new HostCanvas({ ...FLOOD, predictor: network });
      const stop = new AbortController();
      await rejects(
        host.segmentAll(new ListedSeeds(FLOOD.seeds, FLOOD.size, margin), {
          signal: stop.signal,
          onStep: (_, steps) => steps === 9 && stop.abort(new Error("enough")),
          checkpoint: {
            intervalMs: 0,
            save: (s) => Promise.resolve(void saved.push(structuredClone(s))),
          },
        }),
        /enough/,
      );
      const { backend, canvas } = await open();
      canvas.restore(saved[0]);
      const outcome = await runFlood(canvas, FLOOD, margin);
      sameOutcome({ ...outcome, positions: expected.positions }, expected, 2e-4);
      await backend[Symbol.asyncDispose]();
    });
  },
);

testWith("gpu", "DeviceCanvas stops when it is told to, and saves first", async () => {
  await using backend = await WebGpuBackend.open();
  const predictor = await openDeviceNetwork(MODEL, VARIABLES, backend, 1);
  const flood = await openFlood(backend, {
    predictor,
    options: OPTIONS,
    canvasSize: FLOOD.size,
    tuning: { stepsPerRound: 4 },
  });
  const canvas = new DeviceCanvas(flood, 0, FLOOD);
  const stop = new AbortController();
  let saved = 0;
  let reported = 0;
  await rejects(
    canvas.segmentAll(new ListedSeeds(FLOOD.seeds, FLOOD.size, [3, 3, 3]), {
      signal: stop.signal,
      onStep: () => stop.abort(new Error("enough")),
      checkpoint: { intervalMs: 0, save: () => Promise.resolve(void saved++) },
      progress: { report: () => reported++ },
    }),
    /enough/,
  );
  strictEqual(saved, 1);
  strictEqual(canvas.describe().steps > 0, true);
  flood.dispose();
  predictor.dispose();
});
