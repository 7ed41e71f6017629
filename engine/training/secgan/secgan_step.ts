import type { Backend, Program, Tensor } from "../../backends/backend.ts";
import { elementCount, type NdArray } from "../../formats/nd_array.ts";
import {
  type NetworkName,
  networkVariables,
  type SecganModel,
  secganVariables,
  updateGroups,
} from "../../models/secgan/secgan.ts";
import { SEED_LIMIT } from "../../ops/dropout.ts";
import type { Graph } from "../../ops/graph.ts";
import type { Value } from "../../ops/op.ts";
import type { OptimizerOptions } from "../optimizer.ts";
import { gradientName } from "../training_graphs.ts";
import { LOSS_NAMES, type SecganLosses, type TargetName, TARGETS } from "./losses.ts";
import {
  type GivenArrays,
  NetworkOptimizer,
  OptimizerPrograms,
  type Tensors,
} from "./network_optimizer.ts";
import { generatorGraph, stepGraph, type StepGraphOptions, sumName } from "./step_graph.ts";

/** How a step is made. */
export interface SecganStepOptions extends StepGraphOptions {
  /** Of an iteration; a multiple of `microBatch`. */
  readonly batchSize: number;
  readonly optimizer: OptimizerOptions;
  /** Object map that the segmenter sees, logits or probabilities, `[f, f, f]`. */
  readonly seed?: Float32Array;
}

/** Arrays `[batch, n, n, n, 1]` of one iteration. */
export interface SecganBatch {
  /** Of the cycle size. */
  readonly labeled: Float32Array;
  readonly unlabeled: Float32Array;
  /** Fakes for the discriminators, of the size behind one pass. */
  readonly pooledLabeled: Float32Array;
  readonly pooledUnlabeled: Float32Array;
  /** Of all dropouts; an integer below 2^24. */
  readonly dropoutSeed: number;
  /** What each discriminator shall say of each image, elementwise. */
  target(name: TargetName, elements: number): Float32Array;
}

/** What an iteration gives, before its update. */
export interface SecganResult {
  readonly losses: SecganLosses;
  /** What the discriminators said: `[batch, …]` by name of the target. */
  readonly judgements: ReadonlyMap<string, Float32Array>;
  /** F(unlabeled) and G(labeled), `[batch, n, n, n, 1]` of the size behind one pass. */
  readonly fakeLabeled: Float32Array;
  readonly fakeUnlabeled: Float32Array;
  /** The images that went there and back, of the size of the field of view. */
  readonly cycledLabeled: Float32Array;
  readonly cycledUnlabeled: Float32Array;
}

const RESULTS = ["fakeLabeled", "fakeUnlabeled", "cycledLabeled", "cycledUnlabeled"] as const;

/** All networks in training, on a backend. */
export class SecganStep implements AsyncDisposable {
  readonly #options: SecganStepOptions;
  readonly #backend: Backend;
  readonly #graph: Graph;
  /** Compiled when it is first needed: the first fakes are made before, and both would not fit beside each other. */
  #program: Program | null = null;
  readonly #tensors: Tensors;
  /** Two sets, where the gradients of the parts of a batch are added up. */
  readonly #sums: readonly Tensors[];
  readonly #current: Tensors;
  readonly #untrained: ReadonlyMap<string, NdArray>;
  readonly #programs: OptimizerPrograms;
  readonly #optimizers: readonly NetworkOptimizer[];

