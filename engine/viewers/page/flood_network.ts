import type { Backend } from "../../backends/backend.ts";
import { openWasmBackend } from "../../backends/wasm/wasm_backend.ts";
import { WebGpuBackend } from "../../backends/webgpu/backend.ts";
import type { NdArray } from "../../formats/nd_array.ts";
import type { FovPredictor } from "../../inference/canvas.ts";
import type { Model } from "../../models/model.ts";
import { openNetwork, type VariableSource } from "../../models/network.ts";
import { createModel } from "../../models/registry.ts";
import type { FloodDescription } from "../view_description.ts";
import { askServer } from "./ask_server.ts";

/** A network that runs in this page. */
export interface FloodNetwork extends AsyncDisposable {
  readonly predictor: FovPredictor;
  /** Where it runs, in one line. */
  readonly description: string;
  /** What could not be had, a line each. */
  readonly notes: readonly string[];
}

/** Opens the network of a view on the browser's GPU, or on threads of the CPU; `base` is the address of the page. */
export async function openFloodNetwork(
  base: string,
  flood: FloodDescription,
): Promise<FloodNetwork> {
  const model = createModel(flood.modelName, flood.modelArgs);
  const variables = variablesOf(flood, await fetchValues(base));
  return await openPageNetwork(model, variables, flood.backend);
}

/** Opens a network on the browser's GPU, or on threads of the CPU. */
export async function openPageNetwork(
  model: Model,
  variables: VariableSource,
  wanted: FloodDescription["backend"],
): Promise<FloodNetwork> {
  const notes: string[] = [];
  const backend = await openBackend(wanted, notes);
  const network = await openNetwork(model, variables, backend, 1);
  return {
    predictor: { model, predict: (image, seed, logits) => network.predict(image, seed, logits) },
    description: backend.description,
    notes,
    async [Symbol.asyncDispose]() {
      await network[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
    },
  };
}

/** `auto` takes a GPU that is none of software, as on the command line. */
async function openBackend(wanted: FloodDescription["backend"], notes: string[]): Promise<Backend> {
  if (wanted !== "wasm") {
    const gpu = await WebGpuBackend.open().catch((error: Error) => {
      notes.push(`This browser runs no WebGPU: ${error.message}`);
      return null;
    });
    if (gpu !== null && (wanted === "webgpu" || !gpu.device.software)) return gpu;
    await gpu?.[Symbol.asyncDispose]();
  }
  if (typeof SharedArrayBuffer !== "undefined") return await openWasmBackend();
  throw new Error(
    "Cannot grow objects here: this page has no shared memory, which browsers give to https and to 127.0.0.1 only; " +
      "open it there, for example through ssh -L",
  );
}

async function fetchValues(base: string): Promise<Float32Array<ArrayBuffer>> {
  const response = await askServer(`${base}network`);
  return new Float32Array(await response.arrayBuffer());
}

/** The variables one behind the other, as a checkpoint would give them. */
function variablesOf({ variables }: FloodDescription, values: Float32Array): VariableSource {
  const arrays = new Map<string, NdArray>();
  let at = 0;
  for (const { name, shape } of variables) {
    const length = shape.reduce((a, b) => a * b, 1);
    arrays.set(name, { dtype: "float32", shape, data: values.subarray(at, at += length) });
  }
  return {
    prefix: "checkpoint of the view",
    variables: arrays,
    read: (name) => Promise.resolve(arrays.get(name)!),
  };
}
