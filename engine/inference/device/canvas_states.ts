/** States in which a canvas on a device begins, and the translation between its state and a `CanvasSnapshot`. */
import { FloodState, PHASE, stateWord, STATUS } from "../../../kernels/flood/state.ts";
import { mapZyx, type Zyx } from "../../geometry/vectors.ts";
import type { CanvasSnapshot } from "../canvas.ts";
import type { FloodMemory } from "./flood_memory.ts";
import { linearIndex, positionOf } from "./voxel_words.ts";

/** A tick that no step will have: nothing is to be cleared. */
const NEVER = 0xffffffff;

/** The state that goes on with what `last` counted and with nothing else of it, except the box that is to be cleared. */
function fresh(last: FloodState, size: Zyx, maxId: number): FloodState {
  const state = new FloodState();
  for (
    const field of [
      "tick",
      "total_steps",
      "loops",
      "skip_threshold",
      "skip_invalid",
      "skip_restricted",
      "too_weak",
      "steps_weak",
      "steps_small",
      "steps_valid",
      "queue_max",
      "voxels_segmented",
      "raw",
      "size",
    ] as const
  ) state.set(field, last.get(field));
  state.setVector("lo", last.vector("lo"));
  state.setVector("hi", last.vector("hi"));
  state.setVector("size", [size[0], size[1], size[2]]);
  state.set("max_id", maxId);
  state.set("clear_tick", NEVER);
  return state;
}

/** Begins with the first of the uploaded seeds. */
export function beginSeeds(last: FloodState, size: Zyx, maxId: number): FloodState {
  const state = fresh(last, size, maxId);
  state.set("phase", PHASE.seek);
  return state;
}

/** Begins one object at `start`, the first entry of the queue, and holds it when it is complete. */
export function beginAt(last: FloodState, size: Zyx, start: Zyx, maxId: number): FloodState {
  const state = fresh(last, size, maxId);
  state.set("phase", PHASE.flood);
  state.set("status", STATUS.want);
  state.set("hold", 1);
  state.set("tail", 1);
  state.set("loops", last.get("loops") + 1);
  state.set("start", linearIndex(start, size));
  // The whole canvas: the last object may have left its voxels anywhere.
  state.words.set([0, 0, 0, ...size.map((n) => n - 1)], stateWord("clear_lo_z"));
  state.set("clear_tick", last.get("tick"));
  state.set("clear_labels", 1);
  for (const field of ["raw", "size"] as const) state.set(field, 0);
  state.setVector("lo", [start[0], start[1], start[2]]);
  state.setVector("hi", [start[0], start[1], start[2]]);
  return state;
}

/** Whether an object is in progress: begun, and nothing decided about it. */
export function isGrowing(state: FloodState): boolean {
  const phase = state.get("phase");
  return phase === PHASE.flood || phase === PHASE.count || phase === PHASE.counted;
}

/** Grid of cells of an object: see `cell` in `kernels/flood/pick.wgsl`. */
function cellGrid(size: Zyx, start: Zyx, deltas: Zyx): { first: Zyx; cells: Zyx } {
  const edge = mapZyx((d) => Math.max(d, 1), deltas);
  const first = mapZyx((p, e) => -Math.ceil(p / e), start, edge);
  const last = mapZyx(
    (n, p, axis) => Math.floor((n - 1 - p + Math.floor(deltas[axis] / 2)) / edge[axis]),
    size,
    start,
  );
  return { first, cells: mapZyx((a, b) => a - b + 1, last, first) };
}

