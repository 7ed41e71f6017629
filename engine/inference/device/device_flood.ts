import { setImmediate } from "node:timers/promises";
import type { WebGpuBackend } from "../../backends/webgpu/backend.ts";
import type { Staging } from "../../backends/webgpu/readback.ts";
import type { FloodCapacity, FloodConfig } from "../../../kernels/flood/config.ts";
import {
  FloodState,
  PHASE,
  STATE_WORDS,
  type StateField,
  stateWord,
  STATUS,
} from "../../../kernels/flood/state.ts";
import { KernelError } from "../../errors/errors.ts";
import type { DevicePredictor } from "./device_predictor.ts";
import type { FloodLayout } from "./flood_layout.ts";
import { FloodMemory } from "./flood_memory.ts";
import { FloodStages } from "./flood_stages.ts";

/** Aim for rounds of this length: long enough that reads do not count, short enough to stop and report in time. */
const ROUND_MS = { least: 80, most: 400 } as const;
/** Steps per round: of the first one, and at most. Awaited reads cost 10 ms each, so rounds start longer. */
const FIRST_STEPS = { immediate: 32, awaited: 64 } as const;
const MOST_STEPS = 256;

/** One predicted field of view, as the device recorded it. */
export interface Trace {
  /** Linear voxel index of its centre. */
  readonly position: number;
  /** 1 for the first field of view of an object. */
  readonly step: number;
  readonly deleted: number;
  /** Linear voxel index of the seed of its object. */
  readonly start: number;
}

/** What a canvas learns after each round. */
export interface Round {
  readonly state: FloodState;
  /** Fields of view predicted for this canvas in the round. */
  readonly steps: number;
  readonly elapsedMs: number;
  /** In order; empty unless the run asked for them. */
  readonly traces: readonly Trace[];
}

/** A canvas that is being flooded. */
export interface FloodRun {
  readonly wantsTraces: boolean;
  /** Called after each round; may read and write the canvas. Throwing ends the run. */
  afterRound(round: Round): Promise<void>;
  /** Called when the list of overlaps is nearly full, before it is emptied. */
  drainOverlaps(state: FloodState): Promise<void>;
}

/** How a flood is run; for tests and benches. */
export interface FloodTuning {
  /** Fixed number of steps per round; adapted to the device unless given. */
  readonly stepsPerRound?: number;
  /** Objects end and begin at every n-th step; 1 unless given. */
  readonly turnoverEvery?: number;
}

/** Costs of the rounds so far. */
export interface FloodStatistics {
  rounds: number;
  encodedSteps: number;
  /** Submissions followed by a read of the states. */
  reads: number;
  /** Time that recording commands took on the host. */
  encodeMs: number;
}

interface ActiveRun {
  readonly run: FloodRun;
  totalSteps: number;
  /** Encoded steps that the device should have seen. */
  tick: number;
  readonly resolve: (state: FloodState) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Floods several canvases at once on a device: many steps per submission, one small read of the states per round. What a
 * step does is in `kernels/flood/`; canvases join and leave between rounds.
 */
export class DeviceFlood {
  readonly backend: WebGpuBackend;
  readonly memory: FloodMemory;
  readonly predictor: DevicePredictor;
  readonly statistics: FloodStatistics = { rounds: 0, encodedSteps: 0, reads: 0, encodeMs: 0 };
  readonly stages: FloodStages;
  readonly #tuning: FloodTuning;
  readonly #staging: Staging;
  readonly #runs = new Map<number, ActiveRun>();
  #driving = false;
  /** Settles when the last piece of work that must not overlap with others has ended. */
  #last: Promise<void> = Promise.resolve();
  #steps: number;

  private constructor(
    backend: WebGpuBackend,
    memory: FloodMemory,
    predictor: DevicePredictor,
    stages: FloodStages,
    staging: Staging,
    tuning: FloodTuning,
  ) {
    this.backend = backend;
    this.memory = memory;
    this.predictor = predictor;
    this.stages = stages;
    this.#staging = staging;
    this.#tuning = tuning;
    this.#steps = tuning.stepsPerRound ?? FIRST_STEPS[backend.readback.mode];
  }

