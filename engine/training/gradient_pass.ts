import type { Backend, Program } from "../backends/backend.ts";
import { elementCount } from "../formats/nd_array.ts";
import type { Model } from "../models/model.ts";
import { allocate, disposeAll, type Tensors } from "./trained_variables.ts";
import { gradientGraph, gradientName } from "./training_graphs.ts";

/** One batch: all arrays are `[batch, z, y, x]` with the model's image, seed and prediction sizes. */
export interface Batch {
  /** Normalised. */
  readonly image: Float32Array;
  /** Logits. */
  readonly seed: Float32Array;
  /** Soft labels. */
  readonly labels: Float32Array;
  readonly weights: Float32Array;
}

/** Loss, logits and gradients of batches for given variables. */
export class GradientPass implements AsyncDisposable {
  readonly model: Model;
  readonly batchSize: number;
  readonly #backend: Backend;
  readonly #gradientProgram: Program;
  readonly #forwardProgram: Program;
  /** Inputs, outputs and gradients of both programs. */
  readonly tensors: Tensors;
  readonly #logits: Float32Array;

  private constructor(
    model: Model,
    batchSize: number,
    backend: Backend,
    gradientProgram: Program,
    forwardProgram: Program,
  ) {
    this.model = model;
    this.batchSize = batchSize;
    this.#backend = backend;
    this.#gradientProgram = gradientProgram;
    this.#forwardProgram = forwardProgram;
    const { inputs, outputs } = gradientProgram.graph;
    this.tensors = allocate(backend, [...inputs, ...outputs]);
    this.#logits = new Float32Array(elementCount(this.tensors.logits.shape));
  }

  /** Compiles the network for one batch size. */
  static async open(model: Model, batchSize: number, backend: Backend): Promise<GradientPass> {
    return new GradientPass(
      model,
      batchSize,
      backend,
      await backend.compile(gradientGraph(model, batchSize)),
      await backend.compile(model.build(batchSize)),
    );
  }

  /** Logits of a batch. The array is overwritten by the next call. */
  async predict(
    { image, seed }: Pick<Batch, "image" | "seed">,
    variables: Tensors,
  ): Promise<Float32Array> {
    this.#backend.write(this.tensors.image, image);
    this.#backend.write(this.tensors.seed, seed);
    this.#backend.run(this.#forwardProgram, { ...this.tensors, ...variables });
    return await this.#backend.read(this.tensors.logits, this.#logits);
  }

  /** Loss and logits of a batch; its gradients are in `tensors` then. The array is overwritten by the next call. */
  async run(batch: Batch, variables: Tensors): Promise<{ loss: number; logits: Float32Array }> {
    for (const name of ["image", "seed", "labels", "weights"] as const) {
      this.#backend.write(this.tensors[name], batch[name]);
    }
    this.#backend.run(this.#gradientProgram, { ...this.tensors, ...variables });
    const [loss] = await this.#backend.read<Float32Array>(this.tensors.loss);
    return { loss, logits: await this.#backend.read(this.tensors.logits, this.#logits) };
  }

  /** Waits until everything before is done. */
  async settled(): Promise<void> {
    await this.#backend.read(this.tensors.loss);
  }

  /** Gradients of the last batch by variable, not clipped. */
  async gradients(): Promise<Map<string, Float32Array>> {
    const gradients = new Map<string, Float32Array>();
    for (const { name } of this.model.variables) {
      gradients.set(name, await this.#backend.read(this.tensors[gradientName(name)]));
    }
    return gradients;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#gradientProgram.dispose();
    this.#forwardProgram.dispose();
    disposeAll(this.tensors);
    return Promise.resolve();
  }
}
