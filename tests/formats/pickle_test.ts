import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { parsePickle } from "../../engine/formats/pickle.ts";
import { PickledArray, PickledObject } from "../../engine/formats/pickle_values.ts";
import { checkMutations } from "../support/mutations.ts";
import { ORIGINS_NUMPY_116, ORIGINS_NUMPY_213, ORIGINS_V16 } from "./spec_vectors.ts";

/** Bytes of a pickle from hex pieces and quoted text: `80 02 'os' ...`. */
function pickle(source: string): Uint8Array {
  const bytes: number[] = [];
  for (const [, text, hex] of source.matchAll(/'([^']*)'|([0-9a-f]{2})/g)) {
    if (hex) bytes.push(parseInt(hex, 16));
    else bytes.push(...new TextEncoder().encode(text.replaceAll("\\n", "\n")));
  }
  return new Uint8Array(bytes);
}

const parse = (source: string) => parsePickle(pickle(source), "test");

const VALUES: [what: string, source: string, value: unknown][] = [
  ["None", "80 02 4e 2e", null],
  ["booleans", "80 02 88 89 86 2e", [true, false]],
  ["integers", "80 02 28 4b ff 4d ff ff 4a fe ff ff ff 74 2e", [255, 65535, -2]],
  ["long integers", "80 02 28 8a 00 8a 01 80 8a 06 00 00 00 00 00 01 74 2e", [0, -128, 2 ** 40]],
  ["an integer beyond 2^53", "80 02 8a 08 ff ff ff ff ff ff ff 7f 2e", 2n ** 63n - 1n],
  ["LONG4", "80 02 8b 02 00 00 00 00 01 2e", 256],
  ["a big-endian float", "80 02 47 3f e0 00 00 00 00 00 00 2e", 0.5],
  ["a Python 2 string", "80 02 55 02 e9 00 2e", new Uint8Array([0xe9, 0])],
  ["bytes", "80 03 43 01 61 42 02 00 00 00 62 63 86 2e", [
    new Uint8Array([97]),
    new Uint8Array([98, 99]),
  ]],
  ["BINBYTES8", "80 04 8e 01 00 00 00 00 00 00 00 61 2e", new Uint8Array([97])],
  ["texts", "80 04 8c 02 c3 a9 58 01 00 00 00 'x' 8d 01 00 00 00 00 00 00 00 'y' 87 2e", [
    "é",
    "x",
    "y",
  ]],
  ["nested tuples", "80 02 29 4b 01 85 4b 02 86 86 2e", [[], [[1], 2]]],
  ["lists", "80 02 5d 28 4b 01 4b 02 65 4b 03 61 2e", [1, 2, 3]],
  [
    "dicts",
    "80 02 7d 4b 01 4e 73 28 4b 02 88 75 2e",
    new Map<unknown, unknown>([[1, null], [2, true]]),
  ],
  ["sets", "80 04 8f 28 4b 01 4b 02 4b 01 90 2e", new Set([1, 2])],
  ["memo by index", "80 02 55 01 61 71 01 68 01 86 2e", [
    new Uint8Array([97]),
    new Uint8Array([97]),
  ]],
  ["LONG_BINPUT", "80 02 88 72 00 01 00 00 6a 00 01 00 00 86 2e", [true, true]],
  ["MEMOIZE and frames", "80 04 95 06 00 00 00 00 00 00 00 88 94 68 00 86 2e", [true, true]],
  ["deques", "80 02 63 'collections\\ndeque\\n' 29 52 28 4b 01 4b 02 65 2e", [1, 2]],
  ["a set of Python 2", "80 02 63 '__builtin__\\nset\\n' 5d 28 4b 07 65 85 52 2e", new Set([7])],
  [
    "latin1 bytes",
    "80 02 63 '_codecs\\nencode\\n' 58 03 00 00 00 'a' c3 bf 58 06 00 00 00 'latin1' 86 52 2e",
    new Uint8Array([97, 255]),
  ],
  [
    "a named class of any storage module",
    "80 04 8c 09 'a.storage' 8c 0a 'OriginInfo' 93 4b 05 85 81 2e",
    new PickledObject("OriginInfo", [5]),
  ],
];

for (const [what, source, value] of VALUES) {
  Deno.test(`parsePickle() reads ${what}`, () => deepStrictEqual(parse(source), value));
}

/** `dtype(code, False, True)` with its byte order set, then a NumPy scalar of it from `hex`. */
function scalar(code: string, order: string, hex: string): string {
  const length = hex.trim().split(" ").length.toString(16).padStart(2, "0");
  return `80 03 63 'numpy.core.multiarray\\nscalar\\n' 63 'numpy\\ndtype\\n' 58 02 00 00 00 '${code}' 89 88 87 52
    28 4b 03 58 01 00 00 00 '${order}' 4e 4e 4e 4a ff ff ff ff 4a ff ff ff ff 4b 00 74 62 43 ${length} ${hex} 86 52 2e`;
}

Deno.test("parsePickle() reads NumPy scalars of either byte order", () => {
  strictEqual(parse(scalar("i8", "<", "fe ff ff ff ff ff ff ff")), -2);
  strictEqual(parse(scalar("u8", "<", "ff ff ff ff ff ff ff ff")), 2n ** 64n - 1n);
  strictEqual(parse(scalar("i4", ">", "00 00 01 00")), 256);
  strictEqual(parse(scalar("f8", "<", "00 00 00 00 00 00 e0 3f")), 0.5);
  strictEqual(parse(scalar("b1", "|", "01")), true);
});

