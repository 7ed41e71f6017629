/**
 * Canvas checkpoints (`seg-*.cpoint`): an npz of plain arrays from which a run goes on, inside the object in progress too.
 * Those of the reference programs, with pickled movement state, are read as well.
 */
import { FormatError } from "../errors/errors.ts";
import type { NdArray, TypedArray } from "../formats/nd_array.ts";
import { type NpzArchive, streamNpz } from "../formats/npz.ts";
import { decodeOrigins, encodeOrigins } from "../formats/origins.ts";
import { decodeOverlaps, encodeOverlaps } from "../formats/overlaps.ts";
import type { Zyx } from "../geometry/vectors.ts";
import { readNpzFile } from "../segmentation/npz_file.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import type { CanvasSnapshot } from "./canvas.ts";
import type { MovementState } from "./movement_policy.ts";
import { readPickledMovement, readPickledSeeds } from "./pickled_checkpoint.ts";
import type { SeedPolicyState } from "./seed_policies/policy.ts";

/** Which run a checkpoint belongs to. */
export interface CheckpointOwner {
  /** Size of the canvas. */
  readonly size: Zyx;
  /** Binary `InferenceRequest`; stored with the state. */
  readonly request: Uint8Array;
  /** Whether a stored request asks for the same segmentation. */
  isSameRequest(request: Uint8Array): boolean;
}

/** Writes a snapshot; a kill at any moment leaves the previous checkpoint or this one. */
export async function saveCheckpoint(
  path: string,
  snapshot: CanvasSnapshot,
  { size, request }: CheckpointOwner,
): Promise<void> {
  const { movement, seeds, history } = snapshot;
  const array = (name: string, value: NdArray) => ({ name, value });
  const int32 = (name: string, values: ArrayLike<number>, shape: readonly number[]) =>
    array(name, { dtype: "int32", shape, data: Int32Array.from(values) });
  const int64 = (name: string, values: readonly number[], shape: readonly number[]) =>
    array(name, { dtype: "int64", shape, data: BigInt64Array.from(values, BigInt) });
  const rows = (positions: ArrayLike<number>) => [positions.length / 3, 3];
  const members = [
    array("segmentation", { dtype: "int32", shape: size, data: snapshot.segmentation }),
    array("seg_qprob", { dtype: "uint8", shape: size, data: snapshot.segProb }),
    array("seed", { dtype: "float32", shape: size, data: snapshot.seed }),
    { name: "origins", value: encodeOrigins(snapshot.origins) },
    { name: "overlaps", value: encodeOverlaps(snapshot.overlaps) },
    int64("history", history.flat(), [history.length, 3]),
    int64("history_deleted", snapshot.historyDeleted, [snapshot.historyDeleted.length]),
    int32("queue_pos", movement.queuePositions, rows(movement.queuePositions)),
    array("queue_score", {
      dtype: "float32",
      shape: [movement.queueScores.length],
      data: movement.queueScores,
    }),
    int32("done", movement.done, rows(movement.done)),
    int32("start", movement.start, [3]),
    int32("min_pos", snapshot.minPosition, [3]),
    int32("max_pos", snapshot.maxPosition, [3]),
    int32("partial_segment_iters", [snapshot.partialSteps], []),
    int32("seed_coords", seeds?.coords ?? [], rows(seeds?.coords ?? [])),
    int32("seed_idx", [seeds?.index ?? 0], []),
    { name: "counters", value: { text: JSON.stringify(snapshot.counters) } },
    { name: "request", value: { bytes: request } },
  ];
  await writeFileAtomically(path, streamNpz(members));
}

/**
 * Reads a checkpoint of a run.
 *
 * @throws {FormatError} when the file is damaged, or belongs to another request or box.
 */
export async function loadCheckpoint(
  path: string,
  owner: CheckpointOwner,
): Promise<CanvasSnapshot> {
  return await readNpzFile(path, async (archive) => {
    const read = new CheckpointReader(archive);
    if (!read.isPickled && !owner.isSameRequest(await archive.readBytes("request"))) {
      throw new FormatError(
        `Cannot resume from "${path}": it belongs to another request; choose another segmentation_output_dir or remove the file`,
        { path },
      );
    }
    const segmentation = await read.array("segmentation", "int32", owner.size);
    const segProb = read.lacks("seg_qprob")
      ? new Uint8Array(segmentation.length)
      : await read.array("seg_qprob", "uint8", owner.size);
    return {
      segmentation,
      segProb,
      seed: await read.array("seed", "float32", owner.size),
      origins: decodeOrigins(await archive.readObject("origins"), `${path}:origins`),
      overlaps: read.lacks("overlaps")
        ? new Map()
        : decodeOverlaps(await archive.readObject("overlaps"), `${path}:overlaps`),
      history: await read.positions("history"),
      historyDeleted: await read.numbers("history_deleted"),
      minPosition: await read.position("min_pos"),
      maxPosition: await read.position("max_pos"),
      // Without it, as in older files of the reference, the object in progress is lost.
      partialSteps: (await read.numbers("partial_segment_iters")).at(0) ?? 0,
      counters: await read.counters(segmentation),
      ...await (read.isPickled ? read.pickledPolicies() : read.plainPolicies()),
    };
  });
}

