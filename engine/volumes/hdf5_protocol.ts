/** What is said between the engine and the worker that runs the HDF5 library. */

import type { DType } from "../formats/nd_array.ts";

/** What a dataset says of itself. */
export interface Hdf5Dataset {
  readonly shape: readonly number[];
  /** Null where it is not chunked. */
  readonly chunks: readonly number[] | null;
  /** Kind of its elements; `other` for strings, compounds and the like. */
  readonly kind: "int" | "uint" | "float" | "other";
  readonly itemBytes: number;
  /** An enumeration of FALSE and TRUE, as h5py stores booleans. */
  readonly isBoolean: boolean;
}

/** Attributes that are numbers or text, each in C order; `bigint` is written as int64, `number` as int32 or float64. */
export type Hdf5Attributes = Readonly<
  Record<
    string,
    { readonly shape: readonly number[]; readonly values: readonly (number | bigint | string)[] }
  >
>;

/** A dataset of an open file. */
interface DatasetPath {
  /** Handle of the library. */
  readonly file: bigint;
  /** Path in the file. */
  readonly dataset: string;
}
/** A box of a dataset, one entry per dimension. */
interface Hyperslab extends DatasetPath {
  readonly offset: readonly number[];
  readonly count: readonly number[];
}

/** Commands with their arguments and results. */
export interface Hdf5Commands {
  open: {
    readonly args: { readonly path: string; readonly mode: "read" | "write" | "create" };
    readonly result: bigint;
  };
  close: { readonly args: { readonly file: bigint }; readonly result: void };
  /** Paths of all datasets. */
  list: { readonly args: { readonly file: bigint }; readonly result: string[] };
  /** Null where there is no such dataset. */
  describe: { readonly args: DatasetPath; readonly result: Hdf5Dataset | null };
  /** All attributes, or those whose names start with one of `prefixes`; those of other types are left out. */
  attributes: {
    readonly args: DatasetPath & { readonly prefixes?: readonly string[] };
    readonly result: Hdf5Attributes;
  };
  /** Bytes of a box in C order, little-endian. */
  read: {
    readonly args: Hyperslab & { readonly itemBytes: number };
    readonly result: ArrayBuffer;
  };
  /** Makes a dataset of zeros, and the groups it is in. */
  createDataset: {
    readonly args: DatasetPath & {
      readonly dtype: DType;
      readonly shape: readonly number[];
      readonly chunks: readonly number[];
      /** 0 for none. */
      readonly gzipLevel: number;
      readonly attributes: Hdf5Attributes;
    };
    readonly result: void;
  };
  /** Adds attributes to a dataset. */
  addAttributes: {
    readonly args: DatasetPath & { readonly attributes: Hdf5Attributes };
    readonly result: void;
  };
  write: { readonly args: Hyperslab & { readonly data: ArrayBuffer }; readonly result: void };
}

export interface Hdf5Request {
  readonly id: number;
  readonly command: keyof Hdf5Commands;
  readonly args: Hdf5Commands[keyof Hdf5Commands]["args"];
}

export interface Hdf5Reply {
  readonly id: number;
  readonly result?: Hdf5Commands[keyof Hdf5Commands]["result"];
  /** Why the command failed. */
  readonly problem?: string;
}
