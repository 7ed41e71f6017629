import { extname } from "node:path";
import { FormatError, NotFoundError, UnsupportedError } from "../errors/errors.ts";
import type { NdArray } from "../formats/nd_array.ts";
import { decodeNpy, encodeNpy } from "../formats/npy.ts";
import { openNpz, streamNpz } from "../formats/npz.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import type { Mapping } from "./automerge.ts";

const COLUMNS = ["supervoxel", "body"] as const;

/**
 * Writes the body of each supervoxel: text `supervoxel,body` (.csv), a structured NumPy array (.npy) or two arrays of these
 * names (.npz), uint64.
 *
 * @throws {UnsupportedError} for other endings.
 */
export async function writeMapping(path: string, mapping: Mapping): Promise<void> {
  checkMappingPath("write", path);
  const kind = extname(path);
  const shape = [mapping.size];
  const array = (ids: Iterable<bigint>): NdArray => ({
    ...{ dtype: "uint64", shape },
    data: BigUint64Array.from(ids),
  });
  const columns = [array(mapping.keys()), array(mapping.values())];
  if (kind === ".npz") {
    const members = COLUMNS.map((name, i) => ({ name, value: columns[i] }));
    return await writeFileAtomically(path, streamNpz(members));
  }
  if (kind === ".npy") {
    const table = new Map(COLUMNS.map((name, i) => [name as string, columns[i]]));
    return await writeFileAtomically(path, encodeNpy({ columns: table }));
  }
  const lines = [...mapping].map(([supervoxel, body]) => `${supervoxel},${body}`);
  const text = [COLUMNS.join(","), ...lines, ""].join("\n");
  await writeFileAtomically(path, new TextEncoder().encode(text));
}

/**
 * Reads what `writeMapping` writes.
 *
 * @throws {NotFoundError} when there is no such file, {@linkcode FormatError} when it is none.
 */
export async function readMapping(path: string): Promise<Map<bigint, bigint>> {
  checkMappingPath("read", path);
  const bytes = await Deno.readFile(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new NotFoundError(`Cannot open mapping "${path}": no such file`);
  });
  const [supervoxels, bodies] = await columnsOf(bytes, path);
  if (supervoxels.length !== bodies.length) {
    throw new FormatError(
      `Cannot read mapping "${path}": ${supervoxels.length} supervoxels have ${bodies.length} bodies`,
      { path },
    );
  }
  return new Map(supervoxels.map((id, i) => [id, bodies[i]]));
}

/** @throws {UnsupportedError} unless the name ends in one of the kinds of mapping files. */
export function checkMappingPath(action: "read" | "write", path: string): void {
  if ([".csv", ".npy", ".npz"].includes(extname(path))) return;
  throw new UnsupportedError(
    `Cannot ${action} mapping "${path}": it must end in .csv, .npy or .npz, current is "${
      extname(path)
    }"`,
  );
}

async function columnsOf(bytes: Uint8Array, path: string): Promise<bigint[][]> {
  const kind = extname(path);
  if (kind === ".csv") return parseCsv(new TextDecoder().decode(bytes), path);
  if (kind === ".npz") {
    const archive = await openNpz(bytes, path);
    return await Promise.all(
      COLUMNS.map(async (name) => Array.from((await archive.readArray(name)).data, BigInt)),
    );
  }
  const value = decodeNpy(bytes, path);
  const columns = value.kind === "table" ? COLUMNS.map((name) => value.columns.get(name)) : [];
  if (columns.length !== 2 || columns.some((column) => column === undefined)) {
    throw new FormatError(`Cannot read mapping "${path}": it lacks supervoxel and body`, { path });
  }
  return columns.map((column) => Array.from(column!.data, BigInt));
}

function parseCsv(text: string, path: string): bigint[][] {
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  if (lines[0] !== COLUMNS.join(",")) {
    throw new FormatError(
      `Cannot read mapping "${path}": its first line must be ${COLUMNS}, current is ${lines[0]}`,
      { path },
    );
  }
  const rows = lines.slice(1).map((line, i) => {
    if (/^\d+,\d+$/.test(line)) return line.split(",").map(BigInt);
    throw new FormatError(`Cannot read mapping "${path}": line ${i + 2} is "${line}"`, { path });
  });
  return [rows.map((row) => row[0]), rows.map((row) => row[1])];
}
