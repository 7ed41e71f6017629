import type { DType, NdArray, TypedArray } from "../formats/nd_array.ts";
import { arrayConstructor } from "../formats/nd_array.ts";
import type { Box } from "../geometry/box.ts";
import { volumeOf, type Zyx } from "../geometry/vectors.ts";
import { checkBox, checkData, checkShape } from "./checks.ts";
import { spatialSize, type Volume } from "./volume.ts";

/**
 * An array `[z, y, x]` or `[channel, z, y, x]` as a volume that can be read and written; the array is not copied.
 *
 * @param spec Its name in messages.
 */
export function memoryVolume(
  array: NdArray,
  spec = "array in memory",
  voxelSizeNm?: Zyx,
): Required<Pick<Volume, "write">> & Volume {
  checkShape(spec, array.shape);
  return new MemoryVolume(array, spec, voxelSizeNm);
}

class MemoryVolume implements Volume {
  readonly spec: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly voxelSizeNm?: Zyx;
  readonly #data: TypedArray;

  constructor(array: NdArray, spec: string, voxelSizeNm?: Zyx) {
    this.spec = spec;
    this.shape = array.shape;
    this.dtype = array.dtype;
    this.voxelSizeNm = voxelSizeNm;
    this.#data = array.data;
  }

  // deno-lint-ignore require-await -- a bad box is a rejection, as with volumes on disk
  async read(box: Box, channel = 0): Promise<TypedArray> {
    checkBox("read", this, box, channel);
    const out = new (arrayConstructor(this.dtype))(volumeOf(box.size));
    for (const { inside, outside } of this.#rows(box, channel)) {
      // Both are of the volume's element type, which the compiler cannot see.
      out.set(this.#data.subarray(inside, inside + box.size[2]) as never, outside);
    }
    return out;
  }

  // deno-lint-ignore require-await -- as in read
  async write(box: Box, data: TypedArray, channel = 0): Promise<void> {
    checkBox("write", this, box, channel);
    checkData(this, box, data, arrayConstructor(this.dtype));
    for (const { inside, outside } of this.#rows(box, channel)) {
      this.#data.set(data.subarray(outside, outside + box.size[2]) as never, inside);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  /** Start of each row of a box, in the volume and in the box. */
  *#rows({ start, size }: Box, channel: number): Generator<{ inside: number; outside: number }> {
    const [depth, height, width] = spatialSize(this);
    for (let z = 0; z < size[0]; z++) {
      for (let y = 0; y < size[1]; y++) {
        const row = (channel * depth + start[0] + z) * height + start[1] + y;
        yield { inside: row * width + start[2], outside: (z * size[1] + y) * size[2] };
      }
    }
  }
}
