import type { Box } from "../geometry/box.ts";
import { floorDivZyx, mapZyx, maxZyx, minZyx, subZyx, type Zyx } from "../geometry/vectors.ts";
import type { CanvasSnapshot } from "./canvas.ts";
import type { CanvasInput } from "./canvas_input.ts";
import type { CanvasThresholds } from "./canvas_options.ts";
import type { Counters } from "./counters.ts";
import { createMovementPolicy, type MovementPolicy } from "./movement_policy.ts";
import { ObjectMap } from "./object_map.ts";
import type { Pace } from "./run_control.ts";

/** The object that is growing. */
export interface Growing {
  readonly start: Zyx;
  /** Fields of view predicted for it so far. */
  steps: number;
}

/** What a snapshot holds of the object in progress. */
type GrowthState = Pick<
  CanvasSnapshot,
  | "seed"
  | "movement"
  | "history"
  | "historyDeleted"
  | "minPosition"
  | "maxPosition"
  | "partialSteps"
>;

/** Grows one object at a time: from its seed, along the movement policy, until no position is left. */
export class ObjectGrowth {
  readonly map: ObjectMap;
  /** Positions of the last object, and voxels deleted at each; filled where the canvas keeps them. */
  history: Zyx[] = [];
  historyDeleted: number[] = [];
  /** Null between objects. */
  current: Growing | null = null;
  readonly #input: CanvasInput;
  readonly #thresholds: CanvasThresholds;
  readonly #counters: Counters;
  /** Labels of the canvas, `[z, y, x]`. */
  readonly #segmentation: Int32Array;
  readonly #margin: Zyx;
  readonly #movement: MovementPolicy;
  #minPosition: Zyx = [0, 0, 0];
  #maxPosition: Zyx = [0, 0, 0];

  constructor(
    input: CanvasInput,
    thresholds: CanvasThresholds,
    counters: Counters,
    segmentation: Int32Array,
  ) {
    const { image, size, predictor, halt } = input;
    const { model } = predictor;
    this.#input = input;
    this.#thresholds = thresholds;
    this.#counters = counters;
    this.#segmentation = segmentation;
    this.#margin = floorDivZyx(model.imageSize, 2);
    const countDeleted = input.keepHistory ?? false;
    this.map = new ObjectMap({ image, size, predictor, thresholds, counters, halt, countDeleted });
    const { name = "", args = {} } = input.movementPolicy ?? {};
    this.#movement = createMovementPolicy(name, args, {
      canvasSize: size,
      predSize: model.predSize,
      deltas: model.deltas,
      scoreThreshold: thresholds.score,
      isValidPosition: (position) => this.isValidPosition(position),
    });
  }

  /** Whether the field of view may be centred here; `ignoreMove` leaves the object map out of it, as for seeds. */
  isValidPosition(position: Zyx, ignoreMove = false): boolean {
    // A voxel that was never visited is NaN, which is not below the threshold.
    if (!ignoreMove && this.map.at(position) < this.#thresholds.move) {
      this.#counters.increment("skip_threshold");
      return false;
    }
    const [z, y, x] = position;
    const [nz, ny, nx] = this.#input.size;
    const [mz, my, mx] = this.#margin;
    const inside = z >= mz && y >= my && x >= mx && z + mz < nz && y + my < ny && x + mx < nx;
    if (inside && this.#segmentation[(z * ny + y) * nx + x] <= 0) return true;
    this.#counters.increment("skip_invalid_pos");
    return false;
  }

  /** Grows an object, from its start or from where a checkpoint left it; returns the fields of view predicted for it. */
  async grow(start: Zyx, pace: Pace, resume: Growing | null = null): Promise<number> {
    const startedMs = performance.now();
    const growing = resume ?? { start, steps: 0 };
    if (resume === null) this.#begin(start);
    this.current = growing;
    for (let position; (position = this.#movement.next()) !== null;) {
      if (this.map.at(start) < this.#thresholds.move) {
        this.#counters.increment("seed_got_too_weak");
        break;
      }
      if (this.#input.restrictor?.isValidPosition(position) === false) {
        this.#counters.increment("skip_restriced_pos");
        continue;
      }
      const logits = await this.map.update(position, start);
      growing.steps++;
      this.#moveOn(position, logits);
      pace.step(position, growing.steps);
      await pace.pass();
    }
    this.current = null;
    this.#counters.stop("segment_at-loop", startedMs);
    return growing.steps;
  }

  /** The box that holds every field of view of the last object, clipped to the canvas. */
  extent(): Box {
    const half = floorDivZyx(this.#input.predictor.model.predSize, 2);
    const start = maxZyx(subZyx(this.#minPosition, half), [0, 0, 0]);
    const end = minZyx(mapZyx((p, h) => p + h + 1, this.#maxPosition, half), this.#input.size);
    return { start, size: subZyx(end, start) };
  }

  snapshot(): GrowthState {
    return {
      seed: this.map.seed,
      movement: this.#movement.state(),
      history: this.history,
      historyDeleted: this.historyDeleted,
      minPosition: this.#minPosition,
      maxPosition: this.#maxPosition,
      partialSteps: this.current?.steps ?? 0,
    };
  }

  restore(state: GrowthState): void {
    this.map.load(state.seed);
    this.#movement.restore(state.movement);
    this.history = [...state.history];
    this.historyDeleted = [...state.historyDeleted];
    this.#minPosition = state.minPosition;
    this.#maxPosition = state.maxPosition;
    this.current = state.partialSteps > 0
      ? { start: state.movement.start, steps: state.partialSteps }
      : null;
  }

  #begin(start: Zyx): void {
    if (this.#input.resetSeedPerSegment ?? true) this.map.begin(start);
    this.#movement.reset(start);
    this.history = [];
    this.historyDeleted = [];
    this.#minPosition = this.#maxPosition = start;
  }

  /** Takes a prediction into account: where the object reaches, and where it may go next. */
  #moveOn(position: Zyx, logits: Float32Array): void {
    this.#minPosition = minZyx(this.#minPosition, position);
    this.#maxPosition = maxZyx(this.#maxPosition, position);
    const movedMs = performance.now();
    this.#movement.update(logits, position);
    this.#counters.stop("movement_policy", movedMs);
    const overheadMs = performance.now();
    if (this.#input.keepHistory) {
      this.history.push(position);
      if (this.map.deleted !== null) this.historyDeleted.push(this.map.deleted);
    }
    this.#counters.stop("segment_at-overhead", overheadMs);
  }
}
