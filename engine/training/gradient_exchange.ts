/**
 * What a training process shares parameters and gradients through. The rooms below implement it (`engine/cluster`); the
 * trainer sees nothing of owners, servers or other workers.
 */
import type { LearnerState } from "./learner.ts";

/** The state of one owner's part of the parameters; a worker gives it back with what it computed from them. */
export interface Stamp {
  /** Of this life of the owner; another one began from a checkpoint. */
  readonly incarnation: string;
  /** Updates that the part has seen. */
  readonly version: number;
}

/** Parameters as they are now. */
export interface Pulled {
  /** By variable name, in the variable's own C order. Read only: others may see the same arrays. */
  readonly values: ReadonlyMap<string, Float32Array>;
  /** Of each owner, in order. */
  readonly stamps: readonly Stamp[];
  /** Updates of the whole run. */
  readonly globalStep: number;
  /** Workers that take part now. */
  readonly workers: number;
}

/** What became of gradients: applied, too old (`stale`), not needed any more in a synchronous step (`late`), or the run was over (`done`). */
export type PushOutcome = "applied" | "stale" | "late" | "done";

/** The answer to a push. */
export interface Pushed {
  readonly outcome: PushOutcome;
  /** Updates of the whole run, this one included. */
  readonly globalStep: number;
}

/** A worker's side of the exchange. */
export interface GradientExchange extends AsyncDisposable {
  /**
   * Parameters to compute with. After a push in a synchronous run it waits until the update that the push belongs to was
   * made, or was made without it.
   */
  pull(): Promise<Pulled>;
  /**
   * Gives gradients of the loss, clipped, for the parameters of `stamps`; the owners apply them.
   *
   * @param gradients By variable name, in the variable's own C order.
   * @throws {RangeError} when an owner refuses them since they are not finite.
   */
  push(
    gradients: ReadonlyMap<string, Float32Array>,
    stamps: readonly Stamp[],
    loss: number,
  ): Promise<Pushed>;
  /** What a checkpoint holds. With several owners each is of its own moment, at most some updates apart. */
  state(): Promise<LearnerState>;
  /** Tells the owners that this worker ends, since its work is done or it was asked to. */
  leave(): Promise<void>;
}
