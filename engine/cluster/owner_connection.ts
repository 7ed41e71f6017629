/**
 * What a worker and an owner of parameters say to each other. A worker speaks to an owner in its own process
 * (`ParameterOwner`) or over NATS (`NatsOwner`) in the same words.
 */
import type { PushOutcome, Stamp } from "../training/gradient_exchange.ts";
import type { LearnerState } from "../training/learner.ts";

/** What must be alike in all processes of a run, by the names of the flags that decide it. */
export type RunIdentity = Readonly<Record<string, string>>;

/** Who speaks. Two copies of one worker differ in their epoch. */
export interface WorkerId {
  /** Number of the worker, the chief is 0. */
  readonly worker: number;
  /** Given by the first owner at the first join; a later copy has a higher one. */
  readonly epoch: number;
}

/** A worker's first words. */
export interface Join {
  readonly worker: number;
  /** Null for a worker that is new; one that knows its epoch, as after an owner was replaced, keeps it. */
  readonly epoch: number | null;
  /** Host and process, for reports. */
  readonly name: string;
  readonly identity: RunIdentity;
}

/** The answer. */
export interface Joined {
  readonly epoch: number;
}

/** Parameters are wanted. */
export interface PullRequest extends WorkerId {
  /** Wait for a newer state than this one; null for whatever there is. */
  readonly after: Stamp | null;
}

/** Parameters of one owner. */
export interface PullReply {
  readonly stamp: Stamp;
  /** The owner's variables one after the other, in the order of `variablesOf`. */
  readonly values: Float32Array;
  /** That take part now; where they are more than `MAX_IN_FLIGHT` a push needs a credit first. */
  readonly workers: number;
}

/** Gradients for one owner's variables. */
export interface PushRequest extends WorkerId {
  /** Counts the pushes of this copy of the worker from 1 on; a repeated one is answered and not applied again. */
  readonly sequence: number;
  readonly stamp: Stamp;
  readonly loss: number;
  /** As `PullReply.values`. */
  readonly values: Float32Array;
}

/** What became of them. */
export interface PushReply {
  readonly outcome: PushOutcome;
  readonly stamp: Stamp;
}

/** What an owner knows of a worker. */
export interface WorkerStatus {
  readonly worker: number;
  readonly name: string;
  readonly epoch: number;
  /** Gradients of this worker that were used, of all its copies: an update each, or where N are averaged its N-th part. */
  readonly applied: number;
  /** Gradients of it that were not used. */
  readonly dropped: number;
  /** Time since its last word. */
  readonly silentMs: number;
  readonly isLost: boolean;
  readonly hasLeft: boolean;
  /** Of its last push, in updates. */
  readonly staleness: number | null;
  /** Of its last push. */
  readonly loss: number | null;
  /** Over the last pushes. */
  readonly stepsPerSecond: number | null;
}

/** How an owner is. */
export interface OwnerStatus {
  readonly owner: number;
  readonly stamp: Stamp;
  readonly maxSteps: number;
  readonly workers: readonly WorkerStatus[];
}

/** One owner, as its workers see it. */
export interface OwnerConnection {
  join(request: Join): Promise<Joined>;
  pull(request: PullRequest): Promise<PullReply>;
  /** Whether it is this worker's turn to push, which gives the credit back; waits for it a while. */
  credit(id: WorkerId): Promise<boolean>;
  push(request: PushRequest): Promise<PushReply>;
  /** A sign of life. */
  beat(id: WorkerId): Promise<void>;
  /** The worker ends. */
  leave(id: WorkerId): Promise<void>;
  /** Variables of this owner with `global_step` and optimizer states, as a checkpoint names them. */
  state(): Promise<LearnerState>;
  status(): Promise<OwnerStatus>;
}

/** An owner does not know the worker, as after it was replaced: the worker joins again. */
export class NotJoinedError extends Error {
  override readonly name = "NotJoinedError";
}

/** A newer copy of the worker has joined; this one has to end. */
export class SupersededError extends Error {
  override readonly name = "SupersededError";
}
