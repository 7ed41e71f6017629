/**
 * Slots of a batch, each moving the field of view over an example of its own and taking the next one without a pause. The
 * order is fixed: all slots hand out their crops, the network runs, all crops of logits are written back, and only then does
 * each slot look at its canvas to choose where to go.
 */
import { volumeOf, type Zyx } from "../geometry/vectors.ts";
import { logit32 } from "../inference/logit.ts";
import type { Model } from "../models/model.ts";
import type { Example, ExampleDraw } from "./example_loader.ts";
import { copyCrop, type ExampleSizes, indexAt, pasteCrop } from "./fov_geometry.ts";
import { type FovPolicy, POLICIES, type PolicyContext, type PolicyState } from "./fov_policies.ts";
import type { FovPolicyName } from "./fov_geometry.ts";
import type { Batch } from "./training_step.ts";

/** Probability at the voxel where an example starts. */
const SEED_PROB = 0.95;

/** Gives examples and takes back what became of them. */
export interface ExampleEnds {
  next(): Promise<Example>;
  /** Told when the last move of an example is written back; `canvas` is `[z, y, x]` of logits. */
  finished(example: Example, canvas: Float32Array): Promise<void> | void;
  /** Loads an example again, for a run that goes on. */
  load(draw: ExampleDraw): Promise<Example>;
}

/** What fields of view do in every example. */
export interface FovLoopOptions {
  readonly model: Model;
  readonly batchSize: number;
  readonly sizes: ExampleSizes;
  readonly policy: FovPolicyName;
  /** Offsets of the policy `fixed`. */
  readonly shifts: readonly Zyx[];
  /** Probability of voxels that were not visited. */
  readonly seedPad: number;
  /** Logit, rounded to float32, that a new centre must have. */
  readonly threshold: number;
}

/** One slot, as it is saved. */
export interface SlotState {
  readonly draw: ExampleDraw;
  readonly policy: PolicyState;
  readonly canvas: Float32Array;
}

interface Slot {
  readonly example: Example;
  readonly canvas: Float32Array;
  readonly policy: FovPolicy;
  offset: Zyx;
}

/** The slots of one batch. */
export class FovLoop {
  readonly #options: FovLoopOptions;
  readonly #ends: ExampleEnds;
  readonly #context: PolicyContext;
  readonly #slots: (Slot | null)[];
  readonly #batch: Batch;

  constructor(options: FovLoopOptions, ends: ExampleEnds) {
    const { model, batchSize, sizes, shifts, threshold } = options;
    const { deltas, imageSize, seedSize, predSize } = model;
    this.#options = options;
    this.#ends = ends;
    this.#context = { sizes, deltas, imageSize, predSize, shifts, threshold };
    this.#slots = new Array(batchSize).fill(null);
    const floats = (size: Zyx) => new Float32Array(batchSize * volumeOf(size));
    this.#batch = {
      image: floats(imageSize),
      seed: floats(seedSize),
      labels: floats(predSize),
      weights: floats(predSize),
    };
  }

  /** The crops of all slots, each at its next offset. The arrays are overwritten by the next call. */
  async next(): Promise<Batch> {
    const { model, sizes } = this.#options;
    const { image, seed, labels, weights } = this.#batch;
    for (let i = 0; i < this.#slots.length; i++) {
      const { example, canvas, offset } = await this.#advance(i);
      const put = (from: Float32Array, whole: Zyx, crop: Zyx, to: Float32Array) =>
        copyCrop(from, whole, crop, offset, to, i * volumeOf(crop));
      put(example.image, sizes.image, model.imageSize, image);
      put(canvas, sizes.seed, model.seedSize, seed);
      put(example.labels, sizes.label, model.predSize, labels);
      put(example.weights, sizes.label, model.predSize, weights);
    }
    return this.#batch;
  }

  /** Puts the logits `[batch, z, y, x]` of the batch in place of what the canvases held. */
  writeBack(logits: Float32Array): void {
    const { model: { predSize }, sizes } = this.#options;
    this.#slots.forEach((slot, i) => {
      if (slot) {
        pasteCrop(logits, sizes.seed, predSize, slot.offset, slot.canvas, i * volumeOf(predSize));
      }
    });
  }

  /** Drops the examples in progress, whose canvases are of no use any more. */
  clear(): void {
    this.#slots.fill(null);
  }

  /** Volume, centre xyz and offset xyz of each slot, for messages. */
  describe(): string {
    return this.#slots.map((slot) => {
      if (!slot) return "none";
      const { volume, center } = slot.example.draw;
      return `"${volume}" (${center.toReversed().join(", ")}) at offset (${
        slot.offset.toReversed().join(", ")
      })`;
    }).join("; ");
  }

  state(): SlotState[] {
    return this.#slots.flatMap((slot) =>
      slot
        ? [{ draw: slot.example.draw, policy: slot.policy.state(), canvas: slot.canvas.slice() }]
        : []
    );
  }

  /** Goes on with saved slots; they must have been saved between a `writeBack` and a `next`. */
  async restore(states: readonly SlotState[]): Promise<void> {
    for (const [i, { draw, policy, canvas }] of states.entries()) {
      const example = await this.#ends.load(draw);
      const slot = { example, canvas: canvas.slice(), policy: this.#newPolicy() };
      slot.policy.restore(policy);
      this.#slots[i] = { ...slot, offset: [0, 0, 0] };
    }
  }

  #newPolicy(): FovPolicy {
    return POLICIES[this.#options.policy](this.#context);
  }

  async #advance(i: number): Promise<Slot> {
    for (;;) {
      const slot = this.#slots[i];
      const offset = slot?.policy.next(slot.canvas);
      if (slot && offset) {
        slot.offset = offset;
        return slot;
      }
      if (slot) await this.#ends.finished(slot.example, slot.canvas);
      const { sizes, seedPad } = this.#options;
      const canvas = new Float32Array(volumeOf(sizes.seed)).fill(logit32(seedPad));
      canvas[indexAt(sizes.seed, [0, 0, 0])] = logit32(SEED_PROB);
      const example = await this.#ends.next();
      this.#slots[i] = { example, canvas, policy: this.#newPolicy(), offset: [0, 0, 0] };
    }
  }
}
