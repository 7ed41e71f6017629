import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { openWasmBackend } from "../../../engine/backends/wasm/wasm_backend.ts";
import { openNetwork } from "../../../engine/models/network.ts";
import { WebGpuBackend } from "../../../engine/backends/webgpu/backend.ts";
import { volumeOf, type Zyx } from "../../../engine/geometry/vectors.ts";
import type { CanvasInput } from "../../../engine/inference/canvas_input.ts";
import { DeviceCanvas } from "../../../engine/inference/device/device_canvas.ts";
import { DeviceCanvases } from "../../../engine/inference/device/device_canvases.ts";
import { reasonForHost } from "../../../engine/inference/device/open_flood.ts";
import { openDeviceNetwork } from "../../../engine/inference/device/device_predictor.ts";
import { HostCanvas } from "../../../engine/inference/host_canvas.ts";
import { h16 } from "../../support/array_hash.ts";
import { BARS_SIZE, barsImage, ListedSeeds, StandInNetwork } from "../../support/bars_volume.ts";
import { openDeviceStandIn } from "../../support/device_stand_in.ts";
import { randomVariables, smallModel } from "../../support/small_networks.ts";
import { testWith } from "../../support/resources.ts";

const MARGIN: Zyx = [2, 2, 2];

function inputOf(changes: Partial<CanvasInput> = {}): CanvasInput {
  return {
    image: barsImage(),
    size: BARS_SIZE,
    predictor: new StandInNetwork(),
    options: {
      initActivation: 0.95,
      padValue: 0.05,
      moveThreshold: 0.9,
      segmentThreshold: 0.6,
      minSegmentSize: 10,
      minBoundaryDist: [1, 1, 1],
    },
    ...changes,
  };
}

/** Canvases with the stand-in network; what they say goes into `lines`. */
function canvasesOn(backend: WebGpuBackend, batchSize: number, lines: string[] = []) {
  return new DeviceCanvases({
    backend,
    model: new StandInNetwork().model,
    batchSize,
    openPredictor: (batchSize) =>
      openDeviceStandIn(backend, [5, 5, 5], [2, 2, 2], [5, 5, 5], { batchSize }),
    print: (line) => void lines.push(line),
  });
}

testWith("gpu", "DeviceCanvases lets more canvases than slots take turns", async () => {
  await using backend = await WebGpuBackend.open();
  using canvases = canvasesOn(backend, 2);
  let active = 0;
  let most = 0;
  const hashes = await Promise.all(Array.from({ length: 5 }, async () => {
    const canvas = await canvases.create(inputOf());
    strictEqual(canvas instanceof DeviceCanvas, true);
    most = Math.max(most, ++active);
    await canvas.segmentAll(new ListedSeeds([[6, 6, 6]], BARS_SIZE, MARGIN));
    const { segmentation } = await canvas.result();
    active--;
    canvas[Symbol.dispose]?.();
    return await h16(segmentation);
  }));
  deepStrictEqual(hashes, Array(5).fill("8f95879775fd1907"));
  strictEqual(most, 2);
});

/** A device that binds at most 128 MiB, as browsers and the software adapter do. */
const SMALL_BINDINGS = { limits: { maxStorageBufferBindingSize: 2 ** 27 } };

testWith("gpu", "DeviceCanvases takes the host for what a device cannot do", async () => {
  await using backend = await WebGpuBackend.open(SMALL_BINDINGS);
  const lines: string[] = [];
  using canvases = canvasesOn(backend, 1, lines);
  for (let i = 0; i < 2; i++) {
    const canvas = await canvases.create(inputOf({ halt: () => false }));
    strictEqual(canvas instanceof HostCanvas, true);
  }
  deepStrictEqual(lines, ["flooding on the host: a halting rule looks at every prediction"]);
});

testWith("gpu", "DeviceCanvases does what HostCanvas does on V11 g and h", async (t) => {
  await using backend = await WebGpuBackend.open();
  const consistent = { ...inputOf().options, consistencyThreshold: 0.02 };
  const cases: [string, Partial<CanvasInput>, steps: number, hash: string][] = [
    ["g: repeated predictions", { options: consistent }, 47, "8f95879775fd1907"],
    ["h: halting", { halt: ({ position }) => `${position}` === "8,8,5" }, 2, ""],
  ];
  for (const [name, changes, steps, hash] of cases) {
    await t.step(name, async () => {
      using canvases = canvasesOn(backend, 1);
      const canvas = await canvases.create(inputOf(changes));
      await canvas.segmentAll(new ListedSeeds([[6, 6, 6]], BARS_SIZE, MARGIN));
      strictEqual(canvas.counters.get("update_at-calls"), steps);
      if (hash) strictEqual(await h16((await canvas.result()).segmentation), hash);
    });
  }
});

