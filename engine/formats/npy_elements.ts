import {
  arrayConstructor,
  type DType,
  elementCount,
  itemSize,
  type NdArray,
  type TypedArray,
} from "./nd_array.ts";

/** How plain elements are stored: `<f4` is `{dtype: "float32", bigEndian: false}`. */
export interface ElementType {
  readonly dtype: DType;
  readonly bigEndian: boolean;
}

const CODES: Record<DType, string> = {
  bool: "b1",
  uint8: "u1",
  int8: "i1",
  uint16: "u2",
  int16: "i2",
  uint32: "u4",
  int32: "i4",
  uint64: "u8",
  int64: "i8",
  float16: "f2",
  float32: "f4",
  float64: "f8",
};

const DTYPES = new Map(Object.entries(CODES).map(([dtype, code]) => [code, dtype as DType]));

/** Reads a NumPy type string with or without its byte order (`<f4`, `>i2`, `|u1`, `=u8`, `i8`); null for other kinds. */
export function parseElementType(descr: string): ElementType | null {
  const [, order, code] = /^([<>|=]?)(\w+)$/.exec(descr) ?? [];
  const dtype = DTYPES.get(code ?? "");
  return dtype === undefined ? null : { dtype, bigEndian: order === ">" && itemSize(dtype) > 1 };
}

/** NumPy type string of little-endian elements: `<f4`, `|u1`. */
export function elementTypeString(dtype: DType): string {
  return `${itemSize(dtype) === 1 ? "|" : "<"}${CODES[dtype]}`;
}

/**
 * Elements in C order from raw bytes, whose length must be the shape's. Shares memory with `bytes` where their order
 * and alignment allow it. `fortranOrder` says that the first axis runs fastest in `bytes`.
 */
export function decodeElements(
  bytes: Uint8Array,
  type: ElementType,
  shape: readonly number[],
  fortranOrder = false,
): NdArray {
  const size = itemSize(type.dtype);
  const native = type.bigEndian ? swapped(bytes, size) : bytes;
  const owned = native.byteOffset % size === 0 ? native : native.slice();
  const view = arrayConstructor(type.dtype);
  let data: TypedArray = new view(
    owned.buffer as ArrayBuffer,
    owned.byteOffset,
    elementCount(shape),
  );
  if (type.dtype === "bool") data = (data as Uint8Array).map((v) => v === 0 ? 0 : 1);
  if (fortranOrder && shape.length > 1) data = fortranToC(data, shape);
  return { dtype: type.dtype, shape, data };
}

/** Raw little-endian C-order bytes of an array, sharing its memory. */
export function elementBytes(array: NdArray): Uint8Array {
  const { buffer, byteOffset, byteLength } = array.data;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** A copy with the bytes of every element reversed. */
function swapped(bytes: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i += size) {
    for (let k = 0; k < size; k++) out[i + k] = bytes[i + size - 1 - k];
  }
  return out;
}

/** Reorders elements whose first axis runs fastest into C order. */
function fortranToC(data: TypedArray, shape: readonly number[]): TypedArray {
  const out = data.slice();
  if (data.length === 0) return out;
  const rank = shape.length;
  const strides: number[] = [];
  shape.reduce((stride, extent) => (strides.push(stride), stride * extent), 1);
  const index = new Array<number>(rank).fill(0);
  const innerExtent = shape[rank - 1], innerStride = strides[rank - 1];
  for (let row = 0; row < data.length; row += innerExtent) {
    let from = index.reduce((sum, i, axis) => sum + i * strides[axis], 0);
    for (let i = 0; i < innerExtent; i++, from += innerStride) out[row + i] = data[from];
    for (let axis = rank - 2; axis >= 0 && ++index[axis] === shape[axis]; axis--) index[axis] = 0;
  }
  return out;
}
