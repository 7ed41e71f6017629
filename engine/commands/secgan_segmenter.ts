/** The frozen network of `ffn train-secgan`, from its checkpoint. */
import type { Backend } from "../backends/backend.ts";
import { FormatError } from "../errors/errors.ts";
import type { NdArray } from "../formats/nd_array.ts";
import { checkCheckpointFits } from "../models/checkpoint_fit.ts";
import { convStack3d } from "../models/convstack_3d.ts";
import type { Model } from "../models/model.ts";
import { openNetwork } from "../models/network.ts";
import type { SecganModel } from "../models/secgan/secgan.ts";
import type { SegmenterOptions } from "../models/secgan/segmenter.ts";
import { readVariables } from "../training/checkpoint_store.ts";

/** A network to be frozen. */
export interface FrozenNetwork extends Pick<SegmenterOptions, "depth" | "features"> {
  readonly model: Model;
  readonly path: string;
  readonly variables: ReadonlyMap<string, NdArray>;
}

/** @throws {FormatError | RangeError} when the checkpoint holds another network, or the field of view is too small for it. */
export async function loadFrozenNetwork(path: string, fovSize: number): Promise<FrozenNetwork> {
  const variables = await readVariables(path);
  const architecture = convStack3d.inferArchitecture(variables);
  if (!architecture) {
    throw new FormatError(
      `Cannot use "${path}" as segmenter: it must be a checkpoint of ${convStack3d.name}, the variable "seed_update/conv0_a/weights" is missing`,
      { path },
    );
  }
  const { depth } = architecture;
  const features = typeof architecture.features === "number"
    ? new Array<number>(2 * depth).fill(architecture.features)
    : architecture.features;
  const fov = [fovSize, fovSize, fovSize];
  const delta = Math.min(8, fovSize >> 1);
  const model = convStack3d.create({
    ...{ depth, features, fov_size: fov },
    deltas: [delta, delta, delta],
  });
  checkCheckpointFits(model, path, variables);
  const names = new Set(model.variables.map(({ name }) => name));
  return {
    model,
    depth,
    features,
    path,
    variables: new Map([...variables].filter(([name]) => names.has(name))),
  };
}

/** What the network says of cubes `[batch, f, f, f]` in -1 to 1, as its discriminator sees the last layer; for pictures. */
export function pictureSegmenter(
  { model, path, variables }: FrozenNetwork,
  { segmenter }: SecganModel,
  seed: Float32Array,
  backend: Backend,
): (images: Float32Array) => Promise<Float32Array> {
  const { mean, stddev } = segmenter!.imageScale ?? { mean: 127.5, stddev: 127.5 };
  return async (images) => {
    const source = {
      prefix: path,
      variables,
      read: (name: string) => Promise.resolve(variables.get(name)!),
    };
    await using network = await openNetwork(model, source, backend, 1);
    const result = new Float32Array(images.length);
    for (let at = 0; at < images.length; at += seed.length) {
      const image = images.subarray(at, at + seed.length)
        .map((v) => ((v + 1) * 127.5 - mean) / stddev);
      const logits = result.subarray(at, at + seed.length);
      await network.predict(image, seed, logits);
      logits.forEach((v, i) => logits[i] = v - seed[i] - 0.5);
    }
    return result;
  };
}