  /** Allocates memory for the canvases of a layout and compiles the kernels. */
  static async open(
    backend: WebGpuBackend,
    predictor: DevicePredictor,
    layout: FloodLayout,
    config: FloodConfig,
    capacity: Omit<FloodCapacity, "traces" | "voxels">,
    tuning: FloodTuning = {},
  ): Promise<DeviceFlood> {
    const traces = Math.max(MOST_STEPS, tuning.stepsPerRound ?? 0);
    const memory = new FloodMemory(backend, layout, config, { ...capacity, traces });
    try {
      await backend.device.settleAllocations();
      const stages = await FloodStages.compile(backend, memory, predictor);
      const bytes = layout.slots * (4 * STATE_WORDS + 16 * traces);
      const staging = await backend.readback.staging(bytes, "flood states");
      return new DeviceFlood(backend, memory, predictor, stages, staging, tuning);
    } catch (error) {
      memory.dispose();
      throw error;
    }
  }

  /** Dispatches of one step: alone, and what ending and beginning objects adds. */
  get dispatches(): { step: number; turnover: number } {
    return this.stages.dispatches;
  }

  /** Writes one member of a canvas's state; between rounds only. */
  setState(slot: number, field: StateField, value: number): void {
    this.memory.write("states", slot, Uint32Array.of(value), 4 * stateWord(field));
  }

  /** Replaces the whole state of a canvas; between rounds only. */
  writeState(slot: number, state: FloodState): void {
    this.memory.write("states", slot, state.words);
  }

  async readState(slot: number): Promise<FloodState> {
    return new FloodState(new Uint32Array(await this.memory.read("states", slot, 4 * STATE_WORDS)));
  }

  /** Floods the canvas in `slot` from state `begin` until it has no seed left, or holds a complete object. */
  run(slot: number, run: FloodRun, begin: FloodState): Promise<FloodState> {
    const [totalSteps, tick] = [begin.get("total_steps"), begin.get("tick")];
    return new Promise((resolve, reject) => {
      const join = () => {
        this.writeState(slot, begin);
        this.#runs.set(slot, { run, totalSteps, tick, resolve, reject });
        if (!this.#driving) this.#drive();
        return Promise.resolve();
      };
      this.#exclusive(join).catch(reject);
    });
  }

  /** Makes sure of room for labels and overlaps, and for a ring of `waiting` positions, between two rounds. */
  reserve(room: { labels: number; overlaps: number }, waiting = 0): Promise<void> {
    return this.#exclusive(async () => {
      await this.memory.reserve(room);
      const states = await this.#readStates();
      while (this.memory.capacity.queue < waiting + 6) await this.#growRing((slot) => states[slot]);
    });
  }

