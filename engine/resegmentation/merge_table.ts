import { extname } from "node:path";
import { FormatError, NotFoundError, UnsupportedError } from "../errors/errors.ts";
import type { NdArray } from "../formats/nd_array.ts";
import { decodeNpy, encodeNpy } from "../formats/npy.ts";
import { encodeParquet, type ParquetColumn } from "../formats/parquet.ts";
import type { Zyx } from "../geometry/vectors.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import type { ObjectEvaluation, PairEvaluation } from "./evaluate_pair.ts";

/** How much speaks for two supervoxels being one object. */
export interface Affinity {
  readonly idA: bigint;
  readonly idB: bigint;
  /** Where the two were grown from, in the volume. */
  readonly positionA: Zyx;
  readonly positionB: Zyx;
  /** Intersection over union of what grew. */
  readonly score: number;
}

/** What an evaluation says in one row of the table. */
export function affinityOf({ idA, idB, iou, fromA, fromB }: PairEvaluation): Affinity {
  return { idA, idB, positionA: fromA.origin, positionB: fromB.origin, score: iou };
}

/**
 * The table as NumPy file with rows `id_a u8, id_b u8, xa u4, ya u4, za u4, xb u4, yb u4, zb u4, score f4`, 44 bytes each.
 */
export function encodeMergeTable(rows: readonly Affinity[]): Uint8Array[] {
  const shape = [rows.length];
  const arrays = tableColumns(rows).map(({ name, dtype, data }) =>
    [name, { dtype, shape, data }] as const
  );
  return encodeNpy({ columns: new Map(arrays) });
}

/** The table by columns. */
function tableColumns(rows: readonly Affinity[]): ParquetColumn[] {
  const ids = (name: string, of: (row: Affinity) => bigint): ParquetColumn => ({
    ...{ name, dtype: "uint64", data: BigUint64Array.from(rows, of) },
  });
  const place = (name: string, of: (row: Affinity) => number): ParquetColumn => ({
    ...{ name, dtype: "uint32", data: Uint32Array.from(rows, of) },
  });
  return [
    ids("id_a", (row) => row.idA),
    ids("id_b", (row) => row.idB),
    place("xa", (row) => row.positionA[2]),
    place("ya", (row) => row.positionA[1]),
    place("za", (row) => row.positionA[0]),
    place("xb", (row) => row.positionB[2]),
    place("yb", (row) => row.positionB[1]),
    place("zb", (row) => row.positionB[0]),
    { name: "score", dtype: "float32", data: Float32Array.from(rows, (row) => row.score) },
  ];
}

/**
 * Decodes such a file; `path` is for messages.
 *
 * @throws {FormatError} when it is none.
 */
export function decodeMergeTable(bytes: Uint8Array, path: string): Affinity[] {
  const value = decodeNpy(bytes, path);
  const names = ["id_a", "id_b", "xa", "ya", "za", "xb", "yb", "zb", "score"];
  const found = value.kind === "table" ? value.columns : new Map<string, NdArray>();
  const missing = names.filter((name) => !found.has(name));
  if (missing.length > 0) {
    throw new FormatError(`Cannot read "${path}": it is no merge table, it lacks ${missing}`, {
      path,
    });
  }
  const [a, b, xa, ya, za, xb, yb, zb, score] = names.map((name) => found.get(name)!.data);
  return Array.from({ length: a.length }, (_, i) => ({
    ...{ idA: BigInt(a[i]), idB: BigInt(b[i]), score: Number(score[i]) },
    positionA: [Number(za[i]), Number(ya[i]), Number(xa[i])],
    positionB: [Number(zb[i]), Number(yb[i]), Number(xb[i])],
  }));
}

const CSV_COLUMNS = "id_a,id_b,xa,ya,za,xb,yb,zb,score";

/** The table as text with a head. */
export function mergeTableCsv(rows: readonly Affinity[]): string {
  const lines = rows.map(({ idA, idB, positionA, positionB, score }) =>
    [idA, idB, ...positionA.toReversed(), ...positionB.toReversed(), score].join(",")
  );
  return [CSV_COLUMNS, ...lines, ""].join("\n");
}

