/** Checkpoints of a training run: when to save, what to keep, and what a resumed run needs besides the variables. */
import { join } from "node:path";
import { NotFoundError } from "../errors/errors.ts";
import { encodeNpz, openNpz } from "../formats/npz.ts";
import { parseCheckpointState } from "../formats/checkpoint_state.ts";
import type { NdArray } from "../formats/nd_array.ts";
import { openCheckpoint, writeCheckpoint } from "../volumes/checkpoint_file.ts";
import { findCheckpointPrefix, isFile } from "../volumes/checkpoint_prefix.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";

/** When checkpoints are saved and which stay. */
export interface CheckpointOptions {
  readonly folder: string;
  /** Seconds between two checkpoints. */
  readonly everySeconds: number;
  /** Steps between two checkpoints. */
  readonly everySteps?: number;
  /** Newest ones that stay. */
  readonly maxToKeep: number;
  /** One in so many hours stays for good. */
  readonly keepEveryHours: number;
  readonly touchMeta?: boolean;
}

/** State of a run beside its variables: JSON, and the canvases of the slots `[slot, z, y, x]` one after the other. */
export interface RunState {
  readonly json: unknown;
  readonly canvases: readonly Float32Array[];
}

/** A checkpoint that is there. */
interface Saved {
  readonly step: number;
  readonly savedMs: number;
}

/** Saves into one folder. */
export class CheckpointStore {
  readonly #options: CheckpointOptions;
  readonly #now: () => number;
  #recent: Saved[];
  #lastMs: number;
  #lastStep: number | null = null;
  /** Step at which this process began. */
  readonly #firstStep: number;
  /** A checkpoint from here on is kept for good when its turn to go comes. */
  #nextKeepMs: number;

  private constructor(
    options: CheckpointOptions,
    firstStep: number,
    recent: Saved[],
    now: () => number,
  ) {
    this.#options = options;
    this.#firstStep = firstStep;
    this.#recent = recent;
    this.#now = now;
    this.#lastMs = now();
    this.#nextKeepMs = now() + options.keepEveryHours * 3_600_000;
  }

  /** Goes on with the checkpoints that the folder's list names, so that they are dropped in their turn. */
  static async open(
    options: CheckpointOptions,
    firstStep = 0,
    now: () => number = Date.now,
  ): Promise<CheckpointStore> {
    const recent: Saved[] = [];
    const list = join(options.folder, "checkpoint");
    const text = await isFile(list) ? await Deno.readTextFile(list) : "";
    const listed = parseCheckpointState(text, list).allModelCheckpointPaths ?? [];
    // Those before stay for good.
    for (const path of listed.slice(-options.maxToKeep)) {
      const step = Number(/model\.ckpt-(\d+)$/.exec(path)?.[1] ?? NaN);
      const index = join(options.folder, `model.ckpt-${step}.index`);
      const stat = await Deno.stat(index).catch(() => null);
      if (stat) recent.push({ step, savedMs: stat.mtime?.getTime() ?? now() });
    }
    return new CheckpointStore(options, firstStep, recent, now);
  }

  /** Step of the last checkpoint that this process saved. */
  get lastStep(): number | null {
    return this.#lastStep;
  }

  /** Path prefix of the newest checkpoint, null before the first. */
  get newest(): string | null {
    const last = this.#recent.at(-1);
    return last ? this.prefix(last.step) : null;
  }

