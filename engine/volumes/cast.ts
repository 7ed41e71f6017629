import { arrayConstructor, type DType, type TypedArray } from "../formats/nd_array.ts";
import type { Volume } from "./volume.ts";

/**
 * A volume in another element type, read-only. Only values that the type holds exactly are taken.
 *
 * @returns The volume itself where it has the type already.
 */
export function castVolume(volume: Volume, dtype: DType): Volume {
  if (volume.dtype === dtype) return volume;
  return {
    spec: volume.spec,
    shape: volume.shape,
    dtype,
    voxelSizeNm: volume.voxelSizeNm,
    offset: volume.offset,
    read: async (box, channel) =>
      castExactly(await volume.read(box, channel), volume.dtype, dtype, volume.spec),
    [Symbol.asyncDispose]: () => volume[Symbol.asyncDispose]() as Promise<void>,
  };
}

/** @throws {RangeError} at the first value that would change. */
function castExactly(data: TypedArray, from: DType, to: DType, spec: string): TypedArray {
  const source = from === "float16" ? new Float16Array(data.buffer as ArrayBuffer) : data;
  const out = new (arrayConstructor(to))(data.length);
  const target = to === "float16" ? new Float16Array(out.buffer as ArrayBuffer) : out;
  const isBig = /64$/.test(to) && to !== "float64";
  for (let i = 0; i < source.length; i++) {
    const value = source[i];
    // BigInt() takes integers only.
    const isWhole = typeof value === "bigint" || Number.isInteger(value);
    if (isBig) target[i] = isWhole ? BigInt(value) : 0n;
    else target[i] = Number(value);
    const isHeld = target[i] == value && (to !== "bool" || value == 0 || value == 1);
    if (!isHeld && !Number.isNaN(value)) {
      throw new RangeError(
        `Cannot convert "${spec}" from ${from} to ${to}: the value ${value} would become ${
          target[i]
        }`,
      );
    }
  }
  return out;
}