/**
 * Reads a merge table: NumPy (.npy) or text (.csv).
 *
 * @throws {NotFoundError} when there is no such file, {@linkcode FormatError} when it is no merge table.
 */
export async function readMergeTable(path: string): Promise<Affinity[]> {
  const bytes = await Deno.readFile(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new NotFoundError(`Cannot open merge table "${path}": no such file`);
  });
  const kind = extname(path);
  if (kind === ".npy") return decodeMergeTable(bytes, path);
  if (kind === ".csv") return parseCsv(new TextDecoder().decode(bytes), path);
  throw new UnsupportedError(
    `Cannot read merge table "${path}": it must end in .npy or .csv, current is "${kind}"`,
  );
}

function parseCsv(text: string, path: string): Affinity[] {
  const [head, ...lines] = text.split(/\r?\n/).filter((line) => line.trim() !== "");
  const refuse = (what: string): never => {
    throw new FormatError(`Cannot read merge table "${path}": ${what}`, { path });
  };
  if (head !== CSV_COLUMNS) refuse(`its first line must be ${CSV_COLUMNS}, current is ${head}`);
  return lines.map((line, i) => {
    const cells = line.split(",");
    const isRow = cells.length === 9 && cells.slice(0, 8).every((cell) => /^\d+$/.test(cell));
    // The score of two empty results is NaN.
    if (!isRow || (cells[8] !== "NaN" && !Number.isFinite(Number(cells[8])))) {
      refuse(`line ${i + 2} is "${line}"`);
    }
    const [xa, ya, za, xb, yb, zb, score] = cells.slice(2).map(Number);
    return {
      ...{ idA: BigInt(cells[0]), idB: BigInt(cells[1]), score: Math.fround(score) },
      ...{ positionA: [za, ya, xa], positionB: [zb, yb, xb] },
    };
  });
}

/** Everything known of evaluated pairs, as text with a head; vectors xyz. */
export function evaluationsCsv(evaluations: readonly PairEvaluation[]): string {
  const object = (name: string) =>
    ["x", "y", "z", "voxels", "deleted_voxels", "a_consistency", "b_consistency", "max_edt"]
      .map((field) => `from_${name}_${field}`);
  const head = [
    ...["id_a", "id_b", "x", "y", "z", "iou", ...object("a"), ...object("b")],
    ...["voxels_a", "voxels_b", "max_edt_a", "max_edt_b"],
  ];
  const cells = (from: ObjectEvaluation) => [
    ...from.origin.toReversed(),
    ...[from.voxels, from.deletedVoxels, from.consistencyA, from.consistencyB, from.maxDistance],
  ];
  const lines = evaluations.map((e) =>
    [
      ...[e.idA, e.idB, ...e.position.toReversed(), e.iou, ...cells(e.fromA), ...cells(e.fromB)],
      ...[e.voxelsA, e.voxelsB, e.maxDistanceA, e.maxDistanceB],
    ].join(",")
  );
  return [head.join(","), ...lines, ""].join("\n");
}

/** Writes the table at `path` (.npy) and, under the same name, as text, as Parquet, and with all figures. */
export async function writeAffinities(
  path: string,
  evaluations: readonly PairEvaluation[],
): Promise<string[]> {
  const rows = evaluations.map(affinityOf);
  const text = (content: string) => new TextEncoder().encode(content);
  const stem = path.replace(/\.npy$/, "");
  const files: [string, Uint8Array | Uint8Array[]][] = [
    [`${stem}_evaluations.csv`, text(evaluationsCsv(evaluations))],
    [`${stem}.csv`, text(mergeTableCsv(rows))],
    [`${stem}.parquet`, encodeParquet(tableColumns(rows))],
    [path, encodeMergeTable(rows)],
  ];
  for (const [name, content] of files) await writeFileAtomically(name, content);
  return files.map(([name]) => name);
}
