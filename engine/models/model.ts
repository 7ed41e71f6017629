/**
 * A model: sizes, variables and a function that appends its calls to a graph. Inside the engine sizes are zyx; the
 * constructor arguments of a request (`model_args`) are xyz, as everywhere in requests.
 */
import type { Zyx } from "../geometry/vectors.ts";
import type { Graph } from "../ops/graph.ts";
import type { Shape } from "../ops/op.ts";

/** A trainable array of a model under its checkpoint name. */
export interface Variable {
  /** As the checkpoint calls it. */
  readonly name: string;
  /** Extent per axis. */
  readonly shape: Shape;
}

/** What the names and shapes of variables tell about a network, and what the arguments of a model ask for. */
export interface Architecture {
  /** Number of residual modules, counted the way the model's `depth` argument counts them. */
  readonly depth: number;
  /** Output channels of each convolution in order of use, or one number where all have the same. */
  readonly features: number | readonly number[];
  /** Whether every module starts with a layer normalisation; absent in classes that have none. */
  readonly layerNorm?: boolean;
}

/** A checkpoint that holds some of a model's variables. */
export interface OtherCheckpoint {
  /** Prefix or folder. */
  readonly path: string;
  /** Name there of a variable of the model; null for those that stand elsewhere. */
  nameThere(variable: string): string | null;
}

/** A network with fixed sizes; `build` gives its graph for a number of fields of view at once. */
export interface Model {
  /** Name of its class, as in a request. */
  readonly name: string;
  /** Distance of the next fields of view per axis; 0 does not move along it. */
  readonly deltas: Zyx;
  /** Field of view: the three sizes below default to it. */
  readonly fovSize: Zyx;
  /** Of the image it sees. */
  readonly imageSize: Zyx;
  /** Of the object map it sees. */
  readonly seedSize: Zyx;
  /** Of the object map it gives back. */
  readonly predSize: Zyx;
  /** What its variables look like. */
  readonly architecture: Architecture;
  /** Every variable that inference needs, in order of use. */
  readonly variables: readonly Variable[];
  /** Where some of them come from, instead of from the checkpoint of a request. */
  readonly otherCheckpoints?: readonly OtherCheckpoint[];
  /**
   * The graph for `batch` fields of view: inputs "image" and "seed", output "logits" (seed plus update), all
   * `[batch, z, y, x, 1]`; parameters have their checkpoint names.
   */
  build(batch: number): Graph;
}

/** Constructor arguments as they stand in a request: JSON values. */
export type ModelArgs = Readonly<Record<string, unknown>>;

/** Names and shapes of the arrays in a checkpoint. */
export type VariableShapes = ReadonlyMap<string, { readonly shape: Shape }>;

/** A kind of model that a request can name. */
export interface ModelClass {
  /** `module.Class`. */
  readonly name: string;
  /** @throws {RangeError | TypeError} naming the argument, its value and what is allowed. */
  create(args: ModelArgs): Model;
  /** The architecture of a checkpoint's variables, or null where they are of another class. */
  inferArchitecture(variables: VariableShapes): Architecture | null;
}

/** `depth 12, features 32`, for messages. */
export function describeArchitecture({ depth, features, layerNorm }: Architecture): string {
  const channels = typeof features === "number" ? features : `[${features.join(", ")}]`;
  const norm = layerNorm === undefined ? "" : `, use_layernorm ${layerNorm}`;
  return `depth ${depth}, features ${channels}${norm}`;
}

/** One number where all entries are equal. */
export function compactFeatures(list: readonly number[]): number | readonly number[] {
  return list.every((n) => n === list[0]) ? list[0] : list;
}
