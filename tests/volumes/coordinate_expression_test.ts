import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { parseCoordinateExpression } from "../../engine/volumes/coordinate_expression.ts";

const CASES: [text: string, bits: string][] = JSON.parse(
  Deno.readTextFileSync(new URL("../fixtures/coordinate_expressions.json", import.meta.url)),
);

/** One bit per voxel, the first the highest of its byte. */
function packed(mask: Uint8Array): string {
  const bytes = new Uint8Array(Math.ceil(mask.length / 8));
  mask.forEach((bit, i) => bytes[i >> 3] |= bit << (7 - i % 8));
  return bytes.toHex();
}

Deno.test("parseCoordinateExpression() gives what NumPy gives", () => {
  for (const [text, bits] of CASES) {
    const mask = parseCoordinateExpression(text).evaluate({ start: [-2, 5, -3], size: [4, 5, 7] });
    strictEqual(packed(mask), bits, text);
  }
});

Deno.test("parseCoordinateExpression() evaluates the documented example", () => {
  const mask = parseCoordinateExpression("(x > 3) & (z < 1)").evaluate({
    ...{ start: [0, 1, 2], size: [2, 2, 3] },
  });
  const set = [...mask.keys()].filter((i) => mask[i]);
  // (z, y, x) = (0, 0, 2) and (0, 1, 2) of the box.
  deepStrictEqual(set, [2, 5]);
});

Deno.test("parseCoordinateExpression() names the column of what it refuses", () => {
  const chained = "comparisons cannot be chained, and & and | bind tighter than they do: " +
    "put each comparison into parentheses";
  const cases: [string, string, number][] = [
    ["x > 3 & z < 1", chained, 11],
    ["1 < x < 3", chained, 7],
    ["x & 3 == 1 == (y > 1)", chained, 12],
    ["", "expected a value, found the end", 1],
    ["x >", "expected a value, found the end", 4],
    ["x + 1", "the result must be a condition, for example (x > 3), it is an integer", 1],
    ["x / 2", "the result must be a condition, for example (x > 3), it is a float", 1],
    ["x > 1 y", 'expected an operator or the end, found "y"', 7],
    ["(x > 1", 'expected ")", found the end', 7],
    ["x > 1)", 'expected an operator or the end, found ")"', 6],
    ["w > 1", '"w" is not known, there are x, y, z, abs, sqrt, min and max', 1],
    ["x > 1 and y > 1", 'expected an operator or the end, found "and"', 7],
    ["not (x > 1)", '"not" is not known, write ~', 1],
    ["toString > 1", '"toString" is not known, there are x, y, z, abs, sqrt, min and max', 1],
    ["np.abs(x) > 1", '"np" is not known, there are x, y, z, abs, sqrt, min and max', 1],
    ["(x > 1) + 1 > 0", '"+" does not take a condition and an integer', 9],
    ["(x > 1) & x", '"&" does not take a condition and an integer', 9],
    ["(x & 1.5) > 0", '"&" does not take an integer and a float', 4],
    ["~1.5 > 0", '"~" does not take a float', 1],
    ["(x > 1) < (y > 1)", '"<" does not take a condition and a condition', 9],
    ["abs(x, y) > 1", 'expected ")", found ","', 6],
    ["min(x) > 1", 'expected ",", found ")"', 6],
    ["abs x > 1", 'expected "(", found "x"', 5],
    ["010 > x", '"010" is no decimal number', 1],
    ["0x10 > x", '"0x10" is no decimal number', 1],
    ["3x > 1", '"3x" is no decimal number', 1],
    ["1e999 > x", '"1e999" is no decimal number', 1],
    ["9007199254740993 > x", '"9007199254740993" is no decimal number', 1],
    ["x > 1 ; y", 'expected an operator or the end, found ";"', 7],
    ["x[0] > 1", 'expected an operator or the end, found "["', 2],
    ["x = 1", 'expected an operator or the end, found "="', 3],
  ];
  for (const [text, problem, column] of cases) {
    throws(() => parseCoordinateExpression(text), {
      name: "SyntaxError",
      message: `Cannot evaluate "${text}": ${problem}, column ${column}`,
    }, text);
  }
});

Deno.test("parseCoordinateExpression() bounds the nesting", () => {
  for (const text of ["(".repeat(1e5), "-".repeat(1e5), "~".repeat(1e5) + "x", "x**".repeat(1e5)]) {
    throws(() => parseCoordinateExpression(text), { name: "SyntaxError" });
  }
  const text = "(".repeat(90) + "x" + ")".repeat(90) + " > 0";
  strictEqual(
    parseCoordinateExpression(text).evaluate({ start: [0, 0, 1], size: [1, 1, 1] })[0],
    1,
  );
});

Deno.test("an expression stops where integers would no longer be exact", () => {
  const at = { start: [0, 0, 1000], size: [1, 1, 1] } as const;
  for (const text of ["x ** 6 > 0", "x * x * x * x * x * x > 0", "2 ** (1 - x) > 0"]) {
    throws(() => parseCoordinateExpression(text).evaluate(at), {
      name: "RangeError",
      message: /^Cannot evaluate an expression: integers /,
    });
  }
});
