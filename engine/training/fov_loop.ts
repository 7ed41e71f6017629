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
import {
  type FovPolicy,
  type MoveRecord,
  POLICIES,
  type PolicyContext,
  type PolicyState,
} from "./fov_policies.ts";
import type { FovPolicyName } from "./fov_geometry.ts";
import type { Batch } from "./training_step.ts";

/** Probability at the voxel where an example starts. */
const SEED_PROB = 0.95;

/** Gives examples and takes back what became of them. */
export interface ExampleEnds {
  next(): Promise<Example>;
  /** Told when the last move of an example is written back; `canvas` is `[z, y, x]` of logits. */
  finished(example: Example, canvas: Float32Array): Promise<void> | void;
  /** Told of every move that the policy considers. */
  moved?(move: MoveRecord): void;
  /** Loads an example again, for a run that goes on. */
  load(draw: ExampleDraw): Promise<Example>;
}

/** What fields of view do in every example. */
export interface FovLoopOptions {
  readonly model: Model;
  readonly batchSize: number;
  /**
   * Batches that examples are spread over: with N there are N times as many slots, and a slot waits N - 1 steps between two
   * moves, so that batches after each other show different examples. 1 unless given.
   */
  readonly mixBatches?: number;
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
  readonly index: number;
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

/** The slots of a run. */
export class FovLoop {
  readonly #options: FovLoopOptions;
  readonly #ends: ExampleEnds;
  readonly #context: PolicyContext;
  readonly #slots: (Slot | null)[];
  readonly #batch: Batch;
  /** Number of the first slot of the current batch. */
  #first = 0;
  /** Whether the current batch was handed out. */
  #isOut = false;

  constructor(options: FovLoopOptions, ends: ExampleEnds) {
    const { model, batchSize, mixBatches = 1, sizes, shifts, threshold } = options;
    const { deltas, imageSize, seedSize, predSize } = model;
    this.#options = options;
    this.#ends = ends;
    this.#context = { sizes, deltas, imageSize, predSize, shifts, threshold };
    this.#slots = new Array(batchSize * mixBatches).fill(null);
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
    const { model, batchSize, sizes } = this.#options;
    const { image, seed, labels, weights } = this.#batch;
    if (this.#isOut) this.#first = (this.#first + batchSize) % this.#slots.length;
    this.#isOut = true;
    for (let i = 0; i < batchSize; i++) {
      const { example, canvas, offset } = await this.#advance(this.#first + i);
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
    this.#current().forEach((slot, i) => {
      if (slot) {
        pasteCrop(logits, sizes.seed, predSize, slot.offset, slot.canvas, i * volumeOf(predSize));
      }
    });
  }

  /** Drops the examples of the current batch, whose canvases are of no use any more. */
  clear(): void {
    this.#slots.fill(null, this.#first, this.#first + this.#options.batchSize);
  }

  #current(): (Slot | null)[] {
    return this.#slots.slice(this.#first, this.#first + this.#options.batchSize);
  }

  /** Volume, centre xyz and offset xyz of each example of the batch, for messages. */
  describe(): string {
    return this.#current().map((slot) => {
      if (!slot) return "none";
      const { volume, center } = slot.example.draw;
      return `"${volume}" (${center.toReversed().join(", ")}) at offset (${
        slot.offset.toReversed().join(", ")
      })`;
    }).join("; ");
  }

  /** The slots that have an example, counted from the one whose turn is next. */
  state(): SlotState[] {
    const next = this.#isOut ? this.#first + this.#options.batchSize : this.#first;
    const turned = [...this.#slots.slice(next), ...this.#slots.slice(0, next)];
    return turned.flatMap((slot, index) => {
      if (!slot) return [];
      const { example, policy, canvas } = slot;
      return [{ index, draw: example.draw, policy: policy.state(), canvas: canvas.slice() }];
    });
  }

  /** Goes on with saved slots; they must have been saved between a `writeBack` and a `next`. */
  async restore(states: readonly SlotState[]): Promise<void> {
    for (const { index, draw, policy, canvas } of states) {
      const example = await this.#ends.load(draw);
      const slot = { example, canvas: canvas.slice(), policy: this.#newPolicy(example) };
      slot.policy.restore(policy);
      this.#slots[index] = { ...slot, offset: [0, 0, 0] };
    }
  }

  #newPolicy({ draw, labels }: Example): FovPolicy {
    return POLICIES[this.#options.policy](this.#context, {
      labels,
      moveSeed: draw.moveSeed,
      record: (move) => this.#ends.moved?.(move),
    });
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
      this.#slots[i] = { example, canvas, policy: this.#newPolicy(example), offset: [0, 0, 0] };
    }
  }
}
