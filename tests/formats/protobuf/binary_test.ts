import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import { FormatError } from "../../../engine/errors/errors.ts";
import { decodeMessage, encodeMessage } from "../../../engine/formats/protobuf/binary.ts";
import {
  AlignmentOptionsSchema,
  InferenceRequestSchema,
} from "../../../engine/formats/protobuf/inference.ts";
import {
  DecoratedVolumeSchema,
  MaskChannelConfigSchema,
} from "../../../engine/formats/protobuf/masks.ts";
import { EndpointResegmentationResultSchema } from "../../../engine/formats/protobuf/resegmentation.ts";
import { fieldValue, type Schema } from "../../../engine/formats/protobuf/schema.ts";
import { SelfPredictionOptionsSchema } from "../../../engine/formats/protobuf/inference.ts";
import { ConsensusRequestSchema } from "../../../engine/formats/protobuf/consensus.ts";
import { checkMutations } from "../../support/mutations.ts";
import { protobufCases, SCHEMAS } from "./schemas.ts";

const decode = <T>(schema: Schema<T>, hex: string): T =>
  decodeMessage(schema, Uint8Array.fromHex(hex), "a.pb");

Deno.test("encodeMessage() gives the bytes of Python for random messages of every type", () => {
  for (const { message, hex } of protobufCases("messages")) {
    const schema = SCHEMAS.get(message)!;
    const decoded = decode(schema, hex!);
    const again = encodeMessage(schema, decoded).toHex();
    if (!hasMap(decoded)) strictEqual(again, hex);
    deepStrictEqual(decode(schema, again), decoded);
  }
});

/** The order of map entries is the writer's choice. */
function hasMap(message: unknown): boolean {
  return Object.values(message as object).some((value) => value instanceof Map);
}

Deno.test("decodeMessage() skips unknown fields and unknown enum numbers", () => {
  // Field 99 as varint, fixed32, fixed64, bytes and group, then batch_size 3.
  const unknown = "980601" + "9d0601020304" + "99060102030405060708" + "9a0602abcd" + "9b069c06";
  deepStrictEqual(decode(InferenceRequestSchema, unknown + "d80103"), { batchSize: 3 });
  deepStrictEqual(decode(AlignmentOptionsSchema, "08053001"), { saveRaw: true });
});

Deno.test("decodeMessage() reads packed and unpacked repeated scalars", () => {
  deepStrictEqual(decode(MaskChannelConfigSchema, "2802" + "2a0305ac02"), {
    values: [2n, 5n, 300n],
  });
});

Deno.test("decodeMessage() takes the last scalar and member of a oneof, and merges messages", () => {
  deepStrictEqual(decode(DecoratedVolumeSchema, "0a0161" + "1a0162" + "1a0163"), { hdf5: "c" });
  const twice = "7205150000803f" + "72051d00000040";
  const inferenceOptions = { padValue: 1, moveThreshold: 2 };
  deepStrictEqual(decode(InferenceRequestSchema, twice), { inferenceOptions });
});

Deno.test("decodeMessage() fills missing halves of a map entry with zeros", () => {
  const { overlaps } = decode(EndpointResegmentationResultSchema, "2200" + "22020807");
  deepStrictEqual(overlaps, new Map([[0n, {}], [7n, {}]]));
});

Deno.test("decodeMessage() names file and byte of broken messages", () => {
  for (const hex of ["15", "150000", "6205", "62ff", "7202ff", "0d00000000ff", "62020a", "580a"]) {
    throws(() => decode(InferenceRequestSchema, hex), (error) => {
      ok(error instanceof FormatError && error.path === "a.pb");
      ok(error.message.startsWith('Cannot decode "a.pb" as ffn.InferenceRequest: '), error.message);
      ok(error.offset! <= hex.length / 2);
      return true;
    }, hex);
  }
  // A string that is not UTF-8, and a field that ends behind its message.
  throws(() => decode(InferenceRequestSchema, "5a01ff"), FormatError);
  throws(() => decode(InferenceRequestSchema, "72021500000000"), FormatError);
});

Deno.test("decodeMessage() answers 200 damaged requests with a message or a named error", async () => {
  const { hex } = protobufCases("messages").find((c) => c.message === "ffn.ResegmentationRequest")!;
  const schema = SCHEMAS.get("ffn.ResegmentationRequest")!;
  const counts = await checkMutations(
    Uint8Array.fromHex(hex!),
    (bytes) => decodeMessage(schema, bytes, "damaged.pb"),
    { unprotected: true },
  );
  ok(counts.refused > 50, JSON.stringify(counts));
});

Deno.test("fieldValue() gives the value, the declared default or the type's", () => {
  strictEqual(fieldValue(SelfPredictionOptionsSchema, { origThreshold: 0 }, "origThreshold"), 0);
  strictEqual(fieldValue(SelfPredictionOptionsSchema, {}, "origThreshold"), 1);
  strictEqual(fieldValue(SelfPredictionOptionsSchema, {}, "threshold"), 0);
  strictEqual(fieldValue(AlignmentOptionsSchema, {}, "type"), "NO_ALIGNMENT");
  strictEqual(fieldValue(ConsensusRequestSchema, {}, "type"), "CONSENSUS_SPLIT");
  strictEqual(fieldValue(InferenceRequestSchema, {}, "batchSize"), 1);
  deepStrictEqual(fieldValue(InferenceRequestSchema, {}, "masks"), []);
});