testWith("gpu", "DeviceCanvases floods on a device with the limits of a browser", async () => {
  // Every limit at its default, no f16: 256 invocations per workgroup, 8 storage buffers, 16 KiB of workgroup memory.
  const limits = {
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupSizeX: 256,
    maxComputeWorkgroupStorageSize: 16384,
    maxStorageBuffersPerShaderStage: 8,
    maxStorageBufferBindingSize: 2 ** 27,
    maxBufferSize: 2 ** 28,
  };
  await using backend = await WebGpuBackend.open({ features: [], limits });
  deepStrictEqual(
    Object.keys(limits).map((name) => backend.device.limits[name as keyof typeof limits]),
    Object.values(limits),
  );
  const model = smallModel([7, 7, 7], [2, 2, 2]);
  const variables = randomVariables(model, 13);
  await using cpu = await openWasmBackend({ threads: 1 });
  await using network = await openNetwork(model, variables, cpu, 1);
  const input = inputOf({ predictor: network });
  const positions: Zyx[][] = [[], []];
  using canvases = new DeviceCanvases({
    backend,
    model,
    batchSize: 2,
    openPredictor: (batchSize) => openDeviceNetwork(model, variables, backend, batchSize),
  });
  const canvas = await canvases.create(input);
  strictEqual(canvas instanceof DeviceCanvas, true);
  for (const [i, each] of [canvas, new HostCanvas(input)].entries()) {
    await each.segmentAll(new ListedSeeds([[6, 6, 6], [9, 9, 12]], BARS_SIZE, [3, 3, 3]), {
      onStep: (position) => void positions[i].push(position),
    });
  }
  deepStrictEqual(positions[0], positions[1]);
  ok(positions[0].length > 1, `${positions[0].length} positions`);
});

testWith("gpu", "reasonForHost() names a canvas that four bindings do not hold", async () => {
  await using backend = await WebGpuBackend.open(SMALL_BINDINGS);
  const { options, predictor: { model } } = inputOf();
  strictEqual(reasonForHost(backend, model, options, [512, 512, 512]), null);
  match(
    reasonForHost(backend, model, options, [513, 512, 512])!,
    /a canvas of 537919488 bytes is over what bindings of 134217728 bytes hold/,
  );
});

testWith("gpu", "a canvas over the 128 MiB binding limit works", async () => {
  await using backend = await WebGpuBackend.open(SMALL_BINDINGS);
  const lines: string[] = [];
  using canvases = canvasesOn(backend, 1, lines);
  // The second slab begins at z = 32; the object reaches across it.
  const size: Zyx = [36, 1000, 1024];
  const image = new Float32Array(volumeOf(size)).fill(-1);
  for (let z = 20; z < 36; z++) {
    for (let y = 500; y < 512; y++) {
      image.fill(1, (z * 1000 + y) * 1024, (z * 1000 + y) * 1024 + 30);
    }
  }
  const input = inputOf({ image, size });
  const canvas = await canvases.create(input);
  strictEqual(canvas instanceof DeviceCanvas, true);
  const seeds: Zyx[] = [[24, 506, 8], [31, 506, 20]];
  const positions: Zyx[][] = [[], []];
  const expected = new HostCanvas(input);
  for (const [i, each] of [canvas, expected].entries()) {
    await each.segmentAll(new ListedSeeds(seeds, size, MARGIN), {
      onStep: (position) => void positions[i].push(position),
    });
  }
  deepStrictEqual(positions[0], positions[1]);
  ok(positions[0].some(([z]) => z === 33), "no field of view in both slabs");
  const [actual, wanted] = [await canvas.result(), await expected.result()];
  for (const name of ["segmentation", "segProb"] as const) {
    strictEqual(actual[name].findIndex((v, i) => v !== wanted[name][i]), -1, name);
  }
  strictEqual(wanted.segmentation.includes(1), true);
  deepStrictEqual(lines, [
    "a canvas of 147456000 bytes lies in 2 slabs on the GPU: one binding spans 134217728 bytes",
  ]);
});

testWith(
  "gpu",
  "DeviceCanvases floods fewer canvases at once where bindings are small",
  async () => {
    await using backend = await WebGpuBackend.open(SMALL_BINDINGS);
    const lines: string[] = [];
    using canvases = canvasesOn(backend, 4, lines);
    const size: Zyx = [20, 1024, 1024];
    const large = await canvases.create(inputOf({ image: new Float32Array(volumeOf(size)), size }));
    strictEqual(large instanceof DeviceCanvas, true);
    large[Symbol.dispose]?.();
    // A smaller canvas takes the slot of the larger one.
    const canvas = await canvases.create(inputOf());
    await canvas.segmentAll(new ListedSeeds([[6, 6, 6]], BARS_SIZE, MARGIN));
    strictEqual(await h16((await canvas.result()).segmentation), "8f95879775fd1907");
    deepStrictEqual(lines, ["flooding 1 of 4 canvases at once: more do not fit one binding"]);
  },
);
