/** A network small enough for tests of whole runs, whose weights are set by hand: bright voxels belong to objects. */
import { elementCount, zeros } from "../../engine/formats/nd_array.ts";
import { createModel } from "../../engine/models/registry.ts";
import { writeCheckpoint } from "../../engine/volumes/checkpoint_file.ts";

const MODEL_NAME = "convstack_3d.ConvStack3DFFNModel";
const MODEL_ARGS = { depth: 2, features: 2, fov_size: [5, 5, 5], deltas: [2, 2, 2] };

/** Lines of a request that name the network; `args` change its arguments. */
export function tinyNetworkFields(prefix: string, args: Record<string, unknown> = {}): string {
  const json = JSON.stringify(JSON.stringify({ ...MODEL_ARGS, ...args }));
  return `model_name: "${MODEL_NAME}" model_args: ${json}
    model_checkpoint_path: ${JSON.stringify(prefix)}`;
}

/**
 * Writes its checkpoint. Every field of view adds 12·max(image, 0) - 5 to the logits, the image being normalised: the
 * first convolution takes the image, the others pass it on (the second module by its skip).
 */
export async function writeTinyNetwork(prefix: string): Promise<void> {
  const { variables } = createModel(MODEL_NAME, MODEL_ARGS);
  const tensors = new Map(variables.map(({ name, shape }) => [name, zeros("float32", shape)]));
  const set = (name: string, kind: string, value: number) => {
    const { data, shape } = tensors.get(`seed_update/${name}/${kind}`)!;
    // First input channel to first output channel of the central voxel.
    const centre = Math.floor(elementCount(shape.slice(0, 3)) / 2);
    data[kind === "biases" ? 0 : centre * elementCount(shape.slice(3))] = value;
  };
  set("conv0_a", "weights", 1);
  set("conv0_b", "weights", 1);
  set("conv_lom", "weights", 12);
  set("conv_lom", "biases", -5);
  await writeCheckpoint(prefix, tensors);
}
