/**
 * Where the field of view goes in a training example. A policy is asked for the next offset only after the logits of the
 * last one were written back, and looks at them then.
 */
import { addZyx, mapZyx, type Zyx } from "../geometry/vectors.ts";
import { compareMoves, scoreMoveOffsets } from "../inference/move_offsets.ts";
import {
  cropped,
  type ExampleSizes,
  type FovPolicyName,
  indexAt,
  surfaceWindow,
} from "./fov_geometry.ts";
import { Random } from "./random.ts";

/** What a policy remembers, as JSON. */
export type PolicyState = Readonly<Record<string, unknown>>;

/** Moves over one example. */
export interface FovPolicy {
  /** The next offset zyx from the centre, null when the example is done; `canvas` is `[z, y, x]` of logits. */
  next(canvas: Float32Array): Zyx | null;
  state(): PolicyState;
  restore(state: PolicyState): void;
}

/** What policies may know. */
export interface PolicyContext {
  readonly sizes: ExampleSizes;
  readonly deltas: Zyx;
  readonly imageSize: Zyx;
  readonly predSize: Zyx;
  /** Offsets of the policies `fixed…`, in their order. */
  readonly shifts: readonly Zyx[];
  /** Logit, rounded to float32. */
  readonly threshold: number;
}

/** A move that the labels want, or the network makes, or both. */
export interface MoveRecord {
  readonly wanted: boolean;
  readonly executed: boolean;
  /** From the centre of the example, or (0, 0, 0) where the distance says nothing. */
  readonly offset: Zyx;
}

/** The example that a policy moves over. */
export interface PolicyExample {
  /** Soft labels `[z, y, x]` of the label patch. */
  readonly labels: Float32Array;
  /** Orders the moves of this example anew. */
  readonly moveSeed?: number;
  record?(move: MoveRecord): void;
}

/** Makes the policy of a new example. */
export type PolicyMaker = (context: PolicyContext, example: PolicyExample) => FovPolicy;

/** Half the window of `fixed_offsets_window`, voxels per axis. */
const WINDOW_RADIUS = 4;

/** Policies by their names. The first two are the reference's, the others those of newer upstream. */
export const POLICIES: Readonly<Record<FovPolicyName, PolicyMaker>> = {
  fixed: (context, example) => new FixedPolicy(context, example),
  max_pred_moves: (context) => new MaxPredPolicy(context),
  fixed_offsets: (context, example) => new FixedPolicy(context, example),
  fixed_offsets_window: (context, example) => new FixedPolicy(context, example, WINDOW_RADIUS),
  max_pred_offsets: (context, example) => new WantedMovesPolicy(context, example),
  no_step: (context, example) => new FixedPolicy({ ...context, shifts: [] }, example),
};

/** Reads logits and soft labels around an offset. */
class Reach {
  readonly #context: PolicyContext;
  readonly #labels: Float32Array;
  /** Soft labels from here on belong to the object. */
  readonly #wantedFrom: number;

  constructor(context: PolicyContext, { labels }: PolicyExample) {
    this.#context = context;
    this.#labels = labels;
    this.#wantedFrom = 1 / (1 + Math.exp(-context.threshold));
  }

  /** Whether the canvas has reached one of these voxels, and whether the labels want that. */
  at(canvas: Float32Array, offsets: readonly Zyx[]): { valid: boolean; wanted: boolean } {
    const { sizes, threshold } = this.#context;
    return {
      valid: offsets.some((offset) => canvas[indexAt(sizes.seed, offset)] >= threshold),
      wanted: offsets.some((offset) =>
        this.#labels[indexAt(sizes.label, offset)] >= this.#wantedFrom
      ),
    };
  }
}

/**
 * Tries a list of offsets in order, each where the canvas has reached the threshold by then; with a window, anywhere near on
 * the surface that the offsets lie on, so that thin processes beside them count.
 */
export class FixedPolicy implements FovPolicy {
  readonly #context: PolicyContext;
  readonly #example: PolicyExample;
  readonly #windowRadius: number;
  readonly #shifts: readonly Zyx[];
  readonly #reach: Reach;
  #tried = 0;

  constructor(context: PolicyContext, example: PolicyExample, windowRadius = 0) {
    this.#context = context;
    this.#example = example;
    this.#windowRadius = windowRadius;
    this.#reach = new Reach(context, example);
    const { moveSeed } = example;
    this.#shifts = moveSeed === undefined
      ? context.shifts
      : new Random(moveSeed).shuffle([...context.shifts]);
  }

