import {
  arrayConstructor,
  type DType,
  elementCount,
  type TypedArray,
} from "../formats/nd_array.ts";

/** An array of any number of dimensions in equal chunks: what Zarr, precomputed and TIFF volumes are underneath. */
export interface ChunkedArray extends AsyncDisposable {
  /** Name of the place in messages. */
  readonly location: string;
  /** Sizes of the stored dimensions. */
  readonly shape: readonly number[];
  readonly chunkShape: readonly number[];
  readonly dtype: DType;
  /** One chunk, C order over the stored dimensions, cut where the array ends; see {@linkcode chunkExtent}. */
  loadChunk(index: readonly number[]): Promise<TypedArray>;
  /** Replaces one chunk; absent where the array is read-only. */
  storeChunk?(index: readonly number[], data: TypedArray): Promise<void>;
}

/** Size of a chunk, cut where the array ends. */
export function chunkExtent(
  { shape, chunkShape }: Pick<ChunkedArray, "shape" | "chunkShape">,
  index: readonly number[],
): number[] {
  return chunkShape.map((size, d) => Math.min(size, shape[d] - index[d] * size));
}

/** Strides of a C-order array, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let d = shape.length - 2; d >= 0; d--) strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

/** A part of an array in memory: where it begins, and the step along each dimension, in elements. */
export interface Place {
  readonly offset: number;
  readonly strides: readonly number[];
}

/** Copies a block of any number of dimensions between two arrays of one element type. */
export function copyBlock(
  size: readonly number[],
  from: TypedArray,
  source: Place,
  to: TypedArray,
  target: Place,
): void {
  const last = size.length - 1;
  const isRow = source.strides[last] === 1 && target.strides[last] === 1;
  const walk = (d: number, i: number, j: number): void => {
    if (d < last) {
      for (let n = 0; n < size[d]; n++) {
        walk(d + 1, i + n * source.strides[d], j + n * target.strides[d]);
      }
    } else if (isRow) {
      // Both are of one element type, which the compiler cannot see.
      to.set(from.subarray(i, i + size[d]) as never, j);
    } else {
      for (let n = 0; n < size[d]; n++) {
        to[j + n * target.strides[d]] = from[i + n * source.strides[d]];
      }
    }
  };
  walk(0, source.offset, target.offset);
}

/** Cuts a padded chunk to the end of its array, or pads a cut one with zeros: C order both. */
export function fitChunk(
  data: TypedArray,
  dtype: DType,
  from: readonly number[],
  to: readonly number[],
): TypedArray {
  if (from.every((n, d) => n === to[d])) return data;
  const out = new (arrayConstructor(dtype))(elementCount(to));
  const place = (shape: readonly number[]) => ({ offset: 0, strides: stridesOf(shape) });
  copyBlock(from.map((n, d) => Math.min(n, to[d])), data, place(from), out, place(to));
  return out;
}
