import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { decodeMessage } from "../../../engine/formats/protobuf/binary.ts";
import { parseText } from "../../../engine/formats/protobuf/text_reader.ts";
import { printText } from "../../../engine/formats/protobuf/text_writer.ts";
import { protobufCases, SCHEMAS } from "./schemas.ts";

Deno.test("printText() prints random messages of every type as Python does", () => {
  const cases = protobufCases("messages");
  strictEqual(new Set(cases.map((c) => c.message)).size, SCHEMAS.size);
  for (const { message, text, hex } of cases) {
    const schema = SCHEMAS.get(message)!;
    strictEqual(printText(schema, decodeMessage(schema, Uint8Array.fromHex(hex!), "case")), text);
  }
});

Deno.test("printText() and parseText() are inverse", () => {
  for (const { message, text } of protobufCases("messages")) {
    const schema = SCHEMAS.get(message)!;
    const parsed = parseText(schema, text);
    strictEqual(printText(schema, parsed), text);
    deepStrictEqual(parseText(schema, printText(schema, parsed)), parsed);
  }
});
