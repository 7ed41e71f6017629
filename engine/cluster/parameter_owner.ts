/** The process side that holds parameters: applies gradients as they arrive, or the mean of a number of them. */
import type { Backend } from "../backends/backend.ts";
import type { NdArray } from "../formats/nd_array.ts";
import type { Variable } from "../models/model.ts";
import type { OptimizerOptions } from "../training/optimizer.ts";
import type { OwnerConnection, RunIdentity } from "./owner_connection.ts";

/** When gradients are applied. */
export interface UpdateRule {
  /** Gradients of so many workers are averaged into one update; absent: each is applied when it arrives. */
  readonly replicas?: number;
  /** Gradients that are more updates old are dropped; absent: none is, as in the reference. Asynchronous only. */
  readonly maxStaleness?: number;
  /** Divides the learning rate of an update by its staleness where that is above 1. Asynchronous only. */
  readonly stalenessRate?: boolean;
}

/** What an owner is made of. */
export interface ParameterOwnerOptions {
  /** Which of the owners it is, and how many there are. */
  readonly index: number;
  readonly owners: number;
  /** Of the whole network; it holds its part of them (`variablesOf`). */
  readonly variables: readonly Variable[];
  readonly optimizer: OptimizerOptions;
  /** Where to begin: variables, `global_step`, optimizer states. */
  readonly initial: ReadonlyMap<string, NdArray>;
  /** Updates by worker that `initial` holds. */
  readonly counts?: Readonly<Record<string, number>>;
  readonly backend: Backend;
  readonly identity: RunIdentity;
  readonly rule: UpdateRule;
  readonly maxSteps: number;
  readonly lostSeconds: number;
  note?(line: string): void;
}

/** `ParameterOwner.open(options)` is what an owner process serves, or an in-process exchange talks to. */
export declare class ParameterOwner implements OwnerConnection {
  static open(options: ParameterOwnerOptions): Promise<ParameterOwner>;
  join: OwnerConnection["join"];
  pull: OwnerConnection["pull"];
  credit: OwnerConnection["credit"];
  push: OwnerConnection["push"];
  beat: OwnerConnection["beat"];
  leave: OwnerConnection["leave"];
  state: OwnerConnection["state"];
  status: OwnerConnection["status"];
  /** Resolves when the run is done: the chief has finished, and every other worker has, or is lost. */
  readonly done: Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
