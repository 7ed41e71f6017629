import { basename, dirname, isAbsolute, join } from "node:path";
import { NotFoundError, UnsupportedError } from "../errors/errors.ts";
import { parseCheckpointState } from "../formats/checkpoint_state.ts";

/** Files by which other kinds of saved models are known. */
const SAVED_MODEL = ["saved_model.pb", "saved_model.pbtxt"];
const ORBAX = ["_CHECKPOINT_METADATA", "_METADATA", "manifest.ocdbt", "_sharding"];

/**
 * Prefix of the checkpoint that `path` means: a prefix, one of the files of a checkpoint, or a folder whose file
 * `checkpoint` names the newest. Its `.index` exists.
 *
 * @throws {NotFoundError} when there is no checkpoint, {@linkcode UnsupportedError} when there is one of another kind.
 */
export async function findCheckpointPrefix(path: string): Promise<string> {
  const prefix = prefixOf(path);
  if (await isFile(`${prefix}.index`)) return prefix;
  if (await isFolder(path)) return await newestOf(path);
  if (await isFile(path)) {
    throw new UnsupportedError(
      `Cannot open checkpoint "${path}": a single file without an index is a V1 checkpoint or another kind of file, ` +
        "only TensorFlow V2 checkpoints (.index and .data files) are supported; load and save it with TensorFlow",
    );
  }
  const there = await prefixesIn(dirname(prefix));
  const hint = there.length > 0
    ? `the folder has ${there.map((p) => `"${p}"`).join(", ")}`
    : "the folder has no checkpoints";
  throw new NotFoundError(`Cannot open checkpoint "${path}": no file "${prefix}.index", ${hint}`);
}

/** A path without the ending that each file of a checkpoint has. */
export function prefixOf(path: string): string {
  return path.replace(/\.(index|meta|data-\d{5}-of-\d{5})$/, "");
}

/** Whether there is a regular file. */
export function isFile(path: string): Promise<boolean> {
  return Deno.stat(path).then((info) => info.isFile, () => false);
}

function isFolder(path: string): Promise<boolean> {
  return Deno.stat(path).then((info) => info.isDirectory, () => false);
}

/** The checkpoint that a folder's state file names. */
async function newestOf(folder: string): Promise<string> {
  const names = new Set((await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name));
  const stateFile = join(folder, "checkpoint");
  if (await isFile(stateFile)) {
    const state = parseCheckpointState(await Deno.readTextFile(stateFile), stateFile);
    const named = state.modelCheckpointPath;
    if (!named) {
      throw new NotFoundError(`Cannot open checkpoint "${folder}": "${stateFile}" names none`);
    }
    const given = isAbsolute(named) ? named : join(folder, named);
    // A folder that was copied from elsewhere still says where its files were.
    const moved = join(folder, basename(named));
    for (const prefix of [given, moved]) if (await isFile(`${prefix}.index`)) return prefix;
    throw new NotFoundError(
      `Cannot open checkpoint "${folder}": it names "${given}", which has no index`,
    );
  }
  const other = SAVED_MODEL.some((name) => names.has(name))
    ? "a TensorFlow SavedModel"
    : ORBAX.some((name) => names.has(name))
    ? "a JAX checkpoint (Orbax)"
    : null;
  if (other) {
    throw new UnsupportedError(
      `Cannot open checkpoint "${folder}": it is ${other}, only TensorFlow V2 checkpoints ` +
        "(.index and .data files) are supported; save the variables with tf.compat.v1.train.Saver",
    );
  }
  const there = await prefixesIn(folder);
  const hint = there.length > 0
    ? `name one of ${there.map((p) => `"${join(folder, p)}"`).join(", ")}`
    : "there are no checkpoints in it";
  throw new NotFoundError(
    `Cannot open checkpoint "${folder}": it has no file "checkpoint", ${hint}`,
  );
}

/** Names of the checkpoints in a folder, at most ten; none when there is no such folder. */
async function prefixesIn(folder: string): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(folder || "."));
    const indices = entries.map((entry) => entry.name).filter((name) => name.endsWith(".index"));
    return indices.map((name) => name.slice(0, -".index".length)).sort().slice(0, 10);
  } catch {
    return [];
  }
}
