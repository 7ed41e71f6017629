import { deepStrictEqual, throws } from "node:assert/strict";
import { parsePythonLiteral, type PythonLiteral } from "../../engine/formats/python_literal.ts";

const VALUES: [text: string, value: PythonLiteral][] = [
  ["'<f4'", "<f4"],
  ['"it\'s"', "it's"],
  [String.raw`'a\'b\\c\x41\u00e9'`, "a'b\\cAé"],
  ["b'x'", "x"],
  ["True", true],
  ["None", null],
  ["-12", -12],
  ["7L", 7],
  ["()", []],
  ["(5,)", [5]],
  ["(5)", 5],
  ["(2, 3)", [2, 3]],
  ["[('a', '<u8'), ('b', '<f4', (2L, 2L))]", [["a", "<u8"], ["b", "<f4", [2, 2]]]],
  [
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }    \n",
    new Map<string, PythonLiteral>([["descr", "<f4"], ["fortran_order", false], ["shape", [2, 3]]]),
  ],
];

for (const [text, value] of VALUES) {
  Deno.test(`parsePythonLiteral() of ${text.trim()}`, () => {
    deepStrictEqual(parsePythonLiteral(text), value);
  });
}

const REFUSED = [
  "",
  "os.system('x')",
  "__import__",
  "{'a': 1",
  "{1: 2}",
  "{'a' 1}",
  "(1 2)",
  "(1,,2)",
  "'open",
  "1 + 1",
  "12345678901234567890",
  "[".repeat(20) + "]".repeat(20),
  "(1, 2]",
];

for (const text of REFUSED) {
  Deno.test(`parsePythonLiteral() refuses ${text || "the empty text"}`, () => {
    throws(() => parsePythonLiteral(text), {
      name: "SyntaxError",
      message: /^Cannot parse a Python literal: /,
    });
  });
}
