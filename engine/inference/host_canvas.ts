import type { TypedArray } from "../formats/nd_array.ts";
import type { Origins } from "../formats/origins.ts";
import type { Overlaps } from "../formats/overlaps.ts";
import type { Box } from "../geometry/box.ts";
import { volumeOf, type Zyx } from "../geometry/vectors.ts";
import { makeLabelsContiguous } from "../segmentation/contiguous.ts";
import type { Canvas, CanvasResult, CanvasSnapshot, PositionRestrictor } from "./canvas.ts";
import { type CanvasInput, checkCanvas } from "./canvas_input.ts";
import { type CanvasThresholds, resolveThresholds } from "./canvas_options.ts";
import { Counters } from "./counters.ts";
import { measureObject, touchesObject, writeObject } from "./object_acceptance.ts";
import { type Growing, ObjectGrowth } from "./object_growth.ts";
import { Pace, type ProgressReport, type RunControl } from "./run_control.ts";
import type { SeedPolicy, SeedPolicyState } from "./seed_policies/policy.ts";

/**
 * A canvas whose state lies in host memory and whose network is called one field of view at a time. It is the one on the
 * CPU, and the oracle of those on devices.
 */
export class HostCanvas implements Canvas {
  /** Extent of the subvolume. */
  readonly size: Zyx;
  /** What this canvas has done, and the time it took. */
  readonly counters: Counters;
  /** `[z, y, x]`: 0 empty, > 0 object, -1 seed that was tried and rejected. */
  readonly segmentation: Int32Array;
  /** Quantised probabilities `[z, y, x]`; 0 outside objects. */
  readonly segProb: Uint8Array;
  /** How each object came to be, by label. */
  readonly origins: Origins = new Map();
  /** Earlier objects that each object covered too, by label. */
  readonly overlaps: Overlaps = new Map();
  readonly #thresholds: CanvasThresholds;
  readonly #restrictor?: PositionRestrictor;
  readonly #growth: ObjectGrowth;
  #maxId = 0;
  #seeds: SeedPolicy | null = null;
  /** Whether the last seed taken from `#seeds` is not finished yet. */
  #seedTaken = false;
  /** Where the next `segmentAll` starts, after a restore. */
  #resumeSeeds: SeedPolicyState | null = null;

  /** An empty canvas; throws a `RangeError` or `TypeError` where the parts do not fit each other. */
  constructor(input: CanvasInput) {
    checkCanvas(input);
    this.size = input.size;
    this.counters = input.counters ?? new Counters();
    this.segmentation = new Int32Array(volumeOf(input.size));
    this.segProb = new Uint8Array(volumeOf(input.size));
    this.#thresholds = resolveThresholds(input.options);
    this.#restrictor = input.restrictor;
    this.#growth = new ObjectGrowth(input, this.#thresholds, this.counters, this.segmentation);
  }

  /** Object map `[z, y, x]` in logits, live; NaN where never predicted. */
  get seed(): Float32Array {
    return this.#growth.map.seed;
  }

  /** The box that holds every field of view of the last object. */
  get extent(): Box {
    return this.#growth.extent();
  }

  /** Positions of the last object; filled where `keepHistory` is set, as is `historyDeleted`. */
  get history(): readonly Zyx[] {
    return this.#growth.history;
  }

  /** Voxels deleted at each position of `history`. */
  get historyDeleted(): readonly number[] {
    return this.#growth.historyDeleted;
  }

  async segmentAt(start: Zyx, control: RunControl = {}): Promise<number> {
    if (start.some((p, axis) => !(p >= 0 && p < this.size[axis]))) {
      throw new RangeError(
        `Cannot start an object at (${start.join(", ")}): the canvas has size (${
          this.size.join(", ")
        }) (zyx)`,
      );
    }
    return await this.#growth.grow(start, new Pace(control, this));
  }

  async segmentAll(seeds: SeedPolicy, control: RunControl = {}): Promise<void> {
    const startedMs = performance.now();
    const resume = this.#growth.current;
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
      const valid = this.#growth.isValidPosition(position, true) &&
        (this.#restrictor?.isValidPosition(position) ?? true) &&
        (this.#restrictor?.isValidSeed(position) ?? true);
      if (valid) await this.#trySeed(position, pace);
    }
    pace.report();
    pace.log("Segmentation done.");
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
    return Promise.resolve(this.seed);
  }

  /** The state to go on from; arrays are not copied. */
  snapshot(): CanvasSnapshot {
    const { segmentation, segProb, origins, overlaps } = this;
    const state = this.#seeds?.state() ?? null;
    return {
      segmentation,
      segProb,
      origins,
      overlaps,
      ...this.#growth.snapshot(),
      seeds: state && { coords: state.coords, index: state.index - (this.#seedTaken ? 1 : 0) },
      counters: this.counters.toRecord(),
    };
  }

  restore(snapshot: CanvasSnapshot): void {
    this.segmentation.set(snapshot.segmentation);
    this.segProb.set(snapshot.segProb);
    replaceEntries(this.origins, snapshot.origins);
    replaceEntries(this.overlaps, snapshot.overlaps);
    this.#growth.restore(snapshot);
    this.#resumeSeeds = snapshot.seeds;
    this.counters.restore(snapshot.counters);
    this.#maxId = this.segmentation.reduce((a, b) => Math.max(a, b), 0);
  }

  /** How far it has come. */
  describe(): ProgressReport {
    const { current } = this.#growth;
    return {
      steps: this.counters.get("update_at-calls"),
      voxelsSegmented: this.counters.get("voxels-segmented"),
      canvasVoxels: this.segmentation.length,
      objects: this.origins.size,
      seedsDone: (this.#seeds?.state().index ?? 0) - (this.#seedTaken ? 1 : 0),
      seedsTotal: this.#seeds?.total ?? null,
      current: current && { ...current },
    };
  }

  /** Tries one seed, or goes on with the object that a checkpoint was saved in. */
  async #trySeed(position: Zyx, pace: Pace, resume: Growing | null = null): Promise<void> {
    this.#seedTaken = true;
    await pace.pass();
    const crowded = resume === null &&
      touchesObject(this, position, this.#thresholds.minBoundaryDist);
    if (crowded) {
      this.segmentation[this.#index(position)] = -1;
    } else {
      pace.log(`Starting segmentation at ${position.join(", ")} (zyx)`);
      const startedMs = performance.now();
      const steps = await this.#growth.grow(position, pace, resume);
      const elapsedMs = performance.now() - startedMs;
      this.counters.addMs(this.#accept(position, steps, elapsedMs, pace), elapsedMs);
    }
    this.#seedTaken = false;
  }

  /** Keeps the grown object or marks its seed as rejected; returns the counter that its time belongs to. */
  #accept(start: Zyx, steps: number, elapsedMs: number, pace: Pace): string {
    if (steps === 0) {
      pace.log("Failed: num iters was 0");
      return "invalid-other-time-ms";
    }
    if (this.#growth.map.at(start) < this.#thresholds.move) {
      pace.log("Failed: weak seed");
      this.#reject(start);
      return "invalid-weak-time-ms";
    }
    const box = this.#growth.extent();
    const { segment, minSegmentSize } = this.#thresholds;
    const { voxels, overlapping, overlap } = measureObject(this, box, segment);
    if (voxels < minSegmentSize) {
      pace.log(`Failed: too small: ${voxels}`);
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
    pace.log(
      `Created supervoxel:${this.#maxId}  seed(zyx):${
        start.join(", ")
      }  size:${voxels}  iters:${steps}`,
    );
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
