import type { TypedArray } from "../formats/nd_array.ts";
import { type Box, describeBox } from "../geometry/box.ts";
import { mapZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import { labelColour } from "./label_colour.ts";

/** A picture or a cut: C order `[height, width]`. */
export interface Plane {
  /** Rows. */
  readonly height: number;
  /** Columns. */
  readonly width: number;
  /** Row by row. */
  readonly data: TypedArray;
}

/** The three cuts through one voxel of a box, rows first. */
export interface OrthogonalPlanes {
  /** Across z: rows y, columns x. */
  readonly yx: Plane;
  /** Across y: rows z, columns x. */
  readonly zx: Plane;
  /** Across x: rows z, columns y. */
  readonly zy: Plane;
}

/** Reads a box, C order `[z, y, x]`; `Volume.read` is one. */
export type BoxReader = (box: Box) => Promise<TypedArray>;

/** Middle voxel of a box of this size, where planes are cut unless said otherwise. */
export function middleOf(size: Zyx): Zyx {
  return mapZyx((n) => Math.floor(n / 2), size);
}

/**
 * Reads three planes of a box and nothing else of it.
 *
 * @param centre voxel that all three planes contain, zyx, relative to the box.
 * @throws {RangeError} when `centre` is outside the box.
 */
export async function readOrthogonalPlanes(
  read: BoxReader,
  box: Box,
  centre: Zyx = middleOf(box.size),
): Promise<OrthogonalPlanes> {
  if (!centre.every((c, axis) => c >= 0 && c < box.size[axis])) {
    throw new RangeError(
      `Cannot cut planes of ${describeBox(box)}: the centre must be inside, current centre is ` +
        `(${centre.join(", ")})`,
    );
  }
  const cut = async (axis: number): Promise<Plane> => {
    const start = mapZyx((v, _, a) => a === axis ? v + centre[a] : v, box.start);
    const size = mapZyx((n, _, a) => a === axis ? 1 : n, box.size);
    const [height, width] = size.filter((_, a) => a !== axis);
    return { height, width, data: await read({ start, size }) };
  };
  const [yx, zx, zy] = [await cut(0), await cut(1), await cut(2)];
  return { yx, zx, zy };
}

/** A `BoxReader` over an array in memory, `[z, y, x]` of the given size. */
export function arrayReader(data: TypedArray, size: Zyx): BoxReader {
  return ({ start, size: [depth, height, width] }) => {
    const planes = data.slice(0, volumeOf([depth, height, width]));
    for (let z = 0, to = 0; z < depth; z++) {
      for (let y = 0; y < height; y++, to += width) {
        const from = ((start[0] + z) * size[1] + start[1] + y) * size[2] + start[2];
        // Both arrays have the same type; the compiler cannot know that of a union.
        (planes as Uint8Array).set(data.subarray(from, from + width) as Uint8Array, to);
      }
    }
    return Promise.resolve(planes);
  };
}

/** 8-bit colours, C order `[height, width, 3]` as red, green, blue. */
export interface RgbPicture {
  /** Rows. */
  readonly height: number;
  /** Pixels of a row. */
  readonly width: number;
  /** Row by row. */
  readonly data: Uint8Array<ArrayBuffer>;
}

/**
 * The labels of three planes as colours over the grey image: yx at the top left, zx below it, zy transposed at its
 * right, a black line of one pixel between. Grey goes from the 1st to the 99th percentile of the planes.
 *
 * @throws {RangeError} when the planes of image and labels differ in size.
 */
export function paintLabels(image: OrthogonalPlanes, labels: OrthogonalPlanes): RgbPicture {
  for (const name of ["yx", "zx", "zy"] as const) {
    const [a, b] = [image[name], labels[name]];
    if (a.width !== b.width || a.height !== b.height) {
      throw new RangeError(
        `Cannot paint labels over plane ${name}: sizes must be equal, current sizes are ` +
          `${a.height}×${a.width} and ${b.height}×${b.width}`,
      );
    }
  }
  const grey = greyScale([image.yx, image.zx, image.zy]);
  const height = image.yx.height + 1 + image.zx.height;
  const width = image.yx.width + 1 + image.zy.height;
  const data = new Uint8Array(3 * height * width);
  const paint = (row: number, column: number, i: number, values: Plane, ids: Plane) => {
    const to = 3 * (row * width + column);
    data.set(blend(grey(Number(values.data[i])), Number(ids.data[i])), to);
  };
  const place = (values: Plane, ids: Plane, top: number, left: number, transposed: boolean) => {
    for (let row = 0, i = 0; row < values.height; row++) {
      for (let column = 0; column < values.width; column++, i++) {
        const [down, right] = transposed ? [column, row] : [row, column];
        paint(top + down, left + right, i, values, ids);
      }
    }
  };
  place(image.yx, labels.yx, 0, 0, false);
  place(image.zx, labels.zx, image.yx.height + 1, 0, false);
  place(image.zy, labels.zy, 0, image.yx.width + 1, true);
  return { height, width, data };
}

/** Maps image values to 0…255. */
function greyScale(planes: readonly Plane[]): (value: number) => number {
  const values = Float64Array.from(planes.flatMap(({ data }) => Array.from(data, Number))).sort();
  const at = (share: number) => values[Math.round(share * (values.length - 1))];
  const low = at(0.01), range = at(0.99) - low;
  return (value) => {
    const level = range > 0 ? (value - low) / range : 0.5;
    return 255 * Math.max(0, Math.min(1, level));
  };
}

/** Grey where there is no label, else its colour, as bright as the image is there. */
function blend(grey: number, label: number): [number, number, number] {
  if (label <= 0) return [grey, grey, grey];
  const [red, green, blue] = labelColour(label);
  const mix = (part: number) => Math.round(0.55 * grey + 0.45 * part * (0.4 + 0.6 * grey / 255));
  return [mix(red), mix(green), mix(blue)];
}
