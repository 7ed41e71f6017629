import { floorDivZyx, mapZyx, type Zyx } from "../geometry/vectors.ts";
import { compareMoves, scoreMoveOffsets } from "./move_offsets.ts";
import { PositionQueue } from "./position_queue.ts";
import { VisitedCells } from "./visited_cells.ts";

/** What a movement policy remembers of the object in progress, as a canvas checkpoint keeps it. */
export interface MovementState {
  /** Waiting positions `[n, 3]` zyx, the next one first. */
  readonly queuePositions: Int32Array;
  /** Scores `[n]` of the waiting positions. */
  readonly queueScores: Float32Array;
  /** Cells `[m, 3]` zyx that were predicted, relative to `start`. */
  readonly done: Int32Array;
  /** Where the object began. */
  readonly start: Zyx;
}

/** Decides where the field of view of an object goes next. */
export interface MovementPolicy {
  /** Forgets the last object and begins one at `start`. */
  reset(start: Zyx): void;
  /** Takes the next position to predict; null when the object is complete. */
  next(): Zyx | null;
  /** Learns the object map `[z, y, x]` (the model's `predSize`) that was predicted at `position`. */
  update(logits: Float32Array, position: Zyx): void;
  state(): MovementState;
  restore(state: MovementState): void;
}

/** What a policy may know of its canvas. */
export interface MovementContext {
  readonly canvasSize: Zyx;
  /** Size of the object maps given to `update`. */
  readonly predSize: Zyx;
  /** The model's deltas. */
  readonly deltas: Zyx;
  /** Logit in float64 that a face maximum must reach. */
  readonly scoreThreshold: number;
  /** Whether the canvas lets the field of view be centred here now. */
  isValidPosition(position: Zyx): boolean;
}

type PolicyFactory = (
  args: Readonly<Record<string, unknown>>,
  context: MovementContext,
) => MovementPolicy;

/** Movement policies by the names that requests use. */
const POLICIES: Readonly<Record<string, PolicyFactory>> = {
  FaceMaxMovementPolicy: (args, context) => new FaceMaxMovementPolicy(args, context),
};

/**
 * Makes the movement policy that a request names.
 *
 * @param name Class name, with or without its module path; empty for `FaceMaxMovementPolicy`.
 * @param args `movement_policy_args` of the request: `deltas` (zyx) and `score_threshold` (a logit).
 */
export function createMovementPolicy(
  name: string,
  args: Readonly<Record<string, unknown>>,
  context: MovementContext,
): MovementPolicy {
  const key = name === "" ? "FaceMaxMovementPolicy" : name.slice(name.lastIndexOf(".") + 1);
  if (!Object.hasOwn(POLICIES, key)) {
    const known = Object.keys(POLICIES).join(", ");
    throw new RangeError(`Cannot use movement_policy_name "${name}": known policies are ${known}`);
  }
  return POLICIES[key](args, context);
}

/** Breadth first over predictions, best first among the face maxima of one prediction. */
class FaceMaxMovementPolicy implements MovementPolicy {
  readonly #context: MovementContext;
  readonly #deltas: Zyx;
  readonly #scoreThreshold: number;
  readonly #queue = new PositionQueue();
  readonly #done: VisitedCells;
  #start: Zyx = [0, 0, 0];

  constructor(args: Readonly<Record<string, unknown>>, context: MovementContext) {
    const unknown = Object.keys(args).find((k) => k !== "deltas" && k !== "score_threshold");
    if (unknown !== undefined) {
      throw new RangeError(
        `Cannot read movement_policy_args: allowed are "deltas" and "score_threshold", current has "${unknown}"`,
      );
    }
    this.#context = context;
    this.#deltas = readDeltas(args.deltas ?? context.deltas, context.predSize);
    this.#scoreThreshold = readThreshold(args.score_threshold ?? context.scoreThreshold);
    this.#done = new VisitedCells(context.canvasSize, this.#deltas);
  }

  reset(start: Zyx): void {
    this.#start = start;
    this.#done.reset(start);
    this.#queue.clear();
    // Above every logit that can follow, so that the start is recognisable in a checkpoint.
    this.#queue.push(2 * this.#scoreThreshold, start);
  }

  next(): Zyx | null {
    for (let position; (position = this.#queue.shift()) !== null;) {
      if (this.#done.has(position)) continue;
      if (this.#context.isValidPosition(position)) return position;
    }
    return null;
  }

  update(logits: Float32Array, position: Zyx): void {
    this.#done.add(position);
    const moves = scoreMoveOffsets(
      this.#deltas,
      logits,
      this.#context.predSize,
      this.#scoreThreshold,
    );
    for (const { score, offset } of moves.sort(compareMoves)) {
      this.#queue.push(score, mapZyx((p, o) => p + o, position, offset));
    }
  }

  state(): MovementState {
    return {
      queuePositions: this.#queue.positions(),
      queueScores: this.#queue.scores(),
      done: this.#done.toArray(),
      start: this.#start,
    };
  }

  restore(state: MovementState): void {
    this.#start = state.start;
    this.#done.reset(state.start);
    this.#done.markAll(state.done);
    this.#queue.clear();
    state.queueScores.forEach((score, i) => {
      const [z, y, x] = state.queuePositions.subarray(3 * i);
      this.#queue.push(score, [z, y, x]);
    });
  }
}

/** Checks that the faces at `centre ± deltas` lie inside the predicted box, and that there is a face at all. */
function readDeltas(value: unknown, predSize: Zyx): Zyx {
  const valid = Array.isArray(value) && value.length === 3 &&
    value.every((d) => Number.isInteger(d) && d >= 0);
  if (!valid) {
    throw new RangeError(
      `Cannot move with deltas ${JSON.stringify(value)} (zyx): wanted three integers >= 0`,
    );
  }
  const deltas: Zyx = [value[0], value[1], value[2]];
  const most = mapZyx((n, centre) => n - 1 - centre, predSize, floorDivZyx(predSize, 2));
  if (deltas.some((d, axis) => d > most[axis]) || deltas.every((d) => d === 0)) {
    throw new RangeError(
      `Cannot move with deltas [${deltas}] (zyx): each must be at most [${most}], half the predicted size, and one above 0`,
    );
  }
  return deltas;
}

function readThreshold(value: unknown): number {
  if (typeof value === "number" && !Number.isNaN(value)) return value;
  throw new RangeError(
    `Cannot move with score_threshold ${
      JSON.stringify(value)
    }: wanted a number, the logit to reach`,
  );
}
