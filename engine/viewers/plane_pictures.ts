import type { Zyx } from "../geometry/vectors.ts";
import { middleOf, type OrthogonalPlanes, type Plane } from "./orthogonal_planes.ts";

/** How signed values become colours: in proportion to the extremes, or squeezed by a function. */
export type Activation = "linear" | "tanh" | "sigmoid";

/** The planes with their two lines through `centre` (zyx, the voxel they were cut at) at half their value. */
export function withCrossHair(
  { yx, zx, zy }: OrthogonalPlanes,
  [z, y, x]: Zyx,
): OrthogonalPlanes {
  const halved = ({ height, width, data }: Plane, row: number, column: number): Plane => ({
    ...{ height, width },
    // Where the lines cross, both count.
    data: Float32Array.from<number | bigint>(data, (value, i) => {
      const isOnRow = Math.floor(i / width) === row, isOnColumn = i % width === column;
      return Number(value) * (isOnRow ? 0.5 : 1) * (isOnColumn ? 0.5 : 1);
    }),
  });
  return { yx: halved(yx, y, x), zx: halved(zx, z, x), zy: halved(zy, z, y) };
}

/** The planes as one picture: yx at the top left, zx below it, zy transposed at its right, a line of zeros between. */
export function joinPlanes({ yx, zx, zy }: OrthogonalPlanes): Plane {
  const height = yx.height + 1 + zx.height, width = yx.width + 1 + zy.height;
  const data = new Float32Array(height * width);
  const place = (plane: Plane, top: number, left: number, isTransposed: boolean) => {
    for (let row = 0, i = 0; row < plane.height; row++) {
      for (let column = 0; column < plane.width; column++, i++) {
        const [down, right] = isTransposed ? [column, row] : [row, column];
        data[(top + down) * width + left + right] = Number(plane.data[i]);
      }
    }
  };
  place(yx, 0, 0, false);
  place(zx, yx.height + 1, 0, false);
  place(zy, 0, yx.width + 1, true);
  return { height, width, data };
}

/**
 * Signed values as colours from 0 to 1, `[height, width, 3]` as red, green, blue: negative ones red, positive ones blue,
 * green where there is no number. `sigmoid` makes red and blue alike.
 */
export function signedColours(
  { data }: Plane,
  activation: Activation = "linear",
): Float32Array<ArrayBuffer> {
  const values = Float64Array.from<number | bigint>(data, (value) => Number(value) || 0);
  const lowest = values.reduce((a, b) => Math.min(a, b), 0);
  const highest = values.reduce((a, b) => Math.max(a, b), 0);
  const share = (part: number, whole: number) => part === 0 ? 0 : part / whole;
  const colours: Record<Activation, (value: number) => [red: number, blue: number]> = {
    linear: (v) => [share(Math.min(v, 0), lowest), share(Math.max(v, 0), highest)],
    tanh: (v) => [Math.abs(Math.tanh(Math.min(v, 0))), Math.tanh(Math.max(v, 0))],
    sigmoid: (v) => [1 / (1 + Math.exp(-v)), 1 / (1 + Math.exp(-v))],
  };
  const rgb = new Float32Array(3 * values.length);
  for (let i = 0; i < values.length; i++) {
    const [red, blue] = colours[activation](values[i]);
    rgb.set([red, Number.isNaN(Number(data[i])) ? 1 : 0, blue], 3 * i);
  }
  return rgb;
}

/** The middle of a volume, or what `text` says: `Z,Y,X`. */
export function centreOf(text: string | undefined, size: Zyx): Zyx {
  if (text === undefined) return middleOf(size);
  const numbers = text.split(",").map((part) => part.trim() === "" ? NaN : Number(part));
  if (numbers.length !== 3 || !numbers.every(Number.isInteger)) {
    throw new SyntaxError(
      `Cannot cut planes at "${text}": three integers Z,Y,X are needed, as in 10,20,30`,
    );
  }
  return [numbers[0], numbers[1], numbers[2]];
}
