/** The end-to-end set-up of `spec/inference.md` V12: a volume file, a request text and the stand-in network. */
import { join } from "node:path";
import { encodeNpz } from "../../engine/formats/npz.ts";
import { parseInferenceRequest } from "../../engine/formats/protobuf/requests.ts";
import { type InferenceRequest, resolveRequest } from "../../engine/inference/request.ts";
import { BARS_SIZE, barsRaw } from "./bars_volume.ts";

/** Box of the vector: corner zyx (1, 0, 2), size (18, 20, 20). */
export const BARS_BOX = { start: [1, 0, 2], size: [18, 20, 20] } as const;

/** Writes the raw volume into `dir`; returns what a request calls it. */
export async function writeBarsVolume(dir: string): Promise<string> {
  const path = join(dir, "bars.npz");
  const raw = { dtype: "uint8", shape: BARS_SIZE, data: barsRaw() } as const;
  await Deno.writeFile(path, await encodeNpz([{ name: "raw", value: raw }]));
  return `${path}:raw`;
}

/** The request, with results in `dir/results` unless `more` says otherwise; `more` is further text. */
export function barsRequest(dir: string, image: string, more: string): InferenceRequest {
  const text = `
    image { hdf5: ${JSON.stringify(image)} }
    image_mean: 128
    image_stddev: 32
    model_name: "convstack_3d.ConvStack3DFFNModel"
    model_args: "{\\"depth\\": 2, \\"fov_size\\": [5, 5, 5], \\"deltas\\": [2, 2, 2]}"
    model_checkpoint_path: "none"
    inference_options {
      init_activation: 0.95
      pad_value: 0.05
      move_threshold: 0.9
      segment_threshold: 0.6
      min_segment_size: 10
      min_boundary_dist { x: 1 y: 1 z: 1 }
    }
    ${/segmentation_output_dir/.test(more) ? "" : outputDir(join(dir, "results"))}
    ${/seed_policy:/.test(more) ? "" : GRID}
    ${more}`;
  return resolveRequest(parseInferenceRequest(text));
}

/** Field that sends results to a folder. */
export function outputDir(path: string): string {
  return `segmentation_output_dir: ${JSON.stringify(path)}`;
}

const GRID =
  `seed_policy: "PolicyGrid3d" seed_policy_args: "{\\"step\\": 4, \\"offsets\\": [2, 0, 1]}"`;
