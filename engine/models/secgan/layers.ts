/** Layers of the networks of SECGAN, whose variables have the names of the reference's layer library. */
import { appendAffine } from "../../ops/affine.ts";
import { appendBatchNorm } from "../../ops/batch_norm.ts";
import { appendAdd } from "../../ops/binary.ts";
import { appendConcatChannels } from "../../ops/concat_channels.ts";
import { appendConv3d } from "../../ops/conv3d.ts";
import { appendCrop } from "../../ops/crop.ts";
import { appendDense } from "../../ops/dense.ts";
import { appendDropout } from "../../ops/dropout.ts";
import { appendInstanceNorm } from "../../ops/instance_norm.ts";
import type { Attributes, GraphWriter, Op, Shape, Value } from "../../ops/op.ts";
import { appendMaxPool } from "../../ops/pool3d.ts";
import type { Segment } from "../../ops/recomputation.ts";
import { appendSpatialMean } from "../../ops/spatial_mean.ts";
import { appendLeakyRelu, appendRelu, appendTanh } from "../../ops/unary.ts";
import type { Variable } from "../model.ts";

/** Normalisations that follow a convolution. */
export type NormName = "none" | "instance" | "batch";

/** A variable of a network; those with `trained` false keep their initial values. */
export interface NetworkVariable extends Variable {
  readonly trained: boolean;
}

/** What the networks of one graph share: parameters, of which each is declared once, and places of dropout. */
export class NetworkGraph implements GraphWriter {
  readonly #graph: GraphWriter;
  readonly #parameters = new Map<string, Value>();
  readonly #segments: Set<number>[] = [];
  readonly #cheapSegments: Set<number>[] = [];
  readonly #variables: NetworkVariable[] = [];
  #open: Set<number> | null = null;
  #dropouts = 0;
  #dropoutSeed: Value | null = null;

  constructor(graph: GraphWriter) {
    this.#graph = graph;
  }

  /** Every variable, in order of first use. */
  get variables(): readonly NetworkVariable[] {
    return this.#variables;
  }

  /** What `block` was called for. */
  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /** Those that cost next to nothing to compute again. */
  get cheapSegments(): readonly Segment[] {
    return this.#cheapSegments;
  }

  /** Appends calls that may be computed again for the gradients. */
  block(append: () => Value, isCheap = false): Value {
    this.#segments.push(this.#open = new Set());
    if (isCheap) this.#cheapSegments.push(this.#open);
    const value = append();
    this.#open = null;
    return value;
  }

  input(name: string, shape: Shape): Value {
    return this.#graph.input(name, shape);
  }

  parameter(name: string, shape: Shape): Value {
    let value = this.#parameters.get(name);
    if (!value) {
      this.#parameters.set(name, value = this.#graph.parameter(name, shape));
      this.#variables.push({ name, shape, trained: true });
    }
    return value;
  }

  /** A variable that checkpoints hold and no call reads. */
  untrained(name: string, shape: Shape): void {
    if (this.#variables.some((variable) => variable.name === name)) return;
    this.#variables.push({ name, shape, trained: false });
  }

  call(op: Op, inputs: readonly Value[], attributes?: Attributes): Value[] {
    const outputs = this.#graph.call(op, inputs, attributes);
    for (const { id } of outputs) this.#open?.add(id);
    return outputs;
  }

  output(name: string, value: Value): void {
    this.#graph.output(name, value);
  }

  /** Seed `[1]` of all dropouts, and a number that no other has. */
  nextDropout(): { seed: Value; stream: number } {
    const seed = this.#dropoutSeed ??= this.#graph.input("dropout_seed", [1]);
    return { seed, stream: this.#dropouts++ };
  }
}

/** A convolution with cubic kernel. */
export interface ConvOptions {
  readonly kernel: number;
  /** Of the output. */
  readonly channels: number;
  readonly stride?: number;
  readonly padding: "same" | "valid";
}

/** Appends layers under a prefix of names. Activations are `[batch, z, y, x, channel]`. */
export class LayerScope {
  readonly #graph: NetworkGraph;
  readonly #scope: string;

  constructor(graph: NetworkGraph, scope: string) {
    this.#graph = graph;
    this.#scope = scope;
  }

  /** The same graph, one name further down. */
  in(name: string): LayerScope {
    return new LayerScope(this.#graph, `${this.#scope}/${name}`);
  }

  block(append: () => Value, isCheap = false): Value {
    return this.#graph.block(append, isCheap);
  }

  conv(name: string, x: Value, { kernel, channels, stride = 1, padding }: ConvOptions): Value {
    const shape = [kernel, kernel, kernel, x.shape[4], channels];
    const weights = this.#variable(`${name}/weights`, shape);
    const biases = this.#variable(`${name}/biases`, [channels]);
    const isPlain = stride === 1 && padding === "same";
    const attributes: Attributes = isPlain ? {} : { stride, padding };
    return appendConv3d(this.#graph, x, weights, biases, attributes);
  }

  norm(name: string, x: Value, kind: NormName): Value {
    if (kind === "none") return x;
    const shape = [x.shape[4]];
    const beta = this.#variable(`${name}/beta`, shape);
    if (kind === "instance") {
      return appendInstanceNorm(this.#graph, x, this.#variable(`${name}/gamma`, shape), beta);
    }
    // The reference declares them, saves them and never updates them.
    for (const leaf of ["moving_mean", "moving_variance"]) {
      this.#graph.untrained(`${this.#scope}/${name}/${leaf}`, shape);
    }
    return appendBatchNorm(this.#graph, x, beta);
  }

  /** x `[batch, in]` to `[batch, channels]`. */
  dense(name: string, x: Value, channels: number): Value {
    const weights = this.#variable(`${name}/weights`, [x.shape[1], channels]);
    return appendDense(this.#graph, x, weights, this.#variable(`${name}/biases`, [channels]));
  }

  dropout(x: Value): Value {
    const { seed, stream } = this.#graph.nextDropout();
    return appendDropout(this.#graph, x, seed, stream);
  }

  relu(x: Value): Value {
    return appendRelu(this.#graph, x);
  }

  leakyRelu(x: Value): Value {
    return appendLeakyRelu(this.#graph, x);
  }

  tanh(x: Value): Value {
    return appendTanh(this.#graph, x);
  }

  add(a: Value, b: Value): Value {
    return appendAdd(this.#graph, a, b);
  }

  crop(x: Value, margin: number): Value {
    return appendCrop(this.#graph, x, margin);
  }

  concat(values: readonly [Value, Value]): Value {
    return appendConcatChannels(this.#graph, values);
  }

  affine(x: Value, scale: number, shift: number): Value {
    return appendAffine(this.#graph, x, scale, shift);
  }

  /** Windows of 3³, every second one. */
  maxPool(x: Value): Value {
    return appendMaxPool(this.#graph, x, 3, 2);
  }

  /** `[batch, channel]`. */
  spatialMean(x: Value): Value {
    return appendSpatialMean(this.#graph, x);
  }

  #variable(name: string, shape: Shape): Value {
    return this.#graph.parameter(`${this.#scope}/${name}`, shape);
  }
}
