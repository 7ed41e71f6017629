import type { NdArray } from "../formats/nd_array.ts";

const SUFFIX = "/ExponentialMovingAverage";

/** Running means of a network's variables, as TensorFlow names them in checkpoints. */
export class RunningMeans {
  readonly #decay: number;
  #means: ReadonlyMap<string, Float32Array>;

  /**
   * Goes on with the means that a checkpoint holds.
   *
   * @param decay Weight of the old value.
   */
  constructor(decay: number, variables: ReadonlyMap<string, NdArray>) {
    this.#decay = decay;
    this.#means = new Map(
      [...variables].filter(([name]) => name.endsWith(SUFFIX)).map(([name, { data }]) => [
        name.slice(0, -SUFFIX.length),
        data as Float32Array,
      ]),
    );
  }

  /** Takes the variables after an update; the first mean is the variable itself. */
  advance(weights: ReadonlyMap<string, Float32Array>): void {
    const decay = this.#decay;
    this.#means = new Map([...weights].map(([name, data]) => {
      const old = this.#means.get(name);
      return [name, old ? data.map((v, i) => decay * old[i] + (1 - decay) * v) : data];
    }));
  }

  /** The means under the names of checkpoints, with the shapes of `variables`. */
  of(variables: ReadonlyMap<string, NdArray>): Map<string, NdArray> {
    return new Map(
      [...this.#means].map(([name, data]) => [
        name + SUFFIX,
        { ...variables.get(name)!, data },
      ]),
    );
  }
}
