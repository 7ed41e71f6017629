/** Tables as Parquet files, by way of `hyparquet-writer`; the only file that knows it. */
import { parquetWriteBuffer } from "npm:hyparquet-writer@0.17.0";

/** How the columns of our tables are stored. */
const TYPES = {
  uint64: { type: "INT64", converted_type: "UINT_64" },
  uint32: { type: "INT32", converted_type: "UINT_32" },
  float32: { type: "FLOAT" },
} as const;

/** A column of a table. */
export interface ParquetColumn {
  readonly name: string;
  readonly dtype: keyof typeof TYPES;
  readonly data: BigUint64Array | Uint32Array | Float32Array;
}

/**
 * Encodes columns of one length as a Parquet file, none of them optional.
 *
 * @throws {RangeError} when lengths differ.
 */
export function encodeParquet(columns: readonly ParquetColumn[]): Uint8Array {
  const rows = columns[0]?.data.length ?? 0;
  const odd = columns.find(({ data }) => data.length !== rows);
  if (odd !== undefined) {
    throw new RangeError(
      `Cannot encode a table: column "${odd.name}" has ${odd.data.length} rows, the first has ${rows}`,
    );
  }
  const buffer = parquetWriteBuffer({
    schema: [
      { name: "root", num_children: columns.length },
      ...columns.map(({ name, dtype }) => ({
        name,
        repetition_type: "REQUIRED" as const,
        ...TYPES[dtype],
      })),
    ],
    columnData: columns.map(({ name, data }) => ({
      name,
      data: Array.from<number | bigint>(data),
    })),
  });
  return new Uint8Array(buffer);
}
