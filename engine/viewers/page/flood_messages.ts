import type { Box } from "../../geometry/box.ts";
import type { Zyx } from "../../geometry/vectors.ts";
import type { WeakPlace } from "./weak_places.ts";

/** What the page asks of its flood worker. Positions are those of the volume. */
export type FloodCommand =
  /** Opens network and canvas; `base` is the address of the page. */
  | { readonly type: "open"; readonly base: string; readonly position: Zyx }
  /** Grows an object, in the canvas where its seed lies best; `turn` counts these commands. */
  | { readonly type: "grow"; readonly start: Zyx; readonly turn: number }
  /** Ends all that was asked to grow so far. */
  | { readonly type: "stop" }
  /** Keeps the last object: its voxels of at least this probability. */
  | { readonly type: "accept"; readonly threshold: number }
  /** Looks for objects that were accepted or taken back elsewhere. */
  | { readonly type: "refresh" };

/** What the worker tells the page. */
export type FloodEvent =
  | { readonly type: "ready"; readonly description: string; readonly notes: readonly string[] }
  | { readonly type: "begun"; readonly start: Zyx; readonly canvas: Box }
  /** The object has grown: quantised probabilities `[z, y, x]` of `box`, and the fields of view since last time. */
  | {
    readonly type: "grown";
    readonly box: Box;
    readonly prob: Uint8Array<ArrayBuffer>;
    readonly path: readonly Zyx[];
    readonly steps: number;
  }
  | {
    readonly type: "done";
    readonly steps: number;
    readonly seconds: number;
    readonly voxels: number;
    /** Why `ffn run-inference` would not keep it, or why it ended early; null where neither. */
    readonly remark: string | null;
    readonly weak: readonly WeakPlace[];
  }
  | { readonly type: "accepted"; readonly id: number; readonly voxels: number }
  | { readonly type: "failed"; readonly message: string; readonly isFinal: boolean };

/** An event as it reaches the page: what is told of a growing object names the turn that it grows in. */
export type FloodMessage = FloodEvent & { readonly turn?: number };
