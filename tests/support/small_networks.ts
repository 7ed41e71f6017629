import { elementCount, type NdArray } from "../../engine/formats/nd_array.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import type { Model } from "../../engine/models/model.ts";
import type { VariableSource } from "../../engine/models/network.ts";
import { createModel } from "../../engine/models/registry.ts";
import { seededRandom } from "./random.ts";

/** A conv stack of a few features, by zyx sizes. */
export function smallModel(fovSize: Zyx, deltas: Zyx, depth = 2, features = 8): Model {
  return createModel("convstack_3d.ConvStack3DFFNModel", {
    fov_size: fovSize.toReversed(),
    deltas: deltas.toReversed(),
    depth,
    features,
  });
}

/**
 * Random variables for a model, uniform within ±1.5 / sqrt(fan in). `gain` scales those of the last layer: large enough
 * values make the network change its mind about voxels.
 */
export function randomVariables(model: Model, seed: number, gain = 1): VariableSource {
  const random = seededRandom(seed);
  const arrays = new Map<string, NdArray<Float32Array>>();
  for (const { name, shape } of model.variables) {
    const fanIn = shape.length === 5 ? elementCount(shape.slice(0, 4)) : 8;
    const last = shape.at(-1) === 1 ? gain : 1;
    const limit = last * 1.5 / Math.sqrt(fanIn);
    const data = Float32Array.from(
      { length: elementCount(shape) },
      () => (2 * random() - 1) * limit,
    );
    arrays.set(name, { dtype: "float32", shape, data });
  }
  return {
    prefix: "random",
    variables: arrays,
    read: (name) => Promise.resolve(arrays.get(name)!),
  };
}

/** Random numbers in [-1, 1). */
export function randomFloats(count: number, seed: number): Float32Array<ArrayBuffer> {
  const random = seededRandom(seed);
  return Float32Array.from({ length: count }, () => 2 * random() - 1);
}
