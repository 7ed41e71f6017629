/** Names of the element types that arrays, volumes and tensors may have (the NumPy names). */
export type DType =
  | "bool"
  | "uint8"
  | "int8"
  | "uint16"
  | "int16"
  | "uint32"
  | "int32"
  | "uint64"
  | "int64"
  | "float16"
  | "float32"
  | "float64";

/** The typed array that holds elements of any `DType`; `bool` is a `Uint8Array` of 0 and 1, `float16` a `Uint16Array` of bit patterns. */
export type TypedArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array
  | Float32Array
  | Float64Array;

/** A dense C-order array. */
export interface NdArray<T extends TypedArray = TypedArray> {
  /** Type of the elements. */
  readonly dtype: DType;
  /** Extent per axis, slowest first; empty for a scalar. */
  readonly shape: readonly number[];
  /** As many elements as the product of `shape`. */
  readonly data: T;
}

const CONSTRUCTORS = {
  bool: Uint8Array,
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  uint32: Uint32Array,
  int32: Int32Array,
  uint64: BigUint64Array,
  int64: BigInt64Array,
  float16: Uint16Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;

/** The typed array type of each dtype. */
export type ArrayOf<D extends DType> = InstanceType<(typeof CONSTRUCTORS)[D]>;

/** Constructor of the typed array that holds elements of `dtype`. */
export function arrayConstructor<D extends DType>(dtype: D): (typeof CONSTRUCTORS)[D] {
  return CONSTRUCTORS[dtype];
}

/** Bytes of one element. */
export function itemSize(dtype: DType): number {
  return CONSTRUCTORS[dtype].BYTES_PER_ELEMENT;
}

/** Number of elements of a shape (1 for a scalar). */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((a, b) => a * b, 1);
}

/** A zero-filled array. */
export function zeros<D extends DType>(dtype: D, shape: readonly number[]): NdArray<ArrayOf<D>> {
  const data = new (CONSTRUCTORS[dtype] as unknown as new (n: number) => ArrayOf<D>)(
    elementCount(shape),
  );
  return { dtype, shape, data };
}
