import type { FloodState } from "../../../kernels/flood/state.ts";
import { OutOfMemoryError } from "../../backends/webgpu/failure.ts";
import type { TypedArray } from "../../formats/nd_array.ts";
import { volumeOf, type Zyx } from "../../geometry/vectors.ts";
import { makeLabelsContiguous } from "../../segmentation/contiguous.ts";
import type { OriginInfo } from "../../formats/origins.ts";
import type { Overlap } from "../../formats/overlaps.ts";
import type { Canvas, CanvasResult, CanvasSnapshot, PositionRestrictor } from "../canvas.ts";
import { Counters } from "../counters.ts";
import type { ProgressReport, RunControl } from "../run_control.ts";
import type { SeedPolicy, SeedPolicyState } from "../seed_policies/policy.ts";
import {
  beginAt,
  beginSeeds,
  isGrowing,
  type Remembered,
  resumeState,
  snapshotOf,
} from "./canvas_states.ts";
import type { DeviceFlood, FloodRun, Round } from "./device_flood.ts";
import { DevicePace } from "./device_pace.ts";
import { readObjects, readOverlaps } from "./flood_records.ts";
import { blockedVoxels, linearIndex, positionOf } from "./voxel_words.ts";

const UNVISITED = 0x7fc00000;

/** What a canvas on a device is made of. */
export interface DeviceCanvasInput {
  /** Normalised image `[z, y, x]` of `size`. */
  readonly image: Float32Array;
  readonly size: Zyx;
  readonly restrictor?: PositionRestrictor;
  readonly counters?: Counters;
  /** Keep the positions of the object in progress, and the voxels deleted at each; off unless set. */
  readonly keepHistory?: boolean;
  /** Called when the canvas is disposed of: its slot is free. */
  readonly release?: () => void;
}

/** A canvas in one slot of a `DeviceFlood`: image, object map and labels stay on the device until they are asked for. */
export class DeviceCanvas implements Canvas {
  readonly size: Zyx;
  readonly counters: Counters;
  readonly #flood: DeviceFlood;
  readonly #slot: number;
  readonly #keepHistory: boolean;
  #release?: () => void;
  readonly #origins = new Map<number, OriginInfo>();
  readonly #overlaps = new Map<number, Overlap>();
  #history: Zyx[] = [];
  #historyDeleted: number[] = [];
  #maxId = 0;
  /** State after the last round. */
  #state: FloodState | null = null;
  #resume: CanvasSnapshot | null = null;
  #seeds: SeedPolicy | null = null;
  /** Row of the policy's list that the device's first seed is. */
  #firstSeed = 0;
  /** Time and fields of view of this call, for the walltime of objects. */
  #spentMs = 0;
  #spentSteps = 0;

  /** Takes over `slot` of a flood, which no other canvas may use meanwhile. */
  constructor(flood: DeviceFlood, slot: number, input: DeviceCanvasInput) {
    this.size = input.size;
    this.counters = input.counters ?? new Counters();
    this.#flood = flood;
    this.#slot = slot;
    this.#keepHistory = input.keepHistory ?? false;
    this.#release = input.release;
    const { memory } = flood;
    const voxels = volumeOf(input.size);
    memory.write("image", slot, input.image as Float32Array<ArrayBuffer>);
    memory.fill("object_map", slot, UNVISITED, voxels);
    for (const name of ["segmentation", "probs", "done", "labels"] as const) {
      memory.fill(name, slot, 0, Math.floor(memory.bytesOf(name) / 4));
    }
    memory.write("blocked", slot, blockedVoxels(input.size, input.restrictor));
  }