  private constructor(parts: {
    options: SecganStepOptions;
    backend: Backend;
    graph: Graph;
    tensors: Tensors;
    sums: readonly Tensors[];
    current: Tensors;
    variables: GivenArrays;
  }) {
    const { options, backend } = parts;
    const { model, optimizer } = options;
    this.#options = options;
    this.#backend = backend;
    this.#graph = parts.graph;
    this.#tensors = parts.tensors;
    this.#sums = parts.sums;
    this.#current = parts.current;
    const all = secganVariables(model);
    this.#untrained = new Map(
      all.filter(({ trained }) => !trained).map(({ name }) => [name, parts.variables.get(name)!]),
    );
    const elements = all.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    const onHost = NetworkOptimizer.keepsStatesOnHost(backend, elements, optimizer);
    this.#programs = new OptimizerPrograms(backend, optimizer);
    this.#optimizers = updateGroups(model).map((group, i) => {
      const trained = group.flatMap((network) => trainedVariables(model, network));
      const suffix = i === 0 ? "" : `_${i}`;
      return new NetworkOptimizer(this.#programs, trained, parts.variables, suffix, onHost);
    });
  }

  /**
   * Uploads the variables.
   *
   * @param variables All variables of the networks and, where there are some, states of the optimizers.
   * @param segmenter Variables of the frozen network.
   */
  static open(
    options: SecganStepOptions,
    variables: GivenArrays,
    segmenter: ReadonlyMap<string, NdArray>,
    backend: Backend,
  ): SecganStep {
    const pieces = options.batchSize / options.microBatch;
    const graph = stepGraph(options, pieces);
    const isSum = (name: string) => name.startsWith("gradients/") || name.startsWith("sums/");
    const own = [...graph.inputs, ...graph.outputs].filter(([name]) => !isSum(name));
    const tensors = allocate(backend, own);
    const current = allocate(backend, [...graph.parameters]);
    for (const [name, tensor] of Object.entries(current)) {
      const data = (variables.get(name) ?? segmenter.get(name))?.data;
      if (!data) {
        throw new RangeError(`Cannot train: no initial value for the variable "${name}"`);
      }
      backend.write(tensor, data);
    }
    if (options.model.segmenter) {
      const { shape } = graph.inputs.get("seed")!;
      const seed = new Float32Array(elementCount(shape));
      for (let i = 0; i < shape[0]; i++) seed.set(options.seed!, i * options.seed!.length);
      backend.write(tensors.seed, seed);
    }
    const gradients = [...graph.outputs].filter(([name]) => name.startsWith("gradients/"))
      .map(([name, value]) => [name.slice("gradients/".length), value] as const);
    const sums = Array.from({ length: pieces > 1 ? 2 : 1 }, () => allocate(backend, gradients));
    return new SecganStep({ options, backend, graph, tensors, sums, current, variables });
  }

  /** F(unlabeled) and G(labeled) of a batch, as the networks are now. */
  async generate(
    { labeled, unlabeled, dropoutSeed }: Pick<
      SecganBatch,
      "labeled" | "unlabeled" | "dropoutSeed"
    >,
  ): Promise<{ fakeLabeled: Float32Array; fakeUnlabeled: Float32Array }> {
    const parts: Record<"fakeLabeled" | "fakeUnlabeled", Float32Array[]> = {
      ...{ fakeLabeled: [], fakeUnlabeled: [] },
    };
    const { model, microBatch } = this.#options;
    const generators = await this.#backend.compile(generatorGraph(model, microBatch));
    for (let piece = 0; piece < this.#pieces; piece++) {
      this.#seedDropout(dropoutSeed + piece);
      this.#write("labeled", labeled, piece);
      this.#write("unlabeled", unlabeled, piece);
      this.#backend.run(generators, { ...this.#tensors, ...this.#current });
      for (const name of ["fakeLabeled", "fakeUnlabeled"] as const) {
        parts[name].push(await this.#backend.read<Float32Array>(this.#tensors[name]));
      }
    }
    generators.dispose();
    return {
      fakeLabeled: joined(parts.fakeLabeled),
      fakeUnlabeled: joined(parts.fakeUnlabeled),
    };
  }

  /** Losses and gradients of a batch; `update` uses the gradients of the last one. */
  async gradients(batch: SecganBatch): Promise<SecganResult> {
    const program = this.#program ??= await this.#backend.compile(this.#graph);
    const losses = Object.fromEntries(LOSS_NAMES.map((name) => [name, 0])) as SecganLosses;
    const judgements = new Map<string, Float32Array[]>();
    const results = new Map<string, Float32Array[]>();
    const names = TARGETS.filter((name) => this.#tensors[`target/${name}`]);
    const targets = names.map((name) => {
      const count = elementCount(this.#tensors[`target/${name}`].shape) * this.#pieces;
      return [name, batch.target(name, count)] as const;
    });
    for (let piece = 0; piece < this.#pieces; piece++) {
      this.#seedDropout(batch.dropoutSeed + piece);
      for (const name of ["labeled", "unlabeled", "pooledLabeled", "pooledUnlabeled"] as const) {
        this.#write(name, batch[name], piece);
      }
      for (const [name, data] of targets) this.#write(`target/${name}`, data, piece);
      this.#backend.run(program, this.#bindings(piece));
      for (const name of LOSS_NAMES) {
        const tensor = this.#tensors[`loss/${name}`];
        if (!tensor) continue;
        losses[name] += (await this.#backend.read<Float32Array>(tensor))[0] / this.#pieces;
      }
      for (const name of names) {
        const said = await this.#backend.read<Float32Array>(this.#tensors[`judgement/${name}`]);
        judgements.set(name, [...judgements.get(name) ?? [], said]);
      }
      for (const name of RESULTS) {
        const data = await this.#backend.read<Float32Array>(this.#tensors[name]);
        results.set(name, [...results.get(name) ?? [], data]);
      }
    }
    const of = (name: (typeof RESULTS)[number]) => joined(results.get(name)!);
    return {
      losses,
      judgements: new Map([...judgements].map(([name, parts]) => [name, joined(parts)])),
      fakeLabeled: of("fakeLabeled"),
      fakeUnlabeled: of("fakeUnlabeled"),
      cycledLabeled: of("cycledLabeled"),
      cycledUnlabeled: of("cycledUnlabeled"),
    };
  }

  /** Gradients of the last batch by variable. */
  async readGradients(): Promise<Map<string, Float32Array>> {
    const read = new Map<string, Float32Array>();
    for (const [name, tensor] of Object.entries(this.#finalSums)) {
      read.set(name, await this.#backend.read<Float32Array>(tensor));
    }
    return read;
  }

  /** Changes every network by the gradients of the last batch, all of which belong to the networks as they were. */
  async update(): Promise<void> {
    const { learningRate } = this.#options.optimizer;
    for (const optimizer of this.#optimizers) {
      await optimizer.update(this.#current, (name) => this.#finalSums[name], learningRate);
    }
  }

  /** Puts other values in the place of what is trained; by the names of all of its variables. */
  load(values: ReadonlyMap<string, Float32Array>): void {
    for (const [name, data] of values) this.#backend.write(this.#current[name], data);
  }

  /** Variables of the networks and states of the optimizers, by their names in a checkpoint. */
  async variables(): Promise<Map<string, NdArray>> {
    const variables = new Map<string, NdArray>(this.#untrained);
    for (const { name, shape, trained } of secganVariables(this.#options.model)) {
      if (!trained) continue;
      const data = await this.#backend.read<Float32Array>(this.#current[name]);
      variables.set(name, { dtype: "float32", shape, data });
    }
    for (const optimizer of this.#optimizers) {
      for (const [name, array] of await optimizer.variables()) variables.set(name, array);
    }
    return variables;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#program?.dispose();
    for (const tensors of [this.#tensors, this.#current, ...this.#sums]) {
      for (const tensor of Object.values(tensors)) tensor.dispose();
    }
    for (const optimizer of this.#optimizers) optimizer.dispose();
    this.#programs.dispose();
    return Promise.resolve();
  }

  get #pieces(): number {
    return this.#options.batchSize / this.#options.microBatch;
  }

  /** Where the gradients of a whole batch are. */
  get #finalSums(): Tensors {
    return this.#sums[(this.#pieces - 1) % this.#sums.length];
  }

  #bindings(piece: number): Tensors {
    const bindings: Tensors = { ...this.#tensors, ...this.#current };
    const [into, before] = [0, 1].map((i) => this.#sums[(piece + i) % this.#sums.length]);
    for (const [name, tensor] of Object.entries(into)) bindings[gradientName(name)] = tensor;
    if (this.#pieces === 1) return bindings;
    for (const [name, tensor] of Object.entries(before)) {
      if (piece === 0) {
        this.#backend.write(tensor, new Float32Array(elementCount(tensor.shape)));
      }
      bindings[sumName(name)] = tensor;
    }
    return bindings;
  }

  #seedDropout(seed: number): void {
    const tensor = this.#tensors.dropout_seed;
    if (tensor) this.#backend.write(tensor, Float32Array.of(seed % SEED_LIMIT));
  }

  /** Uploads a part of a batch. */
  #write(name: string, data: Float32Array, piece: number): void {
    const tensor = this.#tensors[name];
    const count = elementCount(tensor.shape);
    this.#backend.write(tensor, data.subarray(piece * count, (piece + 1) * count));
  }
}

function trainedVariables(model: SecganModel, network: NetworkName) {
  return networkVariables(model, network).filter(({ trained }) => trained);
}

function joined(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0];
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function allocate(backend: Backend, values: readonly (readonly [string, Value])[]): Tensors {
  const tensors: Record<string, Tensor> = {};
  for (const [name, { shape }] of values) {
    tensors[name] = backend.allocate(shape, "float32", name);
  }
  return tensors;
}
