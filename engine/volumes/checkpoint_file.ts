import { basename, dirname, join } from "node:path";
import { NotFoundError } from "../errors/errors.ts";
import { type BundleIndex, decodeBundleIndex, encodeBundleIndex } from "../formats/bundle_index.ts";
import {
  type CheckpointState,
  parseCheckpointState,
  printCheckpointState,
} from "../formats/checkpoint_state.ts";
import { type ByteSource, byteSource } from "../formats/byte_source.ts";
import type { NdArray } from "../formats/nd_array.ts";
import { checkInside, layOutTensors, readTensor } from "../formats/tensor_bundle.ts";
import { writeFileAtomically } from "./atomic_file.ts";
import { findCheckpointPrefix, isFile, prefixOf } from "./checkpoint_prefix.ts";
import { type FileSource, openFileSource } from "./file_source.ts";
import { HttpStore } from "./http_store.ts";
import { isUrl } from "./volume_spec.ts";

/** What a checkpoint says of a variable; `dtype` is a `DType`, or the name of a type that cannot be read (`string`). */
export interface CheckpointVariable {
  /** Type of the elements. */
  readonly dtype: string;
  /** Extent per axis; empty for a scalar. */
  readonly shape: readonly number[];
}

/** An open TensorFlow V2 checkpoint. */
export interface Checkpoint extends AsyncDisposable {
  /** Path without `.index`. */
  readonly prefix: string;
  /** By name, in the order of the names' bytes. */
  readonly variables: ReadonlyMap<string, CheckpointVariable>;
  /**
   * Reads a variable, C order, and checks its checksum.
   *
   * @throws {NotFoundError} when there is none of that name, {@linkcode FormatError} when its data are damaged.
   */
  read(name: string): Promise<NdArray>;
  /** Closes the files. */
  close(): Promise<void>;
}

/**
 * Opens a checkpoint by its prefix (`model.ckpt-1000`), its index file, or a folder whose file `checkpoint` names the
 * newest; also by a prefix or index on a web server, which is fetched whole. The index is read and checked whole, and that
 * every variable lies inside its data file; values are read when asked for.
 *
 * @throws {NotFoundError} when a file is missing, {@linkcode FormatError} when one is damaged or truncated,
 * {@linkcode UnsupportedError} for other kinds of checkpoint.
 */
export async function openCheckpoint(path: string): Promise<Checkpoint> {
  if (isUrl(path)) return await fetchCheckpoint(path);
  const prefix = await findCheckpointPrefix(path);
  const indexPath = `${prefix}.index`;
  const index = decodeBundleIndex(await Deno.readFile(indexPath), indexPath);
  const shards: FileSource[] = [];
  try {
    for (let i = 0; i < index.shardCount; i++) {
      shards.push(await openFileSource(shardPath(prefix, i, index.shardCount)));
    }
    return new OpenCheckpoint(prefix, index, shards, () => closeAll(shards));
  } catch (error) {
    closeAll(shards);
    throw error;
  }
}

/**
 * A checkpoint whose files are in memory, or were chosen in a page.
 *
 * @param prefix Names it in messages.
 * @param index Its file `.index`.
 * @param data Its files `.data-…`, in the order of their numbers.
 * @throws {RangeError} when there are more or fewer files than the index names, {@linkcode FormatError} when one is
 * damaged.
 */
export function checkpointOf(
  prefix: string,
  index: Uint8Array,
  data: readonly (Uint8Array | Blob)[],
): Checkpoint {
  const decoded = decodeBundleIndex(index, `${prefix}.index`);
  const { shardCount } = decoded;
  if (data.length !== shardCount) {
    throw new RangeError(
      `Cannot open checkpoint "${prefix}": its index names ${shardCount} data files, current number is ${data.length}`,
    );
  }
  const shards = data.map((bytes, i) => ({
    path: shardPath(prefix, i, shardCount),
    ...byteSource(bytes),
  }));
  return new OpenCheckpoint(prefix, decoded, shards, () => {});
}

