import { FormatError, UnsupportedError } from "../errors/errors.ts";
import { elementCount, itemSize } from "../formats/nd_array.ts";
import { ConsensusRequestSchema } from "../formats/protobuf/consensus.ts";
import { InferenceOptionsSchema, InferenceRequestSchema } from "../formats/protobuf/inference.ts";
import { MaskConfigsSchema } from "../formats/protobuf/masks.ts";
import { ResegmentationRequestSchema } from "../formats/protobuf/resegmentation.ts";
import type { Schema } from "../formats/protobuf/schema.ts";
import { parseText } from "../formats/protobuf/text_reader.ts";
import { TextFormatError } from "../formats/protobuf/text_tokens.ts";
import { printText } from "../formats/protobuf/text_writer.ts";
import { BoundingBoxesSchema, BoundingBoxSchema } from "../formats/protobuf/vectors.ts";
import type { Zyx } from "../geometry/vectors.ts";
import { describeArchitecture } from "../models/model.ts";
import { MODEL_CLASSES } from "../models/registry.ts";
import { listSegmentations } from "../segmentation/subvolume_paths.ts";
import { findCheckpointPrefix } from "../volumes/checkpoint_prefix.ts";
import { openCheckpoint } from "../volumes/checkpoint_file.ts";
import { Hdf5File } from "../volumes/hdf5_file.ts";
import { open } from "../volumes/open.ts";
import type { Description, Fact } from "./description.ts";
import { describeArchive } from "./describe_archive.ts";

/** Messages that people keep in files. */
const MESSAGES: readonly Schema<unknown>[] = [
  InferenceRequestSchema,
  BoundingBoxSchema,
  BoundingBoxesSchema,
  InferenceOptionsSchema,
  MaskConfigsSchema,
  ResegmentationRequestSchema,
  ConsensusRequestSchema,
];

/** Requests are a few kilobytes; a longer text is something else. */
const MAX_TEXT_BYTES = 2 ** 20;

/**
 * Says what a file, folder or volume spec holds.
 *
 * @throws {NotFoundError} when there is nothing of that name, the error of its format when it is damaged.
 */
export async function describeFile(path: string): Promise<Description> {
  const stat = await Deno.stat(path).catch(() => null);
  const prefix = await findCheckpointPrefix(path).catch(() => null);
  if (prefix !== null) return await describeCheckpoint(prefix);
  const results = stat?.isDirectory ? await listSegmentations(path) : [];
  if (results.length > 0) return describeResults(path, results);
  if (stat === null || stat.isDirectory) return await describeVolume(path);
  const start = await firstBytes(path, 8);
  const begins = (...bytes: number[]) => bytes.every((byte, i) => start[i] === byte);
  if (begins(0x50, 0x4b)) return await describeArchive(path);
  if (begins(0x89, 0x48, 0x44, 0x46)) return await describeHdf5(path);
  if (stat.size > MAX_TEXT_BYTES || start.includes(0)) {
    throw new UnsupportedError(
      `Cannot tell what "${path}" is: expected a checkpoint, an npz archive, an HDF5 file, a folder of PNG sections or a request as text`,
    );
  }
  return await describeText(path);
}

async function firstBytes(path: string, count: number): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(count);
  return bytes.subarray(0, await file.read(bytes) ?? 0);
}

async function describeCheckpoint(prefix: string): Promise<Description> {
  await using checkpoint = await openCheckpoint(prefix);
  const contents = [...checkpoint.variables].map(([variable, { dtype, shape }]) => ({
    variable,
    type: dtype,
    shape,
  }));
  const facts: Record<string, Fact> = {
    prefix,
    parameters: contents.reduce((sum, { shape }) => sum + elementCount(shape), 0),
  };
  for (const { name, inferArchitecture } of MODEL_CLASSES) {
    const architecture = inferArchitecture(checkpoint.variables);
    if (!architecture) continue;
    // Classes that take further checkpoints fit the same variables; they come later.
    facts.model = `${name}, ${describeArchitecture(architecture)}`;
    break;
  }
  if (checkpoint.variables.has("global_step")) {
    facts.step = Number((await checkpoint.read("global_step")).data[0]);
  }
  return { kind: "TensorFlow checkpoint", facts, contents };
}

async function describeVolume(spec: string): Promise<Description> {
  await using volume = await open(spec);
  const { shape, dtype, voxelSizeNm } = volume;
  return {
    kind: "volume",
    facts: {
      spec,
      shape,
      axes: shape.length === 4 ? "channel z y x" : "z y x",
      type: dtype,
      sizeBytes: elementCount(shape) * itemSize(dtype),
      ...(voxelSizeNm && { voxelSizeNm }),
    },
  };
}

function describeResults(
  path: string,
  results: readonly { path: string; corner: Zyx }[],
): Description {
  const contents = results.map((result) => ({ cornerZyx: result.corner, path: result.path }));
  return { kind: "folder of results", facts: { path, subvolumes: results.length }, contents };
}

async function describeHdf5(path: string): Promise<Description> {
  await using file = await Hdf5File.open(path);
  const contents: Record<string, Fact>[] = [];
  for (const dataset of await file.datasets()) {
    const found = await file.call(`open "${path}"`, "describe", { dataset });
    if (!found) continue;
    const { kind, itemBytes, shape, chunks } = found;
    const type = kind === "other" ? "other" : `${kind}${8 * itemBytes}`;
    contents.push({ dataset, type, shape, chunks: chunks ?? "none" });
  }
  const { size } = await Deno.stat(path);
  return { kind: "HDF5 file", facts: { path, sizeBytes: size }, contents };
}

/** The message type under which the whole text parses, else the error of the type that understood most of it. */
async function describeText(path: string): Promise<Description> {
  const text = await Deno.readTextFile(path).catch((error) => {
    if (!(error instanceof TypeError)) throw error;
    throw new FormatError(`Cannot read "${path}": it is not UTF-8 text`, { path });
  });
  let furthest: TextFormatError | null = null;
  for (const schema of MESSAGES) {
    try {
      const message = parseText(schema, text, `"${path}"`);
      return { kind: schema.name, facts: { path, text: printText(schema, message) } };
    } catch (error) {
      if (!(error instanceof TextFormatError)) throw error;
      const place = ({ line, column }: TextFormatError) => 1e6 * line + column;
      if (!furthest || place(error) > place(furthest)) furthest = error;
    }
  }
  throw furthest;
}