/** Uploads the object in progress of a snapshot and returns the state that goes on with it. */
export function resumeState(
  memory: FloodMemory,
  slot: number,
  size: Zyx,
  snapshot: CanvasSnapshot,
  maxId: number,
): FloodState {
  const { movement, minPosition, maxPosition, partialSteps } = snapshot;
  const state = fresh(new FloodState(), size, maxId);
  const count = movement.queueScores.length;
  const queue = Uint32Array.from(
    { length: count },
    (_, i) => linearIndex(zyxAt(movement.queuePositions, i), size),
  );
  memory.write("queue", slot, queue);
  const { first, cells } = cellGrid(size, movement.start, memory.config.deltas);
  const done = new Uint32Array(Math.ceil(memory.capacity.cells / 32));
  for (let i = 0; i < movement.done.length / 3; i++) {
    const cell = mapZyx((c, f) => c - f, zyxAt(movement.done, i), first);
    if (cell.some((c, axis) => c < 0 || c >= cells[axis])) continue;
    const bit = linearIndex(cell, cells);
    done[bit >> 5] |= 1 << (bit & 31);
  }
  memory.write("done", slot, done);
  state.set("phase", PHASE.flood);
  state.set("status", STATUS.want);
  state.set("tail", count);
  state.set("steps", partialSteps);
  state.set("loops", 1);
  state.set("start", linearIndex(movement.start, size));
  state.setVector("lo", [minPosition[0], minPosition[1], minPosition[2]]);
  state.setVector("hi", [maxPosition[0], maxPosition[1], maxPosition[2]]);
  return state;
}

function zyxAt(array: Int32Array, row: number): Zyx {
  return [array[3 * row], array[3 * row + 1], array[3 * row + 2]];
}

/** What the host knows of a canvas, beside its state on the device. */
export type Remembered = Omit<
  CanvasSnapshot,
  "movement" | "seeds" | "minPosition" | "maxPosition" | "partialSteps"
>;

/** Everything needed to go on from `state`, a state between two rounds. */
export async function snapshotOf(
  memory: FloodMemory,
  slot: number,
  state: FloodState,
  remembered: Remembered,
  seeds: { readonly coords: Int32Array; readonly first: number } | null,
): Promise<CanvasSnapshot> {
  const size: Zyx = state.vector("size");
  const phase = state.get("phase");
  const growing = isGrowing(state);
  const start = positionOf(state.get("start"), size);
  const queue = phase === PHASE.flood ? await waitingPositions(memory, slot, state) : [];
  const positions = queue.map((index) => positionOf(index, size));
  return {
    ...remembered,
    movement: {
      queuePositions: Int32Array.from(positions.flat()),
      queueScores: new Float32Array(positions.length).fill(memory.config.score),
      done: await doneCells(memory, slot, size, start),
      start,
    },
    seeds: seeds && {
      coords: seeds.coords,
      index: seeds.first + state.get("next_seed") - Number(growing),
    },
    minPosition: state.vector("lo"),
    maxPosition: state.vector("hi"),
    partialSteps: growing ? state.get("steps") : 0,
  };
}

/** Linear positions that wait, the one that was picked already first. */
async function waitingPositions(
  memory: FloodMemory,
  slot: number,
  state: FloodState,
): Promise<number[]> {
  const cap = memory.capacity.queue;
  const ring = new Uint32Array(await memory.read("queue", slot, 4 * cap));
  const picked = state.get("status") === STATUS.run || state.get("status") === STATUS.full;
  const waiting = picked ? [state.get("pos")] : [];
  for (let v = state.get("head"); v < state.get("tail"); v++) waiting.push(ring[v % cap]);
  return waiting;
}

/** Predicted cells `[n, 3]` zyx relative to the start. */
async function doneCells(
  memory: FloodMemory,
  slot: number,
  size: Zyx,
  start: Zyx,
): Promise<Int32Array> {
  const words = new Uint32Array(await memory.read("done", slot, memory.bytesOf("done")));
  const { first, cells } = cellGrid(size, start, memory.config.deltas);
  const found: number[] = [];
  for (let bit = 0; bit < 32 * words.length; bit++) {
    if (words[bit >> 5] === 0) bit |= 31;
    else if ((words[bit >> 5] >>> (bit & 31)) & 1) {
      found.push(...mapZyx((c, f) => c + f, positionOf(bit, cells), first));
    }
  }
  return Int32Array.from(found);
}