Deno.test("parsePickle() reads an array of objects and the arrays inside (resegmentation histories)", () => {
  const shell =
    "63 'numpy._core.multiarray\\n_reconstruct\\n' 63 'numpy\\nndarray\\n' 4b 00 85 43 01 62 87 52";
  const dtype = (code: string, order: string) =>
    `63 'numpy\\ndtype\\n' 58 02 00 00 00 '${code}' 89 88 87 52 28 4b 03 58 01 00 00 00 '${order}'
     4e 4e 4e 4a ff ff ff ff 4a ff ff ff ff 4b 00 74 62`;
  const inner = `${shell} 28 4b 01 4b 02 4b 01 86 ${dtype("i2", "<")} 89 43 04 01 00 02 00 74 62`;
  const value = parse(
    `80 03 ${shell} 28 4b 01 4b 02 85 ${dtype("O8", "|")} 89 5d 28 ${inner} 4e 65 74 62 2e`,
  );
  ok(value instanceof PickledArray);
  deepStrictEqual(value.shape, [2]);
  const [first, second] = value.items!;
  ok(first instanceof PickledArray);
  deepStrictEqual(first.array, { dtype: "int16", shape: [2, 1], data: new Int16Array([1, 2]) });
  strictEqual(second, null);
});

const REFUSED: [what: string, source: string, error: string, message: RegExp][] = [
  [
    "os.system",
    "80 02 63 'os\\nsystem\\n' 55 02 'ls' 85 52 2e",
    "UnsupportedError",
    /global "os system".*"test" at byte 2$/,
  ],
  [
    "builtins.eval by STACK_GLOBAL",
    "80 04 8c 08 'builtins' 8c 04 'eval' 93 2e",
    "UnsupportedError",
    /"builtins eval"/,
  ],
  [
    "other names of a known module",
    "80 02 63 'numpy\\nload\\n' 2e",
    "UnsupportedError",
    /"numpy load"/,
  ],
  [
    "OriginInfo of a module that is no storage",
    "80 02 63 'evil\\nOriginInfo\\n' 2e",
    "UnsupportedError",
    /"evil OriginInfo"/,
  ],
  [
    "prototype names",
    "80 02 63 '__proto__\\nconstructor\\n' 2e",
    "UnsupportedError",
    /"__proto__ constructor"/,
  ],
  ["the INST opcode", "80 02 28 69 'os\\nsystem\\n' 2e", "UnsupportedError", /opcode 0x69/],
  ["protocol 0", "'I1\\n.'", "UnsupportedError", /opcode 0x49/],
  ["protocol 9", "80 09 4e 2e", "FormatError", /2 to 5, current 9/],
  [
    "calling a type token",
    "80 02 63 'numpy\\nndarray\\n' 29 52 2e",
    "FormatError",
    /cannot be called/,
  ],
  ["calling a value", "80 02 4b 01 29 52 2e", "FormatError", /expected a global/],
  ["a missing end", "80 02 4e", "FormatError", /has no end/],
  ["nothing", "", "FormatError", /has no end/],
  ["truncated operands", "80 02 58 ff ff ff 7f 'abc' 2e", "FormatError", /truncated, at byte 2/],
  ["a length beyond 2^53", "80 04 8e ff ff ff ff ff ff ff ff 2e", "FormatError", /truncated/],
  ["an empty stack", "80 02 2e", "FormatError", /too few values/],
  ["a mark as value", "80 02 28 2e", "FormatError", /too few values/],
  ["a missing mark", "80 02 5d 4e 65 2e", "FormatError", /no mark/],
  ["left-over values", "80 02 4e 4e 2e", "FormatError", /left over/],
  ["an unknown memo entry", "80 02 68 07 2e", "FormatError", /no entry 7/],
  ["appending to a number", "80 02 4b 01 4e 61 2e", "FormatError", /expected a list, current 1/],
  ["a key without value", "80 02 7d 28 4b 01 75 2e", "FormatError", /no value/],
  ["bad UTF-8", "80 02 58 01 00 00 00 ff 2e", "FormatError", /UTF-8/],
  ["a list in itself", "80 02 5d 71 00 68 00 61 2e", "FormatError", /contains itself/],
  [
    "a list in itself by way of a tuple",
    "80 02 5d 71 00 85 71 01 68 00 68 01 61 2e",
    "FormatError",
    /part of another one changes/,
  ],
  ["deep nesting", `80 02 4e ${"85 ".repeat(65)} 2e`, "FormatError", /deeper than 64/],
  [
    "a scalar of the wrong size",
    scalar("i8", "<", "01"),
    "FormatError",
    /needs 8 bytes, current 1/,
  ],
  ["a scalar of objects", scalar("O8", "|", "01"), "UnsupportedError", /element type "\|O8"/],
  ["a strange byte order", scalar("i8", "?", "01"), "FormatError", /byte order/],
];

for (const [what, source, name, message] of REFUSED) {
  Deno.test(`parsePickle() refuses ${what}`, () => throws(() => parse(source), { name, message }));
}

Deno.test("parsePickle() accepts 64 levels of nesting", () => {
  ok(Array.isArray(parse(`80 02 4e ${"85 ".repeat(63)} 2e`)));
});

Deno.test("parsePickle() refuses a small pickle that doubles itself 60 times", () => {
  const doubled = "71 00 68 00 86 ".repeat(60);
  throws(() => parse(`80 02 4e 85 ${doubled} 2e`), {
    name: "FormatError",
    message: /16 times its size/,
  });
});

Deno.test("parsePickle() survives damaged pickles of protocols 2, 3 and 4", async () => {
  const pickles = [ORIGINS_NUMPY_116.subarray(128), ORIGINS_V16, ORIGINS_NUMPY_213.subarray(128)];
  for (const bytes of pickles) {
    const { refused } = await checkMutations(bytes, (b) => parsePickle(b, "damaged"), {
      unprotected: true,
    });
    ok(refused > 100);
  }
});
