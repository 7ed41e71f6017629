import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { decodeMessage, encodeMessage } from "../../../engine/formats/protobuf/binary.ts";
import { InferenceRequestSchema } from "../../../engine/formats/protobuf/inference.ts";
import { parseText } from "../../../engine/formats/protobuf/text_reader.ts";
import { TextFormatError } from "../../../engine/formats/protobuf/text_tokens.ts";
import { checkMutations } from "../../support/mutations.ts";
import { protobufCases, SCHEMAS } from "./schemas.ts";

for (const { message, text, hex, line } of protobufCases("texts")) {
  const outcome = hex === undefined ? "is refused" : "is read as Python reads it";
  Deno.test(`parseText() of ${message}: ${JSON.stringify(text)} ${outcome}`, () => {
    const schema = SCHEMAS.get(message)!;
    if (hex !== undefined) {
      // Compared as messages too, because the order of map entries is the writer's choice.
      const message = parseText(schema, text);
      deepStrictEqual(message, decodeMessage(schema, Uint8Array.fromHex(hex), "fixture"));
      if (!text.includes("overlaps")) strictEqual(encodeMessage(schema, message).toHex(), hex);
      return;
    }
    throws(() => parseText(schema, text), (error) => {
      ok(error instanceof TextFormatError, String(error));
      ok(error.message.startsWith(`Cannot parse ${schema.name} at line ${error.line}, column `));
      if (line !== undefined) ok(Math.abs(error.line - line) <= 1, `line ${error.line}: ${line}`);
      return true;
    });
  });
}

/** Place and problem of the error for a text. */
function refusal(text: string): [number, number, string] {
  try {
    parseText(InferenceRequestSchema, text, '"req.pbtxt"');
  } catch (error) {
    ok(error instanceof TextFormatError && error.name === "SyntaxError");
    const { line, column, message } = error;
    const prefix = `Cannot parse "req.pbtxt" at line ${line}, column ${column}: `;
    ok(message.startsWith(prefix), message);
    return [line, column, message.slice(prefix.length)];
  }
  throw new Error("was read");
}

Deno.test("parseText() names line, column, value and what is allowed", () => {
  const cases: [string, [number, number, string]][] = [
    ["image_mean: 1\n  image_sdtdev: 2", [
      2,
      3,
      'no field "image_sdtdev" in ffn.InferenceRequest, did you mean "image_stddev"',
    ]],
    ["# one\nimage { hdf5: 'a:b' }\nimage { }", [3, 1, '"image" is given twice']],
    ["image { hdf5: 'a'\n volinfo: 'b' }", [2, 2, '"volinfo" is given together with "hdf5"']],
    ["batch_size: 99999999999", [
      1,
      13,
      "99999999999 is out of range, int32 goes from -2147483648 to 2147483647",
    ]],
    ["batch_size: 1.5", [1, 13, 'expected an integer, found "1.5"']],
    ["alignment_options { type: NONE }", [
      1,
      27,
      '"NONE" is not a value of ffn.AlignmentOptions.AlignType: UNKNOWN_ALIGNMENT (0), NO_ALIGNMENT (1)',
    ]],
    ["model_name: 'a", [1, 13, "string \"'a\" has no closing ' on its line"]],
    ["model_name: 'ab\\q'", [1, 16, "unknown escape \\q"]],
    ["model_name: '\\xff'", [1, 13, "string is not valid UTF-8 after its escapes"]],
    ["image_mean 1", [1, 12, 'expected ":", found "1"']],
    ["image {", [1, 8, 'expected "}"']],
    ["image_mean:", [1, 12, "expected a number, found the end"]],
  ];
  for (const [text, expected] of cases) deepStrictEqual(refusal(text), expected);
});

Deno.test("parseText() leaves unset fields absent and keeps explicit defaults", () => {
  const message = parseText(InferenceRequestSchema, "batch_size: 1 inference_options { }");
  deepStrictEqual(message, { batchSize: 1, inferenceOptions: {} });
});

Deno.test("parseText() rounds floats to float32", () => {
  const { imageMean } = parseText(InferenceRequestSchema, "image_mean: 0.95");
  strictEqual(imageMean, 0.949999988079071);
});

Deno.test("parseText() reads a string of a megabyte", () => {
  const long = "x".repeat(1 << 20);
  strictEqual(parseText(InferenceRequestSchema, `model_args: "${long}"`).modelArgs, long);
});

Deno.test("parseText() answers 200 damaged texts with a place or a message", async () => {
  const text = protobufCases("messages").find((c) => c.message === "ffn.InferenceRequest")!.text;
  const counts = await checkMutations(
    new TextEncoder().encode(text),
    (bytes) => parseText(InferenceRequestSchema, new TextDecoder().decode(bytes)),
    { unprotected: true },
  );
  ok(counts.refused > 100, JSON.stringify(counts));
});
