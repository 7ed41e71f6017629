/** A folder with everything that `ffn run-inference` needs: image, network and request. */
import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { encodeNpz } from "../../engine/formats/npz.ts";
import { type TemporaryFolder, temporaryFolder } from "./temporary_folder.ts";
import { tinyNetworkFields, writeTinyNetwork } from "./tiny_network.ts";

/** Lines of the request that tests replace. */
export interface RequestFields {
  readonly image?: string;
  readonly model?: string;
  readonly scale?: string;
  readonly seeds?: string;
  readonly options?: string;
  readonly output?: string;
  /** Anything else. */
  readonly more?: string;
}

/** Such a folder, removed when it goes out of scope. */
export interface TinyRun extends TemporaryFolder {
  /** Text of a request; without `fields` one that runs. */
  request(fields?: RequestFields): string;
}

/** Bright bars along x, with dark gaps between them, 0 to 255. */
export function barsAlongX(size: Zyx): Uint8Array {
  const [, height, width] = size;
  return Uint8Array.from({ length: volumeOf(size) }, (_, i) => {
    const y = Math.floor(i / width) % height, z = Math.floor(i / (width * height));
    return z % 12 < 8 && y % 12 < 8 ? 160 + i % 16 : 96;
  });
}

/** Writes image and network into a new folder. */
export async function tinyRun(size: Zyx = [24, 24, 32]): Promise<TinyRun> {
  const folder = await temporaryFolder();
  const image = { dtype: "uint8", shape: size, data: barsAlongX(size) } as const;
  await Deno.writeFile(folder.of("em.npz"), await encodeNpz([{ name: "raw", value: image }]));
  await writeTinyNetwork(folder.of("network", "model.ckpt-1"));
  const defaults: Required<RequestFields> = {
    image: `image { hdf5: ${JSON.stringify(`${folder.of("em.npz")}:raw`)} }`,
    model: tinyNetworkFields(folder.of("network", "model.ckpt-1")),
    scale: "image_mean: 128 image_stddev: 32",
    seeds: `seed_policy: "PolicyGrid3d" seed_policy_args: "{\\"step\\": 4, \\"offsets\\": [0, 2]}"`,
    options: `inference_options { init_activation: 0.95 pad_value: 0.05 move_threshold: 0.9
      segment_threshold: 0.6 min_segment_size: 10 min_boundary_dist { x: 1 y: 1 z: 1 } }`,
    output: `segmentation_output_dir: ${JSON.stringify(folder.of("results"))}`,
    more: "",
  };
  return {
    ...folder,
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    request: (fields = {}) => Object.values({ ...defaults, ...fields }).join("\n"),
  };
}
