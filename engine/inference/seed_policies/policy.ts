/** What the canvas and the seed policies know of each other. */
import type { Zyx } from "../../geometry/vectors.ts";

/** What a policy may look at: the canvas it proposes seeds for. All arrays are C order `[z, y, x]` of `size`. */
export interface SeedPolicyContext {
  /** Normalised image, `[z, y, x]`. */
  readonly image: Float32Array;
  /** Shape of the canvas in voxels. */
  readonly size: Zyx;
  /** Half of the model's image field of view: seeds closer to a face than this are not yielded. */
  readonly margin: Zyx;
  /** `[z, y, x]`, nonzero where no field of view may be centred; null without a mask. */
  readonly mask: Uint8Array | null;
  /** `[z, y, x]`, nonzero where no object may start; null without a mask. */
  readonly seedMask: Uint8Array | null;
  /** `[z, y, x]`, the labels of the canvas, live: 0 empty, > 0 object, -1 rejected seed. */
  readonly segmentation: Int32Array;
  /** Edge lengths of a voxel in nanometres, where they are known. */
  readonly voxelSizeNm?: Zyx;
  /** Corner of the subvolume in the volume. */
  readonly corner: Zyx;
  /** Origins (subvolume-local) of the segmentation of the subvolume at `corner` that lies in folder `dir`. */
  loadOrigins(dir: string, corner: Zyx): Promise<ReadonlyMap<number, { readonly startZyx: Zyx }>>;
  /** Aborting it ends the making of a list early: `next()` rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** What a canvas checkpoint keeps of a policy. */
export interface SeedPolicyState {
  /** `[n, 3]` zyx, the seeds in the order they are yielded; empty before the first `next()`. */
  readonly coords: Int32Array;
  /** Row of `coords` that `next()` will yield; the seed being segmented is the row before it. */
  readonly index: number;
}

/** A list of places to start objects at, made when the first one is asked for. One `next()` at a time. */
export interface SeedPolicy {
  /** The next seed, at least `margin` away from every face, or null when there is none left. */
  next(): Promise<Zyx | null>;
  /** What is needed to go on with the list later. */
  state(): SeedPolicyState;
  /**
   * Continues from a saved state instead of making the list anew (it is made when the saved one is empty). Seeds within
   * the margin are dropped and the index adapted, so that lists saved before that filter are understood too.
   *
   * @throws {RangeError} when the index does not fit the list.
   */
  restore(state: SeedPolicyState): void;
  /** Number of seeds in all, known once the list has been made. */
  readonly total?: number;
}
