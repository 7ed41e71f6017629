import { arrayConstructor, type NdArray } from "../formats/nd_array.ts";
import type { LabelArray } from "./distinct_labels.ts";

/**
 * Labels of any shape in the smallest of uint8, uint16, uint32 and uint64 that holds the largest of them.
 *
 * @throws {RangeError} when a label is negative.
 */
export function reduceIdBits(labels: LabelArray, shape: readonly number[]): NdArray {
  let largest: number | bigint = 0;
  for (const label of labels) {
    if (label > largest) largest = label;
    if (label < 0) {
      throw new RangeError(`Cannot store labels: they must be >= 0, current has ${label}`);
    }
  }
  const dtype = largest < 2 ** 8
    ? "uint8"
    : largest < 2 ** 16
    ? "uint16"
    : largest < 2 ** 32
    ? "uint32"
    : "uint64";
  if (dtype === "uint64") return { dtype, shape, data: BigUint64Array.from(labels as never) };
  const data = new (arrayConstructor(dtype))(labels.length);
  for (let i = 0; i < labels.length; i++) data[i] = Number(labels[i]);
  return { dtype, shape, data };
}
