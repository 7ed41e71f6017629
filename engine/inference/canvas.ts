/** What every canvas offers, wherever the flood runs: on the host (`HostCanvas`) or on a device. */
import type { TypedArray } from "../formats/nd_array.ts";
import type { Origins } from "../formats/origins.ts";
import type { Overlaps } from "../formats/overlaps.ts";
import type { Box } from "../geometry/box.ts";
import type { Zyx } from "../geometry/vectors.ts";
import type { Model } from "../models/model.ts";
import type { Counters } from "./counters.ts";
import type { MovementState } from "./movement_policy.ts";
import type { RunControl } from "./run_control.ts";
import type { SeedPolicy, SeedPolicyState } from "./seed_policies/policy.ts";

/** What a canvas has segmented so far. */
export interface CanvasResult {
  /** `[z, y, x]`: 0 empty, > 0 object, -1 seed that was tried and rejected. */
  readonly segmentation: Int32Array;
  /** Quantised probabilities `[z, y, x]`; 0 outside objects. */
  readonly segProb: Uint8Array;
  /** How each object came to be, by label. */
  readonly origins: Origins;
  /** Earlier objects that each one covered too, ascending by label. */
  readonly overlaps: Overlaps;
}

/** Everything needed to go on with a run, the object in progress included. Arrays are the canvas's own, not copies. */
export interface CanvasSnapshot extends CanvasResult {
  /** Object map `[z, y, x]` in logits; NaN where the object in progress was never predicted. */
  readonly seed: Float32Array;
  /** Positions of the object in progress, where the canvas keeps them. */
  readonly history: readonly Zyx[];
  /** Voxels deleted at each position of `history`. */
  readonly historyDeleted: readonly number[];
  /** Where the object in progress may go next, and where it has been. */
  readonly movement: MovementState;
  /** Null outside of `segmentAll`. `index` is the row of the seed that is not finished yet. */
  readonly seeds: SeedPolicyState | null;
  /** Lowest centre of a field of view of the object in progress. */
  readonly minPosition: Zyx;
  /** Highest centre of a field of view of the object in progress. */
  readonly maxPosition: Zyx;
  /** Fields of view predicted for the object in progress; 0 between objects. */
  readonly partialSteps: number;
  /** What was counted so far, by name. */
  readonly counters: Readonly<Record<string, number>>;
}

/** A subvolume that is being segmented, object by object. */
export interface Canvas {
  /** Extent of the subvolume. */
  readonly size: Zyx;
  /** What this canvas has done, and the time it took. */
  readonly counters: Counters;
  /**
   * Takes over an existing segmentation `[z, y, x]` of `size`, of any integer type; its labels are renumbered densely.
   *
   * @returns New label of each old one; labels that do not occur are absent.
   */
  initSegmentation(labels: TypedArray): ReadonlyMap<number | bigint, number>;
  /** Grows one object from `start` without accepting it; returns the number of fields of view predicted. */
  segmentAt(start: Zyx, control?: RunControl): Promise<number>;
  /** Grows an object from every seed in turn and keeps those that are strong and large enough. */
  segmentAll(seeds: SeedPolicy, control?: RunControl): Promise<void>;
  /** The segmentation so far. */
  result(): Promise<CanvasResult>;
  /** Object map `[z, y, x]` of the last object in logits; NaN where it was never predicted. */
  objectMap(): Promise<Float32Array>;
  /** Goes back to a saved state; the next `segmentAll` continues there. */
  restore(snapshot: CanvasSnapshot): void;
  /** Gives back what the canvas holds on a device; present where it holds anything. */
  [Symbol.dispose]?(): void;
}

/** Where fields of view may be centred and objects may start, beside the canvas's own rules. */
export interface PositionRestrictor {
  /** Whether a field of view may be centred there. */
  isValidPosition(position: Zyx): boolean;
  /** Whether an object may start there. */
  isValidSeed(position: Zyx): boolean;
}

/** What a canvas needs to know of a model: its name and sizes. */
export type FovModel = Pick<Model, "name" | "imageSize" | "seedSize" | "predSize" | "deltas">;

/** Predicts one field of view: a network, or the client of an executor. */
export interface FovPredictor {
  /** The network that predicts. */
  readonly model: FovModel;
  /**
   * Fills `logits` `[z, y, x]` of `predSize` with the new object map.
   *
   * @param image Normalised image `[z, y, x]` of `imageSize`.
   * @param seed Object map `[z, y, x]` of `seedSize`, in logits without NaN.
   */
  predict(image: Float32Array, seed: Float32Array, logits: Float32Array): Promise<void>;
}

/** A predictor that holds image and object map of its canvas itself: positions go to it, only logits come back. */
export interface ResidentPredictor extends FovPredictor {
  /** Forgets the voxels of a box and sets the seed voxel of a new object. */
  begin(start: Zyx, box: Box): void;
  /** Takes over an object map `[z, y, x]` of the canvas. */
  load(seed: Float32Array): void;
  /** Fills `logits` `[z, y, x]` of `predSize` and takes them into its own map as `ObjectMap.update` does. */
  predictAt(position: Zyx, logits: Float32Array): Promise<void>;
}
