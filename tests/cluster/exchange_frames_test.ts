import { deepStrictEqual, notStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Buffer } from "node:buffer";
import {
  decodeFloats,
  decodeFrame,
  encodeFloats,
  encodeFrame,
  floatsWithRoom,
} from "../../engine/cluster/exchange_frames.ts";

const HEADER = { verb: "push", worker: 3, name: "é" };

Deno.test("encodeFrame() writes a header before floats with room where they lie, each time anew", () => {
  const values = floatsWithRoom(5);
  values.set([1, -2, 3, -4, 5]);
  const { content } = encodeFloats(values, "float32");
  const frame = encodeFrame(HEADER, content);
  strictEqual(frame.buffer, values.buffer);
  deepStrictEqual(decodeFrame(frame).header, HEADER);
  values[0] = 7;
  const again = decodeFrame(encodeFrame({ verb: "more" }, content));
  deepStrictEqual(again.header, { verb: "more" });
  deepStrictEqual([...decodeFloats(again.content, "float32", 1)], [7, -2, 3, -4, 5]);
});

Deno.test("encodeFrame() copies what is no whole array with room, and what a long header leaves none for", () => {
  const values = floatsWithRoom(4).fill(2);
  const { content } = encodeFloats(values, "float32");
  const long = { verb: "x".repeat(600) };
  for (const [header, piece] of [[long, content], [HEADER, content.subarray(4)]] as const) {
    const frame = encodeFrame(header, piece);
    notStrictEqual(frame.buffer, values.buffer);
    const decoded = decodeFrame(frame);
    deepStrictEqual(decoded.header, header);
    deepStrictEqual([...decoded.content], [...piece]);
  }
  deepStrictEqual([...values], [2, 2, 2, 2]);
});

Deno.test("decodeFrame() gives a view where floats can lie there, and else a copy, of a Buffer too", () => {
  const frame = encodeFrame(HEADER, new Uint8Array(Float32Array.of(1, 2, 3).buffer));
  for (const shift of [0, 1, 2, 4, 8, 16]) {
    const moved = new Uint8Array(frame.length + shift);
    moved.set(frame, shift);
    for (const bytes of [moved.subarray(shift), Buffer.from(moved.buffer, shift)]) {
      const { header, content } = decodeFrame(bytes);
      deepStrictEqual(header, HEADER);
      ok((content.buffer === moved.buffer) === (shift % 8 === 0), `${shift}`);
      deepStrictEqual([...decodeFloats(content, "float32", 1)], [1, 2, 3]);
    }
  }
});
