/**
 * How an op becomes kernel calls on this machine: a launcher says which zeros it needs around its inputs, then appends
 * steps. The backend owns memory and threads, and gives every step an even share of its items to each thread.
 */
import type { Zyx } from "../engine/geometry/vectors.ts";
import type { Call, Value } from "../engine/ops/op.ts";
import type { Halo, Layout, Strides } from "./layout.ts";

/** An address: `base` is a slot of the program's own memory, or a value whose tensor is bound at run time; plus bytes. */
export interface Place {
  readonly base: number | Value;
  readonly offset: number;
}

/** An activation in memory: the place of voxel (0, 0, 0) of the first batch entry, and byte distances. */
export interface View extends Strides {
  readonly place: Place;
  readonly layout: Layout;
}

/** What a kernel gets: 32-bit words in memory, in order. A view takes five. */
export type Argument = number | { readonly f32: number } | Place | View;

/** One kernel call over a number of items. */
export interface Step {
  /** Export of a wasm module; unique among all modules. */
  readonly kernel: string;
  /** Another kernel with the same arguments that gives the same bytes; each thread keeps to the faster. */
  readonly alternative?: string;
  readonly args: readonly Argument[];
  readonly items: number;
  /** Bytes of private memory that each thread needs. */
  readonly scratchBytes?: number;
}

/** What a launcher may know before anything is placed. */
export interface CallSurroundings {
  /** Whether a value lies in an array of the caller, dense, rather than inside the program. */
  isBound(value: Value): boolean;
}

/** What a launcher sees of the program under construction. */
export interface LaunchContext extends CallSurroundings {
  /** An activation in memory. */
  view(value: Value): View;
  /** A vector or weights, dense: bound, or named in some launcher's `plain`. */
  place(value: Value): Place;
  /** Appends a step; it sees the results of all earlier ones. */
  emit(step: Step): void;
  /**
   * Memory whose contents are computed from other values, such as packed weights. Where those are all parameters this
   * happens only when they change.
   */
  derive(from: readonly Value[], bytes: number, step: (to: Place) => Step): Place;
  /** Memory for the steps of this call only; later calls use it again. Its contents are undefined. */
  temporary(bytes: number): Place;
}

/** The kernels of one op. */
export interface Launcher {
  /** Name of the op. */
  readonly op: string;
  /** Why a call cannot run here, or null. */
  refuse?(call: Call): string | null;
  /** Inputs and outputs that are weights or vectors: they lie dense, and are seen by their place. */
  readonly plain?: { readonly inputs?: readonly number[]; readonly outputs?: readonly number[] };
  /** Zeros needed around the first input. */
  halo?(call: Call, surroundings: CallSurroundings): Halo;
  /** Zeros needed around the second input, or null where it may stay as it is. */
  secondHalo?(call: Call, surroundings: CallSurroundings): Halo | null;
  /** Zeros needed around the last input, or null where it may stay as it is. */
  lastHalo?(call: Call): Halo | null;
  /** Inputs whose memory the output may take over when nothing else reads them. */
  inPlace?(call: Call): readonly Value[];
  launch(call: Call, context: LaunchContext): void;
}

/** The place a number of bytes further on. */
export function offsetBy(place: Place, bytes: number): Place {
  return { base: place.base, offset: place.offset + bytes };
}

/** The view moved from voxel (0, 0, 0) to the first tap of its convolution, `before` voxels back. */
export function atFirstTap(view: View, [z, y, x]: Zyx): View {
  const back = z * view.slice + y * view.row + x * view.voxel;
  return { ...view, place: offsetBy(view.place, -back) };
}

/** Every stride-th voxel of a view, from its first on. */
export function byStride(view: View, stride: number): View {
  const { slice, row, voxel } = view;
  return { ...view, slice: stride * slice, row: stride * row, voxel: stride * voxel };
}
