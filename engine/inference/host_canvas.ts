import type { TypedArray } from "../formats/nd_array.ts";
import type { Origins } from "../formats/origins.ts";
import type { Overlaps } from "../formats/overlaps.ts";
import { floorDivZyx, mapZyx, maxZyx, minZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import { makeLabelsContiguous } from "../segmentation/contiguous.ts";
import type {
  Canvas,
  CanvasResult,
  CanvasSnapshot,
  FovPredictor,
  PositionRestrictor,
} from "./canvas.ts";
import { type CanvasOptions, type CanvasThresholds, resolveThresholds } from "./canvas_options.ts";
import { checkCanvas } from "./check_canvas.ts";
import { Counters } from "./counters.ts";
import { createMovementPolicy, type MovementPolicy } from "./movement_policy.ts";
import { measureObject, touchesObject, writeObject } from "./object_acceptance.ts";
import { type HaltRule, ObjectMap } from "./object_map.ts";
import { Pace, type ProgressReport, type RunControl } from "./run_control.ts";
import type { SeedPolicy, SeedPolicyState } from "./seed_policies/policy.ts";

/** What a canvas is made of. */
export interface CanvasInput {
  /** Normalised image `[z, y, x]` of `size`. */
  readonly image: Float32Array;
  readonly size: Zyx;
  /** A network, or the client of an executor that several canvases share. */
  readonly predictor: FovPredictor;
  readonly options: CanvasOptions;
  readonly restrictor?: PositionRestrictor;
  readonly movementPolicy?: {
    readonly name?: string;
    readonly args?: Readonly<Record<string, unknown>>;
  };
  readonly halt?: HaltRule;
  readonly counters?: Counters;
  /** Keep the positions of the object in progress, and the voxels deleted at each; off unless set. */
  readonly keepHistory?: boolean;
  /** Begin every object with an empty object map; on unless cleared, then objects share one map. */
  readonly resetSeedPerSegment?: boolean;
}

/** The object that is growing. */
interface Growth {
  readonly start: Zyx;
  steps: number;
}

/**
 * A canvas whose state lies in host memory and whose network is called one field of view at a time. It is the one on the
 * CPU, and the oracle of those on devices.
 */
export class HostCanvas implements Canvas {
  readonly size: Zyx;
  readonly counters: Counters;
  /** `[z, y, x]`: 0 empty, > 0 object, -1 seed that was tried and rejected. */
  readonly segmentation: Int32Array;
  /** Quantised probabilities `[z, y, x]`; 0 outside objects. */
  readonly segProb: Uint8Array;
  readonly origins: Origins = new Map();
  readonly overlaps: Overlaps = new Map();
  /** Positions of the current object, and voxels deleted at each; filled where `keepHistory` is set. */
  history: Zyx[] = [];
  historyDeleted: number[] = [];
  readonly #thresholds: CanvasThresholds;
  readonly #margin: Zyx;
  readonly #predSize: Zyx;
  readonly #restrictor?: PositionRestrictor;
  readonly #movement: MovementPolicy;
  readonly #map: ObjectMap;
  readonly #keepHistory: boolean;
  readonly #resetSeed: boolean;
  #minPosition: Zyx = [0, 0, 0];
  #maxPosition: Zyx = [0, 0, 0];
  #maxId = 0;
  #growth: Growth | null = null;
  #seeds: SeedPolicy | null = null;
  /** Whether the last seed taken from `#seeds` is not finished yet. */
  #seedTaken = false;
  /** Where the next `segmentAll` starts, after a restore. */
  #resumeSeeds: SeedPolicyState | null = null;

  constructor(input: CanvasInput) {
    checkCanvas(input);
    const { model } = input.predictor;
    this.size = input.size;
    this.counters = input.counters ?? new Counters();
    this.segmentation = new Int32Array(volumeOf(input.size));
    this.segProb = new Uint8Array(volumeOf(input.size));
    this.#thresholds = resolveThresholds(input.options);
    this.#margin = floorDivZyx(model.imageSize, 2);
    this.#predSize = model.predSize;
    this.#restrictor = input.restrictor;
    this.#keepHistory = input.keepHistory ?? false;
    this.#resetSeed = input.resetSeedPerSegment ?? true;
    this.#map = new ObjectMap({
      image: input.image,
      size: input.size,
      predictor: input.predictor,
      thresholds: this.#thresholds,
      counters: this.counters,
      halt: input.halt,
      countDeleted: this.#keepHistory,
    });
    this.#movement = createMovementPolicy(
      input.movementPolicy?.name ?? "",
      input.movementPolicy?.args ?? {},
      {
        canvasSize: input.size,
        predSize: model.predSize,
        deltas: model.deltas,
        scoreThreshold: this.#thresholds.score,
        isValidPosition: (position) => this.isValidPosition(position),
      },
    );
  }

  /** Object map `[z, y, x]` in logits, live; NaN where never predicted. */
  get seed(): Float32Array {
    return this.#map.seed;
  }

  /** Whether the field of view may be centred here; `ignoreMove` leaves the object map out of it, as for seeds. */
  isValidPosition(position: Zyx, ignoreMove = false): boolean {
    // A voxel that was never visited is NaN, which is not below the threshold.
    if (!ignoreMove && this.#map.at(position) < this.#thresholds.move) {
      this.counters.increment("skip_threshold");
      return false;
    }
    const [z, y, x] = position;
    const [nz, ny, nx] = this.size;
    const [mz, my, mx] = this.#margin;
    const inside = z >= mz && y >= my && x >= mx && z + mz < nz && y + my < ny && x + mx < nx;
    if (inside && this.segmentation[this.#index(position)] <= 0) return true;
    this.counters.increment("skip_invalid_pos");
    return false;
  }

  async segmentAt(start: Zyx, control: RunControl = {}): Promise<number> {
    if (start.some((p, axis) => !(p >= 0 && p < this.size[axis]))) {
      throw new RangeError(
        `Cannot start an object at (${start.join(", ")}): the canvas has size (${
          this.size.join(", ")
        }) (zyx)`,
      );
    }
    return await this.#grow(start, new Pace(control, this));
  }

  async segmentAll(seeds: SeedPolicy, control: RunControl = {}): Promise<void> {
    const startedMs = performance.now();
    const resume = this.#growth;
    if (this.#resumeSeeds !== null) {
      // The saved index is the unfinished object's own, which is not to be yielded again when it goes on.
      const { coords, index } = this.#resumeSeeds;
      seeds.restore({ coords, index: index + (resume ? 1 : 0) });
      this.#resumeSeeds = null;
    }
    this.#seeds = seeds;
    const pace = new Pace(control, this);
    if (resume) await this.#trySeed(resume.start, pace, resume);
    for (;;) {
      const position = await this.counters.time("seed-policy", () => seeds.next());
      if (position === null) break;
      const valid = this.isValidPosition(position, true) &&
        (this.#restrictor?.isValidPosition(position) ?? true) &&
        (this.#restrictor?.isValidSeed(position) ?? true);
      if (valid) await this.#trySeed(position, pace);
    }
    pace.report();
    this.#seeds = null;
    this.counters.stop("segment_all", startedMs);
  }

  initSegmentation(labels: TypedArray): ReadonlyMap<number | bigint, number> {
    if (labels.length !== this.segmentation.length) {
      throw new RangeError(
        `Cannot take over a segmentation of ${labels.length} voxels: the canvas has ${this.segmentation.length}`,
      );
    }
    // Background is kept apart even where no voxel has it, or the smallest label would become background.
    const contiguous = makeLabelsContiguous(labels, { keepZero: true });
    this.segmentation.set(contiguous.labels);
    this.segProb.set(contiguous.labels.map((label) => label > 0 ? 255 : 0));
    this.#maxId = contiguous.mapping.length - 1;
    return new Map(contiguous.mapping);
  }

  result(): Promise<CanvasResult> {
    const { segmentation, segProb, origins, overlaps } = this;
    return Promise.resolve({ segmentation, segProb, origins, overlaps });
  }

  objectMap(): Promise<Float32Array> {
    return Promise.resolve(this.#map.seed);
  }

  snapshot(): CanvasSnapshot {
    const state = this.#seeds?.state() ?? null;
    return {
      segmentation: this.segmentation,
      segProb: this.segProb,
      seed: this.#map.seed,
      origins: this.origins,
      overlaps: this.overlaps,
      history: this.history,
      historyDeleted: this.historyDeleted,
      movement: this.#movement.state(),
      seeds: state && { coords: state.coords, index: state.index - (this.#seedTaken ? 1 : 0) },
      minPosition: this.#minPosition,
      maxPosition: this.#maxPosition,
      partialSteps: this.#growth?.steps ?? 0,
      counters: this.counters.toRecord(),
    };
  }

  restore(snapshot: CanvasSnapshot): void {
    this.segmentation.set(snapshot.segmentation);
    this.segProb.set(snapshot.segProb);
    this.#map.load(snapshot.seed);
    replaceEntries(this.origins, snapshot.origins);
    replaceEntries(this.overlaps, snapshot.overlaps);
    this.history = [...snapshot.history];
    this.historyDeleted = [...snapshot.historyDeleted];
    this.#movement.restore(snapshot.movement);
    this.#resumeSeeds = snapshot.seeds;
    this.#minPosition = snapshot.minPosition;
    this.#maxPosition = snapshot.maxPosition;
    this.counters.restore(snapshot.counters);
    this.#maxId = this.segmentation.reduce((a, b) => Math.max(a, b), 0);
    this.#growth = snapshot.partialSteps > 0
      ? { start: snapshot.movement.start, steps: snapshot.partialSteps }
      : null;
  }

  describe(): ProgressReport {
    return {
      steps: this.counters.get("update_at-calls"),
      voxelsSegmented: this.counters.get("voxels-segmented"),
      canvasVoxels: this.segmentation.length,
      objects: this.origins.size,
      seedsDone: (this.#seeds?.state().index ?? 0) - (this.#seedTaken ? 1 : 0),
      seedsTotal: this.#seeds?.total ?? null,
      current: this.#growth && { start: this.#growth.start, steps: this.#growth.steps },
    };
  }

  /** Tries one seed, or goes on with the object that a checkpoint was saved in. */
  async #trySeed(position: Zyx, pace: Pace, resume: Growth | null = null): Promise<void> {
    this.#seedTaken = true;
    await pace.pass();
    const crowded = resume === null &&
      touchesObject(this, position, this.#thresholds.minBoundaryDist);
    if (crowded) {
      this.segmentation[this.#index(position)] = -1;
    } else {
      const startedMs = performance.now();
      const steps = await this.#grow(position, pace, resume);
      const elapsedMs = performance.now() - startedMs;
      this.counters.addMs(this.#accept(position, steps, elapsedMs), elapsedMs);
    }
    this.#seedTaken = false;
  }

  /** Grows an object, from its start or from where a checkpoint left it; returns the fields of view predicted for it. */
  async #grow(start: Zyx, pace: Pace, resume: Growth | null = null): Promise<number> {
    const startedMs = performance.now();
    const growth = resume ?? { start, steps: 0 };
    if (resume === null) this.#begin(start);
    this.#growth = growth;
    for (let position; (position = this.#movement.next()) !== null;) {
      if (this.#map.at(start) < this.#thresholds.move) {
        this.counters.increment("seed_got_too_weak");
        break;
      }
      if (this.#restrictor?.isValidPosition(position) === false) {
        this.counters.increment("skip_restriced_pos");
        continue;
      }
      const logits = await this.#map.update(position, start);
      this.#minPosition = minZyx(this.#minPosition, position);
      this.#maxPosition = maxZyx(this.#maxPosition, position);
      growth.steps++;
      const movedMs = performance.now();
      this.#movement.update(logits, position);
      this.counters.stop("movement_policy", movedMs);
      const overheadMs = performance.now();
      if (this.#keepHistory) {
        this.history.push(position);
        if (this.#map.deleted !== null) this.historyDeleted.push(this.#map.deleted);
      }
      pace.step(position, growth.steps);
      this.counters.stop("segment_at-overhead", overheadMs);
      await pace.pass();
    }
    this.#growth = null;
    this.counters.stop("segment_at-loop", startedMs);
    return growth.steps;
  }

  #begin(start: Zyx): void {
    if (this.#resetSeed) this.#map.begin(start);
    this.#movement.reset(start);
    this.history = [];
    this.historyDeleted = [];
    this.#minPosition = this.#maxPosition = start;
  }

  /** Keeps the grown object or marks its seed as rejected; returns the counter that its time belongs to. */
  #accept(start: Zyx, steps: number, elapsedMs: number): string {
    if (steps === 0) return "invalid-other-time-ms";
    if (this.#map.at(start) < this.#thresholds.move) {
      this.#reject(start);
      return "invalid-weak-time-ms";
    }
    const half = floorDivZyx(this.#predSize, 2);
    const from = mapZyx((p, h) => Math.max(p - h, 0), this.#minPosition, half);
    const end = mapZyx(
      (p, h, axis) => Math.min(p + h + 1, this.size[axis]),
      this.#maxPosition,
      half,
    );
    const box = { start: from, size: mapZyx((a, b) => a - b, end, from) };
    const { segment, minSegmentSize } = this.#thresholds;
    const { voxels, overlapping, overlap } = measureObject(this, box, segment);
    if (voxels < minSegmentSize) {
      this.#reject(start);
      return "invalid-small-time-ms";
    }
    this.counters.increment("voxels-segmented", voxels);
    this.counters.increment("voxels-overlapping", overlapping);
    do this.#maxId++; while (this.origins.has(this.#maxId));
    writeObject(this, box, segment, this.#maxId);
    this.overlaps.set(this.#maxId, overlap);
    this.origins.set(this.#maxId, {
      startZyx: start,
      iters: steps,
      walltimeSec: elapsedMs / 1000,
    });
    return "valid-time-ms";
  }

  #reject(position: Zyx): void {
    const index = this.#index(position);
    if (this.segmentation[index] === 0) this.segmentation[index] = -1;
  }

  #index(position: Zyx): number {
    return (position[0] * this.size[1] + position[1]) * this.size[2] + position[2];
  }
}

function replaceEntries<K, V>(map: Map<K, V>, entries: ReadonlyMap<K, V>): void {
  map.clear();
  for (const [key, value] of entries) map.set(key, value);
}
