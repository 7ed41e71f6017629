/** A model with the variables of a checkpoint, ready to run on one backend. */
import type { Backend, Program, Tensor } from "../backends/backend.ts";
import { KernelError } from "../errors/errors.ts";
import type { NdArray } from "../formats/nd_array.ts";
import { volumeOf } from "../geometry/vectors.ts";
import { checkCheckpointFits } from "./checkpoint_fit.ts";
import type { Model, VariableShapes } from "./model.ts";

/** A network that predicts batches of fields of view. */
export interface Network extends AsyncDisposable {
  /** Name and sizes. */
  readonly model: Model;
  /** Most fields of view per call. */
  readonly batchSize: number;
  /**
   * Fills `logits` with seed plus update. All three arrays are `[n, z, y, x]` with the model's image, seed and
   * prediction sizes and the same n from 1 to `batchSize`; the image is normalised, the seed holds logits without NaN.
   */
  predict(image: Float32Array, seed: Float32Array, logits: Float32Array): Promise<void>;
}

/** Where the variables of a network come from. */
export interface VariableSource {
  /** Path prefix, for messages. */
  readonly prefix: string;
  readonly variables: VariableShapes;
  read(name: string): Promise<NdArray>;
}

/** Program and tensors for one number of fields of view. */
interface Compiled {
  readonly program: Program;
  readonly bindings: Record<string, Tensor>;
}

class CompiledNetwork implements Network {
  readonly model: Model;
  readonly batchSize: number;
  readonly #backend: Backend;
  readonly #parameters: Record<string, Tensor>;
  readonly #compiled = new Map<number, Promise<Compiled>>();

  constructor(
    model: Model,
    batchSize: number,
    backend: Backend,
    parameters: Record<string, Tensor>,
  ) {
    this.model = model;
    this.batchSize = batchSize;
    this.#backend = backend;
    this.#parameters = parameters;
  }

  async predict(image: Float32Array, seed: Float32Array, logits: Float32Array): Promise<void> {
    const n = this.#countOf(image, seed, logits);
    let compiled = this.#compiled.get(n);
    if (!compiled) this.#compiled.set(n, compiled = this.#compile(n));
    const { program, bindings } = await compiled;
    const attempt = async (): Promise<void> => {
      this.#backend.write(bindings.image, image);
      this.#backend.write(bindings.seed, seed);
      this.#backend.run(program, bindings);
      await this.#backend.read(bindings.logits, logits);
    };
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        // A backend that came back has the parameters again; a prediction depends on nothing else.
        if (!(error instanceof KernelError && error.recovered)) throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const compiled of this.#compiled.values()) {
      const found = await compiled.catch(() => null);
      if (!found) continue;
      const { program, bindings } = found;
      program.dispose();
      for (const name of ["image", "seed", "logits"]) bindings[name].dispose();
    }
    this.#compiled.clear();
    for (const tensor of Object.values(this.#parameters)) tensor.dispose();
  }

  /** Fields of view in a call, after checking that all arrays agree. */
  #countOf(image: Float32Array, seed: Float32Array, logits: Float32Array): number {
    const n = image.length / volumeOf(this.model.imageSize);
    const lengths = [image, seed, logits].map((a) => a.length);
    const wanted = [this.model.imageSize, this.model.seedSize, this.model.predSize]
      .map((size) => n * volumeOf(size));
    if (Number.isInteger(n) && n >= 1 && n <= this.batchSize && `${lengths}` === `${wanted}`) {
      return n;
    }
    throw new RangeError(
      `Cannot predict: image, seed and logits must hold 1 to ${this.batchSize} fields of view of zyx sizes ${
        [this.model.imageSize, this.model.seedSize, this.model.predSize].join(" / ")
      }, current lengths are ${lengths.join(", ")}`,
    );
  }

  async #compile(n: number): Promise<Compiled> {
    const graph = this.model.build(n);
    // Memory first: compiling waits until the backend knows that it is there.
    const own = [...graph.inputs, ...graph.outputs].map(([name, value]) =>
      [name, this.#backend.allocate(value.shape, value.dtype, name)] as const
    );
    try {
      const program = await this.#backend.compile(graph);
      return { program, bindings: { ...this.#parameters, ...Object.fromEntries(own) } };
    } catch (error) {
      for (const [, tensor] of own) tensor.dispose();
      throw error;
    }
  }
}

/**
 * Puts the variables that `model` needs on a backend, by their checkpoint names.
 *
 * @throws {RangeError | TypeError} when the checkpoint does not fit the model.
 */
export async function uploadVariables(
  model: Model,
  source: VariableSource,
  backend: Backend,
): Promise<Record<string, Tensor>> {
  checkCheckpointFits(model, source.prefix, source.variables);
  const parameters: Record<string, Tensor> = {};
  try {
    for (const { name, shape } of model.variables) {
      const { dtype, data } = await source.read(name);
      if (dtype !== "float32") {
        throw new TypeError(
          `Cannot load "${source.prefix}": variable "${name}" must be float32, current type is ${dtype}`,
        );
      }
      parameters[name] = backend.allocate(shape, "float32", name);
      backend.write(parameters[name], data);
    }
  } catch (cause) {
    for (const tensor of Object.values(parameters)) tensor.dispose();
    throw cause;
  }
  return parameters;
}

/** Uploads the variables of a model and prepares it for up to `batchSize` fields of view at once. */
export async function openNetwork(
  model: Model,
  source: VariableSource,
  backend: Backend,
  batchSize: number,
): Promise<Network> {
  if (!Number.isSafeInteger(batchSize) || batchSize < 1) {
    throw new RangeError(
      `Cannot prepare ${model.name}: batch_size must be an integer of 1 or more, current value is ${batchSize}`,
    );
  }
  const parameters = await uploadVariables(model, source, backend);
  return new CompiledNetwork(model, batchSize, backend, parameters);
}