  /** Path prefix of the checkpoint of a step. */
  prefix(step: number): string {
    return join(this.#options.folder, `model.ckpt-${step}`);
  }

  /** Whether it is time to save. */
  isDue(step: number): boolean {
    const { everySeconds, everySteps } = this.#options;
    if (step === this.#lastStep) return false;
    if (everySteps !== undefined && step - (this.#lastStep ?? this.#firstStep) >= everySteps) {
      return true;
    }
    return this.#now() - this.#lastMs >= everySeconds * 1000;
  }

  /** Saves variables and state, state first: a checkpoint that can be seen is complete. */
  async save(
    step: number,
    variables: ReadonlyMap<string, NdArray>,
    state: RunState,
  ): Promise<string> {
    const prefix = this.prefix(step);
    // Before the new one, so that the list of checkpoints names what is there; one stays at least.
    while (this.#recent.length >= Math.max(2, this.#options.maxToKeep)) await this.#dropOldest();
    try {
      await writeFileAtomically(statePath(prefix), await encodeState(state));
      await writeCheckpoint(prefix, variables, { touchMeta: this.#options.touchMeta });
    } catch (error) {
      // A disk that is full shall not be filled with halves of checkpoints.
      await removeCheckpoint(prefix).catch(() => {});
      throw error;
    }
    if (this.#options.maxToKeep < 2 && this.#recent.length > 0) await this.#dropOldest();
    this.#lastMs = this.#now();
    this.#lastStep = step;
    this.#recent = [...this.#recent.filter((saved) => saved.step !== step), {
      step,
      savedMs: this.#lastMs,
    }];
    return prefix;
  }

  async #dropOldest(): Promise<void> {
    const { step, savedMs } = this.#recent.shift()!;
    if (savedMs >= this.#nextKeepMs) {
      this.#nextKeepMs += this.#options.keepEveryHours * 3_600_000;
      return;
    }
    await removeCheckpoint(this.prefix(step));
  }
}

/** Removes what there is of a checkpoint. */
async function removeCheckpoint(prefix: string): Promise<void> {
  // The index first: without it there is no checkpoint.
  const files = [".index", ".data-00000-of-00001", ".meta"].map((end) => prefix + end);
  for (const file of [...files, statePath(prefix)]) {
    await Deno.remove(file).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
}

function statePath(prefix: string): string {
  return `${prefix}.state.npz`;
}

async function encodeState({ json, canvases }: RunState): Promise<Uint8Array> {
  const text = new TextEncoder().encode(JSON.stringify(json));
  return await encodeNpz([
    { name: "state", value: { dtype: "uint8", shape: [text.length], data: text } },
    ...canvases.map((data, i) => ({
      name: `canvas_${i}`,
      value: { dtype: "float32" as const, shape: [data.length], data },
    })),
  ]);
}

/** The newest checkpoint of a folder: its variables and, where it is there, the state of the run. Null without any. */
export async function loadNewest(
  folder: string,
): Promise<{ prefix: string; variables: Map<string, NdArray>; state: RunState | null } | null> {
  if (!await isFile(join(folder, "checkpoint"))) return null;
  const prefix = await findCheckpointPrefix(folder);
  return { prefix, ...await loadCheckpoint(prefix) };
}

/** A checkpoint: its variables and, where it is there, the state of the run. */
export async function loadCheckpoint(
  prefix: string,
): Promise<{ variables: Map<string, NdArray>; state: RunState | null }> {
  return { variables: await readVariables(prefix), state: await readState(prefix) };
}

/** Every variable of a checkpoint. */
export async function readVariables(path: string): Promise<Map<string, NdArray>> {
  await using checkpoint = await openCheckpoint(path);
  const variables = new Map<string, NdArray>();
  for (const name of checkpoint.variables.keys()) variables.set(name, await checkpoint.read(name));
  return variables;
}

async function readState(prefix: string): Promise<RunState | null> {
  const path = statePath(prefix);
  if (!await isFile(path)) return null;
  const archive = await openNpz(await Deno.readFile(path), path);
  const text = (await archive.readArray("state")).data as Uint8Array;
  const canvases: Float32Array[] = [];
  for (;;) {
    const name = `canvas_${canvases.length}`;
    const array = await archive.readArray(name).catch((error) => {
      if (error instanceof NotFoundError) return null;
      throw error;
    });
    if (!array) break;
    canvases.push(array.data as Float32Array);
  }
  return { json: JSON.parse(new TextDecoder().decode(text)), canvases };
}