/** Fetches all files of a checkpoint; a query (`?token=…`) goes with each. */
async function fetchCheckpoint(url: string): Promise<Checkpoint> {
  const [, folder, file, query = ""] = /^([^?]+)\/([^/?]+)(\?.*)?$/.exec(url) ?? [];
  if (file === undefined) {
    throw new NotFoundError(`Cannot open checkpoint "${url}": the address names no file`);
  }
  const name = prefixOf(file);
  const store = new HttpStore(folder + query);
  const get = async (key: string) => {
    const bytes = await store.get(key);
    if (bytes !== undefined) return bytes;
    throw new NotFoundError(`Cannot open checkpoint "${url}": there is no "${folder}/${key}"`);
  };
  const prefix = `${folder}/${name}`, index = await get(`${name}.index`);
  const { shardCount } = decodeBundleIndex(index, `${prefix}.index`);
  const shards = Array.from({ length: shardCount }, (_, i) => get(shardPath(name, i, shardCount)));
  return checkpointOf(prefix, index, await Promise.all(shards));
}

/** What is written beside the variables. */
export interface WriteCheckpointOptions {
  /** Whether to make it the newest in the folder's `checkpoint` file; true by default. */
  updateState?: boolean;
  /** Also write an empty `.meta` file, by which two of the reference's tools look for checkpoints. */
  touchMeta?: boolean;
}

/**
 * Writes a checkpoint that TensorFlow loads: data, then index, then state file, each atomically, so that a prefix whose
 * index exists is complete. Folders are created.
 *
 * @param prefix Path without `.index`.
 */
export async function writeCheckpoint(
  prefix: string,
  tensors: ReadonlyMap<string, NdArray>,
  options: WriteCheckpointOptions = {},
): Promise<void> {
  const { index, parts } = layOutTensors(tensors);
  // An old index must not describe new data, not even for a moment.
  await Deno.remove(`${prefix}.index`).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  await writeFileAtomically(shardPath(prefix, 0, 1), parts);
  if (options.touchMeta) await writeFileAtomically(`${prefix}.meta`, new Uint8Array(0));
  await writeFileAtomically(`${prefix}.index`, encodeBundleIndex(index));
  if (options.updateState ?? true) await addToState(prefix);
}

/** Makes `prefix` the newest checkpoint of its folder and forgets those that are gone. */
async function addToState(prefix: string): Promise<void> {
  const folder = dirname(prefix), name = basename(prefix);
  const path = join(folder, "checkpoint");
  const old: CheckpointState = await isFile(path)
    ? parseCheckpointState(await Deno.readTextFile(path), path)
    : {};
  const kept: string[] = [];
  for (const other of old.allModelCheckpointPaths ?? []) {
    const relative = basename(other);
    if (relative !== name && await isFile(join(folder, `${relative}.index`))) kept.push(relative);
  }
  const state = { modelCheckpointPath: name, allModelCheckpointPaths: [...kept, name] };
  await writeFileAtomically(path, new TextEncoder().encode(printCheckpointState(state)));
}

class OpenCheckpoint implements Checkpoint {
  readonly variables: ReadonlyMap<string, CheckpointVariable>;

  constructor(
    readonly prefix: string,
    private readonly index: BundleIndex,
    private readonly shards: readonly (ByteSource & { readonly path: string })[],
    private readonly onClose: () => void,
  ) {
    for (const [name, entry] of index.entries) {
      checkInside(shards[entry.shard], name, entry, shards[entry.shard].path);
    }
    this.variables = new Map(
      [...index.entries].map(([name, { type, shape }]) => [name, { dtype: type, shape }]),
    );
  }

  read(name: string): Promise<NdArray> {
    const entry = this.index.entries.get(name);
    if (!entry) {
      const error = new NotFoundError(
        `Cannot read variable "${name}" of "${this.prefix}": the checkpoint has no such variable`,
      );
      return Promise.reject(error);
    }
    const shard = this.shards[entry.shard];
    return readTensor(shard, name, entry, shard.path);
  }

  close(): Promise<void> {
    this.onClose();
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function closeAll(shards: readonly FileSource[]): void {
  for (const shard of shards) shard.close();
}

function shardPath(prefix: string, shard: number, count: number): string {
  const digits = (n: number) => String(n).padStart(5, "0");
  return `${prefix}.data-${digits(shard)}-of-${digits(count)}`;
}
