/** Training steps against runs recorded with TensorFlow (golden/train_small.npz). */
import { ok, strictEqual } from "node:assert/strict";
import type { Backend } from "../../engine/backends/backend.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import type { ChooseVariant } from "../../engine/backends/webgpu/program.ts";
import type { NdArray } from "../../engine/formats/nd_array.ts";
import type { NpzArchive } from "../../engine/formats/npz.ts";
import type { Model } from "../../engine/models/model.ts";
import {
  DEFAULT_OPTIMIZER,
  type OptimizerOptions,
  scheduledRate,
} from "../../engine/training/optimizer.ts";
import { type Batch, TrainingStep } from "../../engine/training/training_step.ts";
import { gradientGraph, gradientName } from "../../engine/training/training_graphs.ts";
import { openRecorded } from "../support/fib25.ts";
import { testWith } from "../support/resources.ts";
import { smallModel } from "../support/small_networks.ts";

/** Winograd's form of every convolution that has one. */
const winograd: ChooseVariant = (_, supported) =>
  Promise.resolve(supported.find(({ name }) => name === "nested") ?? supported[0]);

interface Place {
  readonly needs: ("shared" | "gpu")[];
  open(): Promise<Backend>;
}

const WASM: Place = { needs: ["shared"], open: () => openWasmBackend({ threads: 2 }) };
const WEBGPU: Place = { needs: ["shared", "gpu"], open: () => WebGpuBackend.open() };

const PLACES: Readonly<Record<string, Place>> = {
  "the wasm backend": WASM,
  "the webgpu backend": WEBGPU,
  "the webgpu backend by Winograd's identity": {
    ...WEBGPU,
    open: () => WebGpuBackend.open({ choose: () => winograd }),
  },
};

const ARRAYS = ["image", "seed", "labels", "weights"] as const;

const OPTIMIZERS: Partial<OptimizerOptions>[] = [
  { name: "sgd", learningRate: 0.005 },
  { name: "momentum", learningRate: 0.002, momentum: 0.9 },
  { name: "adagrad", learningRate: 0.01 },
  { name: "adam", learningRate: 0.001 },
  { name: "rmsprop", learningRate: 0.0005, momentum: 0.9 },
];

interface Recorded {
  readonly archive: NpzArchive;
  readonly model: Model;
  readonly batch: Batch;
  readonly variables: Map<string, NdArray>;
}

async function openTrainSmall(): Promise<Recorded> {
  const archive = await openRecorded("golden/train_small.npz");
  const model = smallModel([17, 17, 17], [4, 4, 4], 3, 8);
  const read = async (name: string) => await archive.readArray(name);
  const arrays = await Promise.all(ARRAYS.map(async (name) => [name, (await read(name)).data]));
  const variables = new Map<string, NdArray>();
  for (const { name } of model.variables) variables.set(name, await read(`init/${name}`));
  return { archive, model, batch: Object.fromEntries(arrays), variables };
}

/** |a - b| / |b| in the Euclidean norm. */
function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = 0, norm = 0;
  for (let i = 0; i < b.length; i++) {
    difference += (a[i] - b[i]) ** 2;
    norm += b[i] ** 2;
  }
  return a.length === b.length ? Math.sqrt(difference / norm) : Infinity;
}

/** Runs the graph of loss and gradients once. */
async function gradientsOf({ model, batch, variables }: Recorded, backend: Backend) {
  const graph = gradientGraph(model, 2, true);
  const program = await backend.compile(graph);
  const values = [...graph.inputs, ...graph.parameters, ...graph.outputs];
  const tensors = Object.fromEntries(
    values.map(([name, { shape }]) => [name, backend.allocate(shape, "float32", name)]),
  );
  for (const name of ARRAYS) backend.write(tensors[name], batch[name]);
  for (const [name, { data }] of variables) backend.write(tensors[name], data);
  backend.run(program, tensors);
  return (name: string) => backend.read<Float32Array>(tensors[name]);
}

for (const [place, { needs, open }] of Object.entries(PLACES)) {
  testWith(needs, `loss, logits and every gradient equal TensorFlow's on ${place}`, async () => {
    const recorded = await openTrainSmall();
    await using backend = await open();
    const read = await gradientsOf(recorded, backend);
    const { archive, model } = recorded;
    const expected = async (name: string) => (await archive.readArray(name)).data as Float32Array;
    ok(Math.abs((await read("loss"))[0] - (await expected("loss"))[0]) < 1e-5);
    ok(relativeError(await read("logits"), await expected("logits")) < 1e-5);
    for (const { name } of model.variables) {
      const error = relativeError(await read(gradientName(name)), await expected(`grad/${name}`));
      ok(error < 1e-4, `${name}: ${error}`);
    }
    for (const name of ["seed", "image"]) {
      const error = relativeError(await read(gradientName(name)), await expected(`grad_${name}`));
      ok(error < 1e-4, `${name}: ${error}`);
    }
  });
}

for (const options of OPTIMIZERS) {
  for (const [place, { needs, open }] of [["wasm", WASM], ["webgpu", WEBGPU]] as const) {
    const name = `eight steps of ${options.name} equal TensorFlow's on the ${place} backend`;
    testWith(needs, name, async () => {
      const { archive, model, batch, variables } = await openTrainSmall();
      await using backend = await open();
      const optimizer = { ...DEFAULT_OPTIMIZER, ...options };
      await using training = await TrainingStep.open(model, 2, optimizer, variables, backend);
      const losses = (await archive.readArray(`${options.name}/losses`)).data;
      for (const [i, expected] of losses.entries()) {
        const { loss } = await training.step(batch);
        ok(
          Math.abs(loss - Number(expected)) < 1e-3 * Number(expected),
          `step ${i}: ${loss}, ${expected}`,
        );
      }
      strictEqual(training.globalStep, 8);
      const final = await training.variables();
      for (const { name } of model.variables) {
        const expected = (await archive.readArray(`${options.name}/final/${name}`)).data;
        const actual = final.get(name)!.data as Float32Array;
        const error = relativeError(actual, expected as Float32Array);
        ok(error < 1e-3, `${name}: ${error}`);
      }
    });
  }
}

Deno.test("scheduledRate() follows vector O2", () => {
  const options = { ...DEFAULT_OPTIMIZER, decayFactor: 0.94, decaySteps: 1000 };
  const rates = [0, 999, 1000, 2500].map((step) => scheduledRate(options, step).toFixed(7));
  strictEqual(rates.join(), "0.0010000,0.0010000,0.0009400,0.0008836");
  strictEqual(scheduledRate(DEFAULT_OPTIMIZER, 1e6), 0.001);
});