  next(canvas: Float32Array): Zyx | null {
    while (this.#tried <= this.#shifts.length) {
      const offset: Zyx = this.#tried === 0 ? [0, 0, 0] : this.#shifts[this.#tried - 1];
      const around = this.#windowRadius > 0 && this.#tried > 0
        ? surfaceWindow(offset, this.#context.deltas, this.#windowRadius)
        : [offset];
      this.#tried++;
      const { valid, wanted } = this.#reach.at(canvas, around);
      this.#example.record?.({ wanted, executed: valid, offset });
      if (valid) return offset;
    }
    return null;
  }

  state(): PolicyState {
    return { tried: this.#tried };
  }

  restore({ tried }: PolicyState): void {
    this.#tried = Number(tried);
  }
}

/** Offsets that wait to be visited, best first per visited place, and the cells that were visited. */
class MoveQueue {
  readonly #context: PolicyContext;
  #waiting: Zyx[] = [[0, 0, 0]];
  #visited = new Set<string>();
  /** The offset whose logits have not been looked at. */
  #last: Zyx | null = null;

  constructor(context: PolicyContext) {
    this.#context = context;
  }

  /** Queues the moves that the logits at the last offset propose; then the next offset inside the example. */
  next(canvas: Float32Array): Zyx | null {
    if (this.#last) this.#learn(canvas, this.#last);
    this.#last = null;
    const { sizes, imageSize } = this.#context;
    const radius = mapZyx((n, m) => Math.floor(n / 2) - Math.floor(m / 2), sizes.image, imageSize);
    const isInside = (offset: Zyx) => offset.every((o, axis) => Math.abs(o) <= radius[axis]);
    for (let offset; (offset = this.#waiting.shift()) !== undefined;) {
      if (isInside(offset)) return offset;
    }
    return null;
  }

  /** Whether a cell is new; `visit` makes it old. */
  isNew(cell: Zyx): boolean {
    return !this.#visited.has(cell.join());
  }

  visit(cell: Zyx, offset: Zyx): Zyx {
    this.#visited.add(cell.join());
    return this.#last = offset;
  }

  #learn(canvas: Float32Array, offset: Zyx): void {
    const { sizes, deltas, predSize, threshold } = this.#context;
    const logits = cropped(canvas, sizes.seed, predSize, offset);
    const moves = scoreMoveOffsets(deltas, logits, predSize, threshold).sort(compareMoves);
    this.#waiting.push(...moves.map((move) => addZyx(offset, move.offset)));
  }

  state(): PolicyState {
    return { queue: this.#waiting, visited: [...this.#visited], last: this.#last };
  }

  restore({ queue, visited, last }: PolicyState): void {
    this.#waiting = [...queue as Zyx[]];
    this.#visited = new Set(visited as string[]);
    this.#last = last as Zyx | null;
  }
}

/**
 * Follows the face maxima of its own predictions, best first. Visited cells start at the origin's corner here, unlike in
 * inference, where the origin is the centre of its cell.
 */
class MaxPredPolicy implements FovPolicy {
  readonly #queue: MoveQueue;
  readonly #deltas: Zyx;

  constructor(context: PolicyContext) {
    this.#queue = new MoveQueue(context);
    this.#deltas = context.deltas;
  }

  next(canvas: Float32Array): Zyx | null {
    for (let offset; (offset = this.#queue.next(canvas)) !== null;) {
      const cell = mapZyx((o, d) => Math.floor(o / Math.max(d, 1)), offset, this.#deltas);
      if (this.#queue.isNew(cell)) return this.#queue.visit(cell, offset);
    }
    return null;
  }

  state(): PolicyState {
    return this.#queue.state();
  }

  restore(state: PolicyState): void {
    this.#queue.restore(state);
  }
}

/**
 * Follows its own predictions only where the labels want it, so that it does not learn from walks along false merges. Cells
 * have the origin at their centre, and a move must still be valid when its turn comes.
 */
class WantedMovesPolicy implements FovPolicy {
  readonly #queue: MoveQueue;
  readonly #deltas: Zyx;
  readonly #example: PolicyExample;
  readonly #reach: Reach;

  constructor(context: PolicyContext, example: PolicyExample) {
    this.#queue = new MoveQueue(context);
    this.#deltas = context.deltas;
    this.#example = example;
    this.#reach = new Reach(context, example);
  }

  next(canvas: Float32Array): Zyx | null {
    for (let offset; (offset = this.#queue.next(canvas)) !== null;) {
      const cell = mapZyx((o, d) => Math.floor((o + d / 2) / Math.max(d, 1)), offset, this.#deltas);
      if (!this.#queue.isNew(cell)) continue;
      const { valid, wanted } = this.#reach.at(canvas, [offset]);
      this.#example.record?.({ wanted, executed: valid, offset: [0, 0, 0] });
      const isOrigin = cell.every((c) => c === 0);
      if (valid && (wanted || isOrigin)) return this.#queue.visit(cell, offset);
    }
    return null;
  }

  state(): PolicyState {
    return this.#queue.state();
  }

  restore(state: PolicyState): void {
    this.#queue.restore(state);
  }
}
