/**
 * Where the field of view goes in a training example. A policy is asked for the next offset only after the logits of the
 * last one were written back, and looks at them then.
 */
import { addZyx, mapZyx, type Zyx } from "../geometry/vectors.ts";
import { compareMoves, scoreMoveOffsets } from "../inference/move_offsets.ts";
import { cropped, type ExampleSizes, type FovPolicyName, indexAt } from "./fov_geometry.ts";

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
  /** Offsets of the policy `fixed`, in their order. */
  readonly shifts: readonly Zyx[];
  /** Logit, rounded to float32. */
  readonly threshold: number;
}

/** Policies by their names; each call begins a new example. */
export const POLICIES: Readonly<Record<FovPolicyName, (context: PolicyContext) => FovPolicy>> = {
  fixed: (context) => new FixedPolicy(context),
  max_pred_moves: (context) => new MaxPredPolicy(context),
};

/** Tries a list of offsets in order, each where the canvas has reached the threshold by then. */
class FixedPolicy implements FovPolicy {
  readonly #context: PolicyContext;
  #tried = 0;

  constructor(context: PolicyContext) {
    this.#context = context;
  }

  next(canvas: Float32Array): Zyx | null {
    const { shifts, sizes, threshold } = this.#context;
    while (this.#tried <= shifts.length) {
      const offset: Zyx = this.#tried === 0 ? [0, 0, 0] : shifts[this.#tried - 1];
      this.#tried++;
      if (canvas[indexAt(sizes.seed, offset)] >= threshold) return offset;
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

/**
 * Follows the face maxima of its own predictions, best first. Visited cells start at the origin's corner here, unlike in
 * inference, where the origin is the centre of its cell.
 */
class MaxPredPolicy implements FovPolicy {
  readonly #context: PolicyContext;
  #queue: Zyx[] = [[0, 0, 0]];
  #visited = new Set<string>();
  /** The offset whose logits have not been looked at. */
  #last: Zyx | null = null;

  constructor(context: PolicyContext) {
    this.#context = context;
  }

  next(canvas: Float32Array): Zyx | null {
    const { sizes, deltas, imageSize } = this.#context;
    if (this.#last) this.#learn(canvas, this.#last);
    this.#last = null;
    const radius = mapZyx((n, m) => Math.floor(n / 2) - Math.floor(m / 2), sizes.image, imageSize);
    for (let offset; (offset = this.#queue.shift()) !== undefined;) {
      if (offset.some((o, axis) => Math.abs(o) > radius[axis])) continue;
      const cell = mapZyx((o, d) => Math.floor(o / Math.max(d, 1)), offset, deltas).join();
      if (this.#visited.has(cell)) continue;
      this.#visited.add(cell);
      return this.#last = offset;
    }
    return null;
  }

  #learn(canvas: Float32Array, offset: Zyx): void {
    const { sizes, deltas, predSize, threshold } = this.#context;
    const logits = cropped(canvas, sizes.seed, predSize, offset);
    const moves = scoreMoveOffsets(deltas, logits, predSize, threshold).sort(compareMoves);
    this.#queue.push(...moves.map((move) => addZyx(offset, move.offset)));
  }

  state(): PolicyState {
    return { queue: this.#queue, visited: [...this.#visited], last: this.#last };
  }

  restore({ queue, visited, last }: PolicyState): void {
    this.#queue = [...queue as Zyx[]];
    this.#visited = new Set(visited as string[]);
    this.#last = last as Zyx | null;
  }
}
