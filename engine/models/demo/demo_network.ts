/**
 * The small network that `ffn demo` runs, and how it wants to be run. `tests/acceptance/train_demo_network.ts` trained
 * it with `ffn train` on synthetic tissue of other seeds than the demo's; its head holds the command line.
 */
import { join } from "node:path";
import type {
  InferenceOptionsMessage,
  InferenceRequestMessage,
} from "../../formats/protobuf/inference.ts";
import { writeFileAtomically } from "../../volumes/atomic_file.ts";

const CHECKPOINT = "model.ckpt";
const FILES = [`${CHECKPOINT}.index`, `${CHECKPOINT}.data-00000-of-00001`];

/** Voxels from the centre of the field of view to its faces. */
export const DEMO_FOV_RADIUS = 8;

const OPTIONS: InferenceOptionsMessage = {
  initActivation: 0.95,
  padValue: 0.05,
  moveThreshold: 0.9,
  segmentThreshold: 0.6,
  minSegmentSize: 400,
  // The freeze keeps what looked like background from the rim of one field of view when the next one sees better.
  discoSeedThreshold: -1,
};

/** The part of a request that goes with the network; grey values are those of synthetic tissue. */
export const DEMO_REQUEST: InferenceRequestMessage = {
  imageMean: 130,
  imageStddev: 37,
  modelName: "convstack_3d.ConvStack3DFFNModel",
  modelArgs: JSON.stringify({
    depth: 4,
    features: 16,
    fov_size: [17, 17, 17],
    deltas: [6, 6, 6],
  }),
  seedPolicy: "PolicyPeaks",
  inferenceOptions: OPTIONS,
};

/**
 * Writes the network's checkpoint into a folder.
 *
 * @returns Its prefix, for `model_checkpoint_path`.
 */
export async function copyDemoCheckpoint(folder: string): Promise<string> {
  for (const file of FILES) {
    // `fetch` also reaches the file where the engine itself is imported from a registry.
    const response = await fetch(new URL(`./${file}`, import.meta.url));
    await writeFileAtomically(join(folder, file), await response.bytes());
  }
  return join(folder, CHECKPOINT);
}