/** The types that members are read as. */
interface Members {
  int32: Int32Array;
  uint8: Uint8Array;
  float32: Float32Array;
}

class CheckpointReader {
  /** Whether the file is one of the reference programs, which have fewer members the older they are. */
  readonly isPickled: boolean;
  readonly #archive: NpzArchive;

  constructor(archive: NpzArchive) {
    this.#archive = archive;
    this.isPickled = archive.has("movement_policy");
  }

  /** Whether a member is absent that older files did not have; in files of this program it would be missed. */
  lacks(name: string): boolean {
    return this.isPickled && !this.#archive.has(name);
  }

  /** An array of exactly this type; `shape` may leave the length of an axis open with -1. */
  async array<D extends keyof Members>(
    name: string,
    dtype: D,
    shape: readonly number[],
  ): Promise<Members[D]> {
    const value = await this.#archive.readArray(name);
    const fits = value.shape.length === shape.length &&
      shape.every((n, axis) => n === -1 || n === value.shape[axis]);
    if (value.dtype === dtype && fits) return value.data as TypedArray as Members[D];
    throw this.#misfit(name, `${dtype} (${shape.map((n) => n < 0 ? "n" : n).join(", ")})`, value);
  }

  /** Integers of any type and shape as numbers; none where an older file has no such member. */
  async numbers(name: string): Promise<number[]> {
    if (this.lacks(name)) return [];
    const { data } = await this.#archive.readArray(name);
    return Array.from<number | bigint, number>(data, Number);
  }

  async positions(name: string): Promise<Zyx[]> {
    const numbers = await this.numbers(name);
    return Array.from(
      { length: Math.floor(numbers.length / 3) },
      (_, i) => [numbers[3 * i], numbers[3 * i + 1], numbers[3 * i + 2]],
    );
  }

  /** One position; the origin where an older file has no such member. */
  async position(name: string): Promise<Zyx> {
    return (await this.positions(name)).at(0) ?? [0, 0, 0];
  }

  /** Policy states in the arrays that `saveCheckpoint` writes. */
  async plainPolicies(): Promise<PolicyStates> {
    const queuePositions = await this.array("queue_pos", "int32", [-1, 3]);
    const movement = {
      queuePositions,
      queueScores: await this.array("queue_score", "float32", [queuePositions.length / 3]),
      done: await this.array("done", "int32", [-1, 3]),
      start: await this.position("start"),
    };
    const coords = await this.array("seed_coords", "int32", [-1, 3]);
    const [index] = await this.array("seed_idx", "int32", []);
    return { movement, seeds: coords.length > 0 ? { coords, index } : null };
  }

  /** Policy states as the reference programs pickle them. */
  async pickledPolicies(): Promise<PolicyStates> {
    const { path } = this.#archive;
    const movement = readPickledMovement(await this.#archive.readObject("movement_policy"), path);
    const seeds = this.lacks("seed_policy_state")
      ? null
      : readPickledSeeds(await this.#archive.readObject("seed_policy_state"), path);
    return { movement, seeds };
  }

  async counters(segmentation: Int32Array): Promise<Record<string, number>> {
    const path = `${this.#archive.path}:counters`;
    const segmented = segmentation.reduce((n, label) => n + (label === 0 ? 0 : 1), 0);
    let saved: unknown;
    try {
      saved = JSON.parse(await this.#archive.readText("counters"));
    } catch (cause) {
      if (!(cause instanceof SyntaxError)) throw cause;
      throw new FormatError(`Cannot read "${path}": ${cause.message}`, { path, cause });
    }
    const counters: Record<string, number> = { "voxels-segmented": segmented };
    for (const [name, value] of Object.entries(saved ?? {})) {
      if (typeof value === "number") counters[name] = value;
    }
    return counters;
  }

  #misfit(name: string, wanted: string, value: NdArray): FormatError {
    const { path } = this.#archive;
    return new FormatError(
      `Cannot resume from "${path}": "${name}" must be ${wanted}, current ${value.dtype} (${
        value.shape.join(", ")
      }); if it belongs to another box remove the file`,
      { path },
    );
  }
}

interface PolicyStates {
  readonly movement: MovementState;
  readonly seeds: SeedPolicyState | null;
}
