/** The case that every engine runs: one network with seeded weights and one field of view, as an .npz. */
import { decodeNpy } from "../../engine/formats/npy.ts";
import { encodeNpz, openNpz } from "../../engine/formats/npz.ts";
import { elementCount, type NdArray } from "../../engine/formats/nd_array.ts";
import { createModel } from "../../engine/models/registry.ts";
import type { Model } from "../../engine/models/model.ts";
import type { VariableSource } from "../../engine/models/network.ts";
import { seededRandom } from "../../tests/support/random.ts";

/** Edge lengths xyz, depth and features of the network. */
export interface StackShape {
  readonly fov: readonly [x: number, y: number, z: number];
  readonly depth: number;
  readonly features: number;
}

/** The model of a stack. */
export function stackModel({ fov, depth, features }: StackShape): Model {
  return createModel("convstack_3d.ConvStack3DFFNModel", {
    depth,
    features,
    fov_size: fov,
    deltas: fov.map((n) => Math.floor(n / 4)),
  });
}

/** Names of the convolutions' variables, in order of use: weights, biases, weights, … */
function variablesInOrder(
  model: Model,
): { name: string; file: string; shape: readonly number[] }[] {
  const count = new Map<string, number>();
  return model.variables.map(({ name, shape }) => {
    const kind = name.slice(name.lastIndexOf("/") + 1);
    const k = count.get(kind) ?? 0;
    count.set(kind, k + 1);
    return { name, shape, file: `${kind}_${k}` };
  });
}

/** Numbers around 0 whose mean square is `scale`². */
function noise(shape: readonly number[], scale: number, random: () => number): NdArray {
  const data = new Float32Array(elementCount(shape)).map(() =>
    scale * Math.sqrt(12) * (random() - 0.5)
  );
  return { dtype: "float32", shape, data };
}

/** Writes the case of a stack for `batch` fields of view; `training` adds soft labels and weights of the loss. */
export async function writeCase(
  path: string,
  shape: StackShape,
  { batch = 1, training = false } = {},
): Promise<void> {
  const random = seededRandom(7);
  const size = [batch, ...[...shape.fov].reverse(), 1];
  const members = [{ name: "image", value: noise(size, 1, random) }, {
    name: "seed",
    value: noise(size, 1, random),
  }];
  for (const { file, shape: s } of variablesInOrder(stackModel(shape))) {
    // Keeps the variance of a ReLU network about constant; biases are small.
    const fanIn = s.slice(0, -1).reduce((a, b) => a * b, 1);
    const scale = s.length > 1 ? Math.sqrt(1 / fanIn) : 0.05;
    members.push({ name: file, value: noise(s, scale, random) });
  }
  if (training) {
    const [labels, weights] = [0, 1].map(() => noise(size, 1, random));
    labels.data.forEach((value, i) => labels.data[i] = Number(value) > 0 ? 0.95 : 0.05);
    weights.data.forEach((value, i) => weights.data[i] = Math.abs(Number(value)));
    members.push({ name: "labels", value: labels }, { name: "weights", value: weights });
  }
  await Deno.writeFile(path, await encodeNpz(members));
}

/** Reads a case: inputs `[batch, z, y, x, 1]` and the variables under their checkpoint names. */
export async function readCase(
  path: string,
  model: Model,
): Promise<{
  image: Float32Array;
  seed: Float32Array;
  source: VariableSource;
  floats(name: string): Promise<Float32Array>;
}> {
  const archive = await openNpz(await Deno.readFile(path), path);
  const files = new Map(variablesInOrder(model).map(({ name, file }) => [name, file]));
  const source = {
    prefix: path,
    variables: new Map(model.variables.map(({ name, shape }) => [name, { shape }])),
    read: (name: string) => archive.readArray(files.get(name)!),
  };
  const floats = async (name: string) => (await archive.readArray(name)).data as Float32Array;
  return { image: await floats("image"), seed: await floats("seed"), source, floats };
}

/** Reads logits that an engine saved, float32 or float64. */
export async function readLogits(path: string): Promise<Float32Array | Float64Array> {
  const value = decodeNpy(await Deno.readFile(path), path);
  if (value.kind !== "array") throw new TypeError(`Cannot read "${path}": it is ${value.kind}`);
  return value.array.data as Float32Array | Float64Array;
}

/** Largest difference of two logit files, relative to the largest logit. */
export async function largestDifference(a: string, b: string): Promise<number> {
  const [left, right] = await Promise.all([a, b].map(readLogits));
  let [most, largest] = [0, 0];
  left.forEach((v, i) => {
    most = Math.max(most, Math.abs(v - right[i]));
    largest = Math.max(largest, Math.abs(right[i]));
  });
  return most / largest;
}
