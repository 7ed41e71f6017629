import type { Box } from "../geometry/box.ts";
import { volumeOf } from "../geometry/vectors.ts";
import { type Axes, type Expression, parseExpression } from "./expression_parser.ts";

/** A condition on the global voxel coordinates `x`, `y` and `z`, for example `(x > 3) & (z < 100)`. */
export interface CoordinateExpression {
  readonly text: string;
  /** `[z, y, x]` of the box: 1 where the condition holds, else 0. */
  evaluate(box: Box): Uint8Array;
}

/**
 * Parses a condition. Its grammar is a small part of Python's with NumPy's meaning: integers and floats, `x y z`,
 * `abs sqrt min max`, parentheses and the operators, tightest first, `**`, unary `+ - ~`, `* / // %`, `+ -`, `&`, `^`,
 * `|`, comparisons.
 *
 * @throws {SyntaxError} with the column, for anything else, and where the result is not a condition.
 */
export function parseCoordinateExpression(text: string): CoordinateExpression {
  const expression = parseExpression(text);
  return { text, evaluate: (box) => evaluate(expression, box) };
}

function evaluate({ value, uses }: Expression, { start, size }: Box): Uint8Array {
  const [depth, height, width] = size;
  const out = new Uint8Array(volumeOf(size));
  const at: Axes = { x: start[2], y: start[1], z: start[0] };
  // Along an axis that the expression does not use, one value serves all.
  for (let z = 0; z < depth; z++) {
    const plane = z * height * width;
    at.z = start[0] + z;
    if (z > 0 && !uses.z) {
      out.copyWithin(plane, 0, height * width);
      continue;
    }
    for (let y = 0; y < height; y++) {
      const row = plane + y * width;
      at.y = start[1] + y;
      if (y > 0 && !uses.y) out.copyWithin(row, plane, plane + width);
      else if (!uses.x) out.fill(value(at), row, row + width);
      else {
        for (let x = 0; x < width; x++) {
          at.x = start[2] + x;
          out[row + x] = value(at);
        }
      }
    }
  }
  return out;
}
