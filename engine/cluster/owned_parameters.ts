import type { Backend, Tensor } from "../backends/backend.ts";
import type { NdArray } from "../formats/nd_array.ts";
import type { Variable } from "../models/model.ts";
import { type OptimizerOptions, optimizerSlots } from "../training/optimizer.ts";
import { TrainedVariables } from "../training/trained_variables.ts";
import { gradientName } from "../training/training_graphs.ts";
import { joined, parted, totalElements } from "./owner_shards.ts";

/** Name of the one array that stands for all variables. */
const ALL = "parameters";

/**
 * Variables with their optimizer states as one array each: optimizers work element by element, so the result is that of
 * single variables, with one call instead of dozens.
 */
export class OwnedParameters implements AsyncDisposable {
  readonly #parts: readonly Variable[];
  readonly #optimizer: OptimizerOptions;
  readonly #all: TrainedVariables;
  readonly #backend: Backend;
  readonly #gradient: Tensor;
  #values: Promise<Float32Array> | null = null;

  private constructor(
    variables: readonly Variable[],
    optimizer: OptimizerOptions,
    all: TrainedVariables,
    backend: Backend,
  ) {
    this.#parts = variables;
    this.#optimizer = optimizer;
    this.#all = all;
    this.#backend = backend;
    this.#gradient = backend.allocate([this.count], "float32", "gradient");
  }

  /** @param initial Variables and optimizer states by name, as in a checkpoint. */
  static async open(
    variables: readonly Variable[],
    optimizer: OptimizerOptions,
    initial: ReadonlyMap<string, NdArray>,
    backend: Backend,
  ): Promise<OwnedParameters> {
    const one = [{ name: ALL, shape: [totalElements(variables)] }];
    const joint = jointState(variables, optimizer, initial);
    const step = stepOf(initial);
    const all = await TrainedVariables.open(one, optimizer, joint, backend, step);
    return new OwnedParameters(variables, optimizer, all, backend);
  }

  /** Elements of all variables. */
  get count(): number {
    return totalElements(this.#parts);
  }

  /** Updates that were made. */
  get version(): number {
    return this.#all.globalStep;
  }

  /**
   * Makes one update.
   *
   * @param gradient Of all variables, one after the other.
   * @param rateFactor The learning rate is multiplied by this.
   */
  update(gradient: Float32Array, rateFactor: number): void {
    this.#backend.write(this.#gradient, gradient);
    this.#all.update({ [gradientName(ALL)]: this.#gradient }, rateFactor);
    this.#values = null;
  }

  /** Waits until all updates are done. */
  settled(): Promise<void> {
    return this.#all.settled();
  }

  /** All variables one after the other. Read only: every caller gets the same array until the next update. */
  values(): Promise<Float32Array> {
    return this.#values ??= this.#backend.read<Float32Array>(this.#all.current[ALL]);
  }

  /** As `values`, into an array of the caller's. */
  valuesInto(into: Float32Array): Promise<Float32Array> {
    return this.#backend.read(this.#all.current[ALL], into);
  }

  /** What a checkpoint holds of them: variables, `global_step`, optimizer states. */
  async read(): Promise<Map<string, NdArray>> {
    const variables = new Map<string, NdArray>();
    for (const [name, array] of await this.#all.read()) {
      if (name !== ALL && !name.startsWith(`${ALL}/`)) {
        variables.set(name, array);
        continue;
      }
      const parts = parted(this.#parts, array.data as Float32Array);
      for (const [i, [part, data]] of parts.entries()) {
        const { shape } = this.#parts[i];
        variables.set(part + name.slice(ALL.length), { dtype: "float32", shape, data });
      }
    }
    return variables;
  }

  /** Begins again with other values. */
  restore(initial: ReadonlyMap<string, NdArray>): void {
    this.#all.restore(jointState(this.#parts, this.#optimizer, initial), stepOf(initial));
    this.#values = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#gradient.dispose();
    await this.#all[Symbol.asyncDispose]();
  }
}

function stepOf(initial: ReadonlyMap<string, NdArray>): number {
  return Number(initial.get("global_step")?.data[0] ?? 0);
}

/** Variables and states as one array each; a state that one variable lacks begins anew for all. */
function jointState(
  variables: readonly Variable[],
  optimizer: OptimizerOptions,
  initial: ReadonlyMap<string, NdArray>,
): Map<string, NdArray> {
  const joint = new Map<string, NdArray>();
  for (const suffix of ["", ...optimizerSlots(optimizer.name).map(({ name }) => `/${name}`)]) {
    const missing = variables.find(({ name }) => !initial.has(name + suffix));
    if (missing && suffix === "") {
      throw new RangeError(`Cannot train: no initial value for the variable "${missing.name}"`);
    }
    if (missing) continue;
    const data = joined(variables, (name) => initial.get(name + suffix)!.data as Float32Array);
    joint.set(ALL + suffix, { dtype: "float32", shape: [data.length], data });
  }
  for (const power of ["beta1_power", "beta2_power"]) {
    const array = initial.get(power);
    if (array) joint.set(power, array);
  }
  return joint;
}