  initSegmentation(labels: TypedArray): ReadonlyMap<number | bigint, number> {
    if (labels.length !== volumeOf(this.size)) {
      throw new RangeError(
        `Cannot take over a segmentation of ${labels.length} voxels: the canvas has ${
          volumeOf(this.size)
        }`,
      );
    }
    const contiguous = makeLabelsContiguous(labels, { keepZero: true });
    this.#writeLabels(
      Int32Array.from(contiguous.labels),
      Uint8Array.from(contiguous.labels, (label) => label > 0 ? 255 : 0),
    );
    this.#maxId = contiguous.mapping.length - 1;
    return new Map(contiguous.mapping);
  }

  async segmentAt(start: Zyx, control: RunControl = {}): Promise<number> {
    if (start.some((p, axis) => !(p >= 0 && p < this.size[axis]))) {
      throw new RangeError(
        `Cannot start an object at (${start.join(", ")}): the canvas has size (${
          this.size.join(", ")
        }) (zyx)`,
      );
    }
    const begin = beginAt(await this.#flood.readState(this.#slot), this.size, start, this.#maxId);
    this.#flood.memory.write("queue", this.#slot, Uint32Array.of(begin.get("start")));
    this.#resume = null;
    const state = await this.#run(begin, control);
    return state.get("steps");
  }

  async segmentAll(seeds: SeedPolicy, control: RunControl = {}): Promise<void> {
    const startedMs = performance.now();
    const resume = this.#resume;
    this.#resume = null;
    const growing = resume !== null && resume.partialSteps > 0;
    if (resume?.seeds) {
      seeds.restore({ coords: resume.seeds.coords, index: resume.seeds.index + Number(growing) });
    }
    this.#seeds = seeds;
    this.#firstSeed = seeds.state().index;
    const rest = await this.#remainingSeeds(seeds, control.signal);
    const labels = this.#maxId + rest.length + 2;
    await this.#flood.reserve({ labels, overlaps: labels }, resume?.movement.queueScores.length);
    let begin = growing
      ? resumeState(this.#flood.memory, this.#slot, this.size, resume, this.#maxId)
      : beginSeeds(await this.#flood.readState(this.#slot), this.size, this.#maxId);
    const room = this.#flood.memory.capacity.seeds;
    for (let first = 0; first === 0 || first < rest.length; first += room) {
      const part = rest.subarray(first, first + room);
      this.#flood.memory.write("seeds", this.#slot, part as Uint32Array<ArrayBuffer>);
      begin.set("n_seeds", part.length);
      const end = await this.#run(begin, control);
      await this.#collect(end);
      this.#firstSeed += part.length;
      begin = beginSeeds(end, this.size, this.#maxId);
    }
    this.#seeds = null;
    // The call that found no more seeds.
    this.counters.increment("seed-policy-calls");
    this.counters.stop("segment_all", startedMs);
  }

  async result(): Promise<CanvasResult> {
    const voxels = volumeOf(this.size);
    const { memory } = this.#flood;
    const segmentation = await memory.read("segmentation", this.#slot, 4 * voxels);
    const probs = await memory.read("probs", this.#slot, voxels);
    return {
      segmentation: new Int32Array(segmentation),
      segProb: new Uint8Array(probs, 0, voxels),
      origins: this.#origins,
      overlaps: this.#overlaps,
    };
  }

  async objectMap(): Promise<Float32Array> {
    const bytes = 4 * volumeOf(this.size);
    return new Float32Array(await this.#flood.memory.read("object_map", this.#slot, bytes));
  }

  restore(snapshot: CanvasSnapshot): void {
    this.#writeLabels(
      Int32Array.from(snapshot.segmentation),
      Uint8Array.from(snapshot.segProb),
    );
    this.#flood.memory.write("object_map", this.#slot, Float32Array.from(snapshot.seed));
    this.#origins.clear();
    this.#overlaps.clear();
    for (const [id, origin] of snapshot.origins) this.#origins.set(id, origin);
    for (const [id, overlap] of snapshot.overlaps) this.#overlaps.set(id, overlap);
    this.#history = [...snapshot.history];
    this.#historyDeleted = [...snapshot.historyDeleted];
    this.counters.restore(snapshot.counters);
    // Ids above every label and origin, so that the device need not look for gaps.
    this.#maxId = snapshot.segmentation.reduce((a, b) => Math.max(a, b), 0);
    for (const id of snapshot.origins.keys()) this.#maxId = Math.max(this.#maxId, id);
    this.#resume = snapshot;
  }

  /** Positions of the object in progress, and voxels deleted at each; filled where `keepHistory` is set. */
  get history(): { readonly positions: readonly Zyx[]; readonly deleted: readonly number[] } {
    return { positions: this.#history, deleted: this.#historyDeleted };
  }

  /** How far the canvas has come, as of the last round. */
  describe(): ProgressReport {
    const state = this.#state;
    const growing = state !== null && isGrowing(state);
    return {
      steps: this.counters.get("update_at-calls"),
      voxelsSegmented: this.counters.get("voxels-segmented"),
      canvasVoxels: volumeOf(this.size),
      objects: this.#origins.size + (state?.get("n_objects") ?? 0),
      seedsDone: this.#firstSeed + (state?.get("next_seed") ?? 0) - Number(growing),
      seedsTotal: this.#seeds?.total ?? null,
      current: state && growing
        ? { start: positionOf(state.get("start"), this.size), steps: state.get("steps") }
        : null,
    };
  }

  /** Everything needed to go on later, here or on the host; between rounds only. */
  async snapshot(): Promise<CanvasSnapshot> {
    const state = this.#state ?? await this.#flood.readState(this.#slot);
    await this.#collect(state);
    const seeds: SeedPolicyState | null = this.#seeds?.state() ?? null;
    const remembered: Remembered = {
      ...await this.result(),
      seed: await this.objectMap(),
      origins: new Map(this.#origins),
      overlaps: new Map(this.#overlaps),
      history: this.#history,
      historyDeleted: this.#historyDeleted,
      counters: this.counters.toRecord(),
    };
    const place = seeds && { coords: seeds.coords, first: this.#firstSeed };
    return await snapshotOf(this.#flood.memory, this.#slot, state, remembered, place);
  }

  /** Leaves the slot to another canvas. */
  [Symbol.dispose](): void {
    this.#release?.();
    this.#release = undefined;
  }

  /** Lists the seeds that a policy has left, as linear voxel indices. */
  async #remainingSeeds(seeds: SeedPolicy, signal?: AbortSignal): Promise<Uint32Array> {
    const list: number[] = [];
    const startedMs = performance.now();
    for (let position; (position = await seeds.next()) !== null;) {
      signal?.throwIfAborted();
      list.push(linearIndex(position, this.size));
    }
    this.counters.addMs("seed-policy-time-ms", performance.now() - startedMs);
    return Uint32Array.from(list);
  }

  async #run(begin: FloodState, control: RunControl): Promise<FloodState> {
    const pace = new DevicePace(control, this);
    this.#state = begin;
    const run: FloodRun = {
      wantsTraces: control.onStep !== undefined || this.#keepHistory,
      afterRound: async (round) => {
        this.#book(round, control);
        await pace.pass();
      },
      drainOverlaps: (state) => this.#collectOverlaps(state),
    };
    try {
      return await this.#flood.run(this.#slot, run, begin);
    } catch (error) {
      // The device is well, and another canvas may go on from here.
      if (error instanceof OutOfMemoryError) await pace.save();
      throw error;
    }
  }

  /** Adds what a round did to counters and history. */
  #book({ state, steps, elapsedMs, traces }: Round, control: RunControl): void {
    const before = this.#state!;
    this.#state = state;
    this.#spentMs += elapsedMs;
    this.#spentSteps += steps;
    const grown = (field: Parameters<FloodState["get"]>[0]) => state.get(field) - before.get(field);
    const { counters } = this;
    for (const timer of ["update_at", "predict", "inference"]) {
      counters.increment(`${timer}-calls`, steps);
      counters.addMs(`${timer}-time-ms`, elapsedMs);
    }
    counters.increment("segment_at-loop-calls", completed(state) - completed(before));
    counters.addMs("segment_at-loop-time-ms", elapsedMs);
    for (
      const [name, field] of [
        ["seed-policy-calls", "next_seed"],
        ["skip_threshold", "skip_threshold"],
        ["skip_invalid_pos", "skip_invalid"],
        ["skip_restriced_pos", "skip_restricted"],
        ["seed_got_too_weak", "too_weak"],
        ["voxels-segmented", "voxels_segmented"],
      ] as const
    ) if (grown(field) > 0) counters.increment(name, grown(field));
    const msPerStep = steps > 0 ? elapsedMs / steps : 0;
    counters.addMs("invalid-weak-time-ms", grown("steps_weak") * msPerStep);
    counters.addMs("invalid-small-time-ms", grown("steps_small") * msPerStep);
    counters.addMs("valid-time-ms", grown("steps_valid") * msPerStep);
    for (const trace of traces) {
      const position = positionOf(trace.position, this.size);
      if (this.#keepHistory) {
        if (trace.step === 1) [this.#history, this.#historyDeleted] = [[], []];
        this.#history.push(position);
        if (this.#flood.memory.config.countDeleted) this.#historyDeleted.push(trace.deleted);
      }
      control.onStep?.(position, trace.step);
    }
  }

  /** Takes over the objects that were accepted since the last time. */
  async #collect(state: FloodState): Promise<void> {
    const secondsPerStep = this.#spentSteps > 0 ? this.#spentMs / this.#spentSteps / 1000 : 0;
    for (const object of await readObjects(this.#flood.memory, this.#slot, state)) {
      this.#origins.set(object.id, {
        startZyx: positionOf(object.start, this.size),
        iters: object.steps,
        walltimeSec: object.steps * secondsPerStep,
      });
      if (!this.#overlaps.has(object.id)) this.#overlaps.set(object.id, { ids: [], counts: [] });
      this.counters.increment("voxels-overlapping", object.raw - object.size);
    }
    await this.#collectOverlaps(state);
    this.#maxId = Math.max(this.#maxId, state.get("max_id"));
    if (state.get("n_objects") + state.get("n_overlaps") === 0) return;
    for (const field of ["n_objects", "n_overlaps"] as const) {
      state.set(field, 0);
      this.#flood.setState(this.#slot, field, 0);
    }
  }

  async #collectOverlaps(state: FloodState): Promise<void> {
    for (const [id, overlaps] of await readOverlaps(this.#flood.memory, this.#slot, state)) {
      this.#overlaps.set(id, overlaps);
    }
  }

  #writeLabels(segmentation: Int32Array<ArrayBuffer>, probs: Uint8Array<ArrayBuffer>): void {
    this.#flood.memory.write("segmentation", this.#slot, segmentation);
    this.#flood.memory.write("probs", this.#slot, probs);
  }
}

/** Objects that were grown to their end, whatever became of them. */
function completed(state: FloodState): number {
  const growing = isGrowing(state);
  return state.get("loops") - Number(growing);
}
