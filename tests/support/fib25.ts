/** The published FIB-25 network and data, from the shared folder. */
import type { Box } from "../../engine/geometry/box.ts";
import { type NpzArchive, openNpz } from "../../engine/formats/npz.ts";
import type { CanvasOptions } from "../../engine/inference/canvas_options.ts";
import { loadNetwork } from "../../engine/models/load_network.ts";
import type { Network } from "../../engine/models/network.ts";
import type { openKernelProcess } from "../../engine/backends/kernel_process/kernel_process.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { open } from "../../engine/volumes/open.ts";
import { FIB25 } from "./resources.ts";

/** Options of every recorded run (`data/README.md`). */
export const FIB25_OPTIONS: CanvasOptions = {
  initActivation: 0.95,
  padValue: 0.05,
  moveThreshold: 0.9,
  segmentThreshold: 0.6,
  minSegmentSize: 1000,
  minBoundaryDist: [1, 1, 1],
};

/** Raw bytes `[z, y, x]` of a box of training_sample2. */
export async function readFib25(box: Box): Promise<Uint8Array> {
  await using volume = await open(`${FIB25}/training_sample2/grayscale_maps.h5:raw`);
  return await volume.read(box) as Uint8Array;
}

/** The image as the network sees it: mean 128, standard deviation 33. */
export function normaliseFib25(raw: Uint8Array): Float32Array {
  return Float32Array.from(raw, (v) => (v - 128) / 33);
}

/**
 * The published network in wasm: in this process, or where commands run it (`openKernelProcess`), in about half the time.
 * Disposing it ends the backend's threads.
 */
export async function openFib25Network(
  threads?: number,
  openBackend: typeof openWasmBackend | typeof openKernelProcess = openWasmBackend,
): Promise<Network> {
  const backend = await openBackend({ threads });
  const network = await loadNetwork({
    modelName: "convstack_3d.ConvStack3DFFNModel",
    modelArgs: { depth: 12, fov_size: [33, 33, 33], deltas: [8, 8, 8] },
    checkpointPrefix: `${FIB25}/model/model.ckpt-27465036`,
    backend,
    batchSize: 1,
  });
  return {
    model: network.model,
    batchSize: network.batchSize,
    predict: (image, seed, logits) => network.predict(image, seed, logits),
    async [Symbol.asyncDispose]() {
      await network[Symbol.asyncDispose]();
      await backend[Symbol.asyncDispose]();
    },
  };
}

/** An archive of recorded results. */
export async function openRecorded(name: string): Promise<NpzArchive> {
  const path = `${FIB25}/${name}`;
  return await openNpz(await Deno.readFile(path), path);
}
