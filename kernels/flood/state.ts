/** The words that host and flood kernels share, `struct State` in the .wgsl files of this folder; a test compares the two. */

/** Members of `State` in order; each is one u32. */
export const STATE_FIELDS = [
  ...["phase", "status", "head", "tail", "steps", "pos", "start", "tick"],
  ...["size_z", "size_y", "size_x", "lo_z", "lo_y", "lo_x", "hi_z", "hi_y", "hi_x"],
  ...["clear_lo_z", "clear_lo_y", "clear_lo_x", "clear_hi_z", "clear_hi_y", "clear_hi_x"],
  ...["clear_tick", "clear_labels", "hold"],
  ...["over", "bad", "deleted", "raw", "size", "n_overlaps"],
  ...["skip_threshold", "skip_invalid", "skip_restricted", "too_weak"],
  ...["next_seed", "n_seeds", "max_id", "n_objects", "object_id", "total_steps", "loops"],
  ...["steps_weak", "steps_small", "steps_valid", "queue_max", "voxels_segmented"],
] as const;

/** Name of a member of `State`. */
export type StateField = (typeof STATE_FIELDS)[number];

/** Words of one `State`. */
export const STATE_WORDS = STATE_FIELDS.length;

const PLACES = new Map(STATE_FIELDS.map((name, i) => [name, i]));

/** Word of a member inside its `State`. */
export function stateWord(field: StateField): number {
  return PLACES.get(field)!;
}

/** What a canvas is doing. */
export const PHASE = {
  idle: 0,
  seek: 1,
  flood: 2,
  count: 3,
  counted: 4,
  write: 5,
  end: 6,
  hold: 7,
} as const;

/** What the object in progress waits for. */
export const STATUS = { want: 0, run: 1, empty: 2, weak: 3, full: 4, bad: 5, drain: 6 } as const;

/** A copy of one canvas's `State`. */
export class FloodState {
  readonly words: Uint32Array<ArrayBuffer>;

  constructor(words: Uint32Array<ArrayBuffer> = new Uint32Array(STATE_WORDS)) {
    this.words = words;
  }

  get(field: StateField): number {
    return this.words[stateWord(field)];
  }

  set(field: StateField, value: number): void {
    this.words[stateWord(field)] = value;
  }

  /** Members `<name>_z`, `<name>_y`, `<name>_x`. */
  vector(name: "size" | "lo" | "hi"): [number, number, number] {
    const at = stateWord(`${name}_z`);
    return [this.words[at], this.words[at + 1], this.words[at + 2]];
  }

  setVector(name: "size" | "lo" | "hi", value: readonly [number, number, number]): void {
    this.words.set(value, stateWord(`${name}_z`));
  }
}