  async #readStates(): Promise<FloodState[]> {
    const slots = Array.from({ length: this.memory.layout.slots }, (_, slot) => slot);
    return await Promise.all(slots.map((slot) => this.readState(slot)));
  }

  /** Runs `work` when no round is in progress. */
  #exclusive<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.then(() => {}, () => {});
    return done;
  }

  async #growRing(stateOf: (slot: number) => FloodState): Promise<void> {
    const ring = Array.from({ length: this.memory.layout.slots }, (_, slot) => {
      const state = stateOf(slot);
      return [state.get("head"), state.get("tail")] as const;
    });
    await this.memory.grow({ queue: 2 * this.memory.capacity.queue }, ring);
  }

  /** Runs rounds as long as a canvas takes part. */
  async #drive(): Promise<void> {
    this.#driving = true;
    try {
      await setImmediate();
      while (this.#runs.size > 0) await this.#exclusive(() => this.#round());
    } catch (error) {
      for (const { reject } of this.#runs.values()) reject(error);
      this.#runs.clear();
    } finally {
      this.#driving = false;
    }
  }

  async #round(): Promise<void> {
    const steps = this.#steps;
    const startedMs = performance.now();
    this.backend.device.submitRecorded("flood round", this.#record(steps));
    this.statistics.encodeMs += performance.now() - startedMs;
    const bytes = await this.#staging.read();
    const elapsedMs = performance.now() - startedMs;
    this.statistics.rounds++;
    this.statistics.reads++;
    this.statistics.encodedSteps += steps;
    await this.backend.readback.turn();
    // Signals, timers and other canvases get their turn between rounds.
    await setImmediate();
    const stateOf = (slot: number) =>
      new FloodState(
        new Uint32Array(bytes.slice(4 * STATE_WORDS * slot, 4 * STATE_WORDS * (slot + 1))),
      );
    for (const [slot, active] of [...this.#runs]) {
      try {
        active.tick += steps;
        await this.#finishRound(slot, active, stateOf(slot), bytes, elapsedMs);
      } catch (error) {
        this.setState(slot, "phase", PHASE.idle);
        this.#runs.delete(slot);
        active.reject(error);
      }
    }
    // After everything is booked, so that the canvases can be saved where there is no memory.
    await this.#makeRoom(stateOf);
    if (this.#tuning.stepsPerRound !== undefined) return;
    if (elapsedMs < ROUND_MS.least) this.#steps = Math.min(MOST_STEPS, 2 * steps);
    else if (elapsedMs > ROUND_MS.most) this.#steps = Math.max(1, steps >> 1);
  }

  #record(steps: number): GPUCommandBuffer {
    const { memory } = this;
    const encoder = this.backend.device.gpu.createCommandEncoder({ label: "flood round" });
    const pass = encoder.beginComputePass({ label: "flood round" });
    this.stages.encodePrologue(pass);
    for (let i = 0; i < steps; i++) {
      this.stages.encodeStep(pass, i % (this.#tuning.turnoverEvery ?? 1) === 0);
    }
    pass.end();
    const { slots } = memory.layout;
    const stateBytes = slots * memory.bytesOf("states");
    const traceBytes = slots * memory.bytesOf("traces");
    this.#staging.copyFrom(encoder, memory.buffer("states"), 0, stateBytes);
    if ([...this.#runs.values()].some(({ run }) => run.wantsTraces)) {
      this.#staging.copyFrom(encoder, memory.buffer("traces"), 0, traceBytes, stateBytes);
    }
    return encoder.finish({ label: "flood round" });
  }

  async #finishRound(
    slot: number,
    active: ActiveRun,
    state: FloodState,
    bytes: ArrayBuffer,
    elapsedMs: number,
  ): Promise<void> {
    // A submission that fails validation is dropped whole and only reports its error aside.
    if (state.get("tick") !== active.tick >>> 0) {
      this.backend.device.failure.check();
      throw new KernelError(
        `Cannot go on with the flood: the device did ${state.get("tick")} of ${active.tick} steps`,
        { label: "flood round" },
      );
    }
    const total = state.get("total_steps");
    const steps = total - active.totalSteps;
    const traces = active.run.wantsTraces
      ? this.#traces(slot, active.totalSteps, total, bytes)
      : [];
    active.totalSteps = total;
    if (state.get("status") === STATUS.bad && state.get("phase") === PHASE.flood) {
      throw new KernelError(
        `Cannot continue the object at voxel ${
          state.get("start")
        }: the network gave a logit that is not finite at voxel ${
          state.get("pos")
        }; check image_mean, image_stddev and the checkpoint`,
        { label: "flood inspect" },
      );
    }
    await active.run.afterRound({ state, steps, elapsedMs, traces });
    const phase = state.get("phase");
    if (phase === PHASE.end || phase === PHASE.hold) {
      this.#runs.delete(slot);
      active.resolve(state);
    }
  }

  #traces(slot: number, from: number, to: number, bytes: ArrayBuffer): Trace[] {
    const { layout: { slots }, capacity } = this.memory;
    const words = new Uint32Array(bytes, 4 * STATE_WORDS * slots + 16 * capacity.traces * slot);
    return Array.from({ length: to - from }, (_, i) => {
      const at = 4 * ((from + i) % capacity.traces);
      const [position, step, deleted, start] = words.subarray(at, at + 4);
      return { position, step, deleted, start };
    });
  }

  /** Lets canvases go on that stopped for want of room: a larger ring of positions, an emptied list of overlaps. */
  async #makeRoom(stateOf: (slot: number) => FloodState): Promise<void> {
    const waiting = (status: number) =>
      [...this.#runs.keys()].filter((slot) => stateOf(slot).get("status") === status);
    const full = waiting(STATUS.full);
    if (full.length > 0) {
      await this.#growRing(stateOf);
      for (const slot of full) this.setState(slot, "status", STATUS.run);
    }
    for (const slot of waiting(STATUS.drain)) {
      const state = stateOf(slot);
      await this.#runs.get(slot)!.run.drainOverlaps(state);
      this.setState(slot, "n_overlaps", 0);
      this.setState(slot, "status", STATUS.empty);
      if (state.get("max_id") > this.memory.capacity.overlaps) {
        await this.memory.grow({ overlaps: 2 * state.get("max_id") }, []);
      }
    }
  }

  dispose(): void {
    this.#staging.dispose();
    this.memory.dispose();
  }
}
