import type { KernelMemory } from "../kernel_memory.ts";

interface GaussianKernel {
  gaussian_across(
    inputs: number,
    outputs: number,
    lines: number,
    weights: number,
    radius: number,
    scratch: number,
    count: number,
  ): void;
  gaussian_x(
    plane: number,
    stride: number,
    output: number,
    height: number,
    width: number,
    weights: number,
    radius: number,
    reflected: number,
    scratch: number,
  ): void;
}

/** Index inside `0 … n - 1` that stands for any `i`: the image continues mirrored, its border element twice. */
export function reflect(i: number, n: number): number {
  const m = ((i % (2 * n)) + 2 * n) % (2 * n);
  return m < n ? m : 2 * n - 1 - m;
}

/** A symmetric filter over planes of `height` x `width` f32 that lie in a `KernelMemory`. */
export class GaussianFilter {
  readonly radius: number;
  readonly #memory: KernelMemory;
  readonly #kernel: GaussianKernel;
  readonly #height: number;
  readonly #width: number;
  readonly #inputs: number;
  readonly #outputs: number;
  readonly #columns: number;
  readonly #weights: number;
  readonly #scratch: number;
  /**
   * The plane between the two passes of `inPlane`. Its rows are padded to whole blocks of eight, an odd number of them:
   * rows a power of two apart would share few lines of the cache.
   */
  readonly #between: number;
  readonly #betweenRowBytes: number;

  /**
   * @param weights Half of the filter, the centre first.
   * @param mostPlanes The most that `acrossPlanes` will be given to write.
   */
  static async over(
    memory: KernelMemory,
    [height, width]: readonly [number, number],
    weights: Float64Array,
    mostPlanes: number,
  ): Promise<GaussianFilter> {
    const kernel = await memory.load<GaussianKernel>("images_gaussian");
    return new GaussianFilter(memory, kernel, height, width, weights, mostPlanes);
  }

  private constructor(
    memory: KernelMemory,
    kernel: GaussianKernel,
    height: number,
    width: number,
    weights: Float64Array,
    mostPlanes: number,
  ) {
    const radius = weights.length - 1;
    const mostLines = Math.max(height, mostPlanes) + 2 * radius;
    this.radius = radius;
    this.#memory = memory;
    this.#kernel = kernel;
    this.#height = height;
    this.#width = width;
    this.#inputs = memory.reserve(4 * mostLines);
    this.#outputs = memory.reserve(4 * mostLines);
    this.#columns = memory.reserve(4 * 2 * radius);
    this.#weights = memory.reserve(8 * weights.length);
    this.#scratch = memory.reserve(8 * Math.max(8 * mostLines, width + 2 * radius));
    this.#betweenRowBytes = 4 * 8 * (Math.ceil(width / 8) | 1);
    this.#between = memory.reserve(height * this.#betweenRowBytes);
    memory.f64(this.#weights, weights.length).set(weights);
    const columns = memory.u32(this.#columns, 2 * radius);
    for (let k = 0; k < radius; k++) {
      columns[k] = reflect(k - radius, width);
      columns[radius + k] = reflect(width + k, width);
    }
  }

  /** Filters over lines of `count` f32: `inputs` are the addresses of 2 `radius` lines more than `outputs`. */
  #across(inputs: number[], outputs: number[], count: number): void {
    this.#memory.u32(this.#inputs, inputs.length).set(inputs);
    this.#memory.u32(this.#outputs, outputs.length).set(outputs);
    this.#kernel.gaussian_across(
      this.#inputs,
      this.#outputs,
      outputs.length,
      this.#weights,
      this.radius,
      this.#scratch,
      count,
    );
  }

  /** Filters along z: `inputs` are the addresses of the planes around the outputs, `radius` more on either side. */
  acrossPlanes(inputs: number[], outputs: number[]): void {
    this.#across(inputs, outputs, this.#height * this.#width);
  }

  /** Filters the plane at address `plane` along y, then x. */
  inPlane(plane: number, output: number): void {
    const height = this.#height;
    const rowBytes = 4 * this.#width;
    const inputs = Array.from(
      { length: height + 2 * this.radius },
      (_, k) => plane + reflect(k - this.radius, height) * rowBytes,
    );
    const outputs = Array.from(
      { length: height },
      (_, y) => this.#between + y * this.#betweenRowBytes,
    );
    this.#across(inputs, outputs, this.#width);
    this.#kernel.gaussian_x(
      this.#between,
      this.#betweenRowBytes,
      output,
      height,
      this.#width,
      this.#weights,
      this.radius,
      this.#columns,
      this.#scratch,
    );
  }
}
