import type { NdArray } from "../formats/nd_array.ts";
import type { Model } from "../models/model.ts";
import type { Batch } from "./gradient_pass.ts";

/** What decides whether gradients are used. */
export type UpdateCheck = (
  loss: number,
  gradients: () => Promise<Map<string, Float32Array>>,
) => boolean | Promise<boolean>;

/** What a step gives. */
export interface StepResult {
  readonly loss: number;
  /** Of the batch before the update; overwritten by the next call. */
  readonly logits: Float32Array;
  readonly updated: boolean;
  readonly learningRate: number;
}

/** What is saved of a network in training. */
export interface LearnerState {
  /** Variables, `global_step`, optimizer states. */
  readonly variables: ReadonlyMap<string, NdArray>;
  /**
   * Gradients by worker that the variables have seen, where there are several workers. They sum to `global_step`; where N
   * are averaged into one update to N times that, less those that a step did not wait for since a worker was lost.
   */
  readonly counts?: Readonly<Record<string, number>>;
}

/** A network in training, as the loop of a run sees it: alone in this process, or sharing its variables with others. */
export interface Learner extends AsyncDisposable {
  readonly model: Model;
  /** Updates of the whole run, as far as this process knows. */
  readonly globalStep: number;
  /** Logits of a batch, as the network is now. The array is overwritten by the next call. */
  predict(batch: Pick<Batch, "image" | "seed">): Promise<Float32Array>;
  /** One step: loss and logits of the batch before the update, then the update where `check` allows it. */
  step(batch: Batch, check?: UpdateCheck): Promise<StepResult>;
  /** Gradients of the last step by variable, not clipped. */
  gradients(): Promise<Map<string, Float32Array>>;
  /** The network's variables as they are now. Read only. */
  weights(): Promise<ReadonlyMap<string, Float32Array>>;
  /** What a checkpoint holds. */
  state(): Promise<LearnerState>;
}
