import { FormatError, UnsupportedError } from "../errors/errors.ts";
import {
  arrayConstructor,
  type DType,
  itemSize,
  type NdArray,
  type TypedArray,
} from "../formats/nd_array.ts";
import type { Box } from "../geometry/box.ts";
import type { Zyx } from "../geometry/vectors.ts";
import type { Volume } from "./volume.ts";

/** Labels seen through a table from label to label, as FlyEM stacks have it beside them (`transforms`). */
class MappedLabels implements Volume {
  readonly spec: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly voxelSizeNm?: Zyx;
  readonly offset?: Zyx;
  readonly #base: Volume;
  readonly #table: ReadonlyMap<bigint, bigint>;
  /** The same table for labels that come as numbers. */
  readonly #numbers = new Map<number, number | bigint>();
  readonly #keepsOthers: boolean;

  constructor(base: Volume, table: ReadonlyMap<bigint, bigint>, keepOthers: boolean) {
    this.spec = base.spec;
    this.shape = base.shape;
    this.voxelSizeNm = base.voxelSizeNm;
    this.offset = base.offset;
    this.dtype = dtypeFor(base.dtype, table);
    this.#base = base;
    this.#table = table;
    this.#keepsOthers = keepOthers;
    const isBig = /64/.test(this.dtype);
    for (const [from, to] of table) this.#numbers.set(Number(from), isBig ? to : Number(to));
  }

  async read(box: Box, channel = 0): Promise<TypedArray> {
    const labels = await this.#base.read(box, channel);
    const out = new (arrayConstructor(this.dtype))(labels.length);
    const table = typeof labels[0] === "bigint" ? this.#table : this.#numbers;
    // Labels come in runs along x.
    let last: number | bigint = labels[0], mapped = this.#lookUp(table, last);
    for (let i = 0; i < labels.length; i++) {
      if (labels[i] !== last) mapped = this.#lookUp(table, last = labels[i]);
      out[i] = mapped;
    }
    return out;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#base[Symbol.asyncDispose]();
  }

  #lookUp(table: ReadonlyMap<number | bigint, number | bigint>, label: number | bigint) {
    const mapped = table.get(label);
    if (mapped !== undefined) return mapped;
    if (this.#keepsOthers) return /64/.test(this.dtype) ? BigInt(label) : label;
    // Background need not have a row.
    if (Number(label) === 0) return /64/.test(this.dtype) ? 0n : 0;
    throw new FormatError(
      `Cannot map the labels of "${this.spec}": "transforms" has no row for label ${label}`,
      { path: this.spec },
    );
  }
}

/**
 * Labels with a table applied when they are read. The labels keep their type where all new ones fit into it, else they
 * become uint64. The base volume belongs to the result.
 *
 * @param rows `[n, 2]`: label, new label.
 * @param options.keepOthers Leaves labels without a row as they are; otherwise they are an error.
 * @throws {UnsupportedError} when labels or table are not integers.
 */
export function mappedLabels(
  base: Volume,
  rows: NdArray,
  options: { readonly keepOthers?: boolean } = {},
): Volume {
  for (const { dtype } of [base, rows]) {
    if (/int/.test(dtype)) continue;
    throw new UnsupportedError(
      `Cannot map the labels of "${base.spec}": labels and "transforms" must be integers, current type is ${dtype}`,
    );
  }
  if (rows.shape.length !== 2 || rows.shape[1] !== 2) {
    throw new FormatError(
      `Cannot map the labels of "${base.spec}": "transforms" must have rows of two labels, ` +
        `current shape is [${rows.shape.join(", ")}]`,
      { path: base.spec },
    );
  }
  const table = new Map<bigint, bigint>();
  for (let i = 0; i < rows.data.length; i += 2) {
    table.set(BigInt(rows.data[i]), BigInt(rows.data[i + 1]));
  }
  return new MappedLabels(base, table, options.keepOthers ?? false);
}

function dtypeFor(dtype: DType, table: ReadonlyMap<bigint, bigint>): DType {
  const bits = 8 * itemSize(dtype);
  const cut = dtype.startsWith("u") ? BigInt.asUintN : BigInt.asIntN;
  return [...table.values()].every((label) => cut(bits, label) === label) ? dtype : "uint64";
}
