import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import {
  decodeScalars,
  encodeEvent,
  EVENT_FILE_VERSION,
  eventFileName,
  histogramOf,
} from "../../engine/formats/event_file.ts";
import { RecordSplitter } from "../../engine/formats/tfrecord.ts";

/** spec/formats.md §5: a file of two events. */
const FILE = Uint8Array.fromBase64(
  "GAAAAAAAAACjf0siCQAAwPi6wNpBGg1icmFpbi5FdmVudDoyBrWFbyAAAAAAAAAAKe2pUAkqovH4usDaQRAqKhMKEQoKcGl4ZWxfbG9zcxUAAAA+6MGBzA==",
);

Deno.test("encodeEvent() writes the published file", () => {
  const time = (offset: number) => new DataView(FILE.buffer).getFloat64(offset, true);
  const version = encodeEvent({ wallTime: time(13), fileVersion: EVENT_FILE_VERSION });
  const scalar = encodeEvent({
    wallTime: time(53),
    step: 42,
    summary: [{ tag: "pixel_loss", scalar: 0.125 }],
  });
  deepStrictEqual(Uint8Array.from([...version, ...scalar]), FILE);
});

Deno.test("decodeScalars() reads step and scalars and skips the rest", () => {
  const [, event] = new RecordSplitter("events").push(FILE);
  deepStrictEqual(decodeScalars(event.data), {
    step: 42,
    scalars: new Map([["pixel_loss", 0.125]]),
  });
  const mixed = encodeEvent({
    wallTime: 1,
    step: 7,
    summary: [
      { tag: "i", image: { width: 1, height: 2, channels: 1, png: new Uint8Array([1]) } },
      { tag: "h", histogram: histogramOf([1]) },
      { tag: "s", scalar: -1 },
    ],
    sessionLog: { status: "checkpoint", checkpointPath: "model.ckpt-7" },
  });
  const [{ data }] = new RecordSplitter("events").push(mixed);
  deepStrictEqual(decodeScalars(data), { step: 7, scalars: new Map([["s", -1]]) });
});

Deno.test("histogramOf() puts each value below its limit and at or above the one before", () => {
  const values = [-3, -1e-13, 0, 0, 0.5, 0.52, 1e19, 2e20, NaN];
  const { bucketLimits, buckets, count, min, max, sum, sumSquares } = histogramOf(values);
  const finite = values.filter(Number.isFinite);
  deepStrictEqual([count, min, max], [8, -3, 2e20]);
  strictEqual(sum, finite.reduce((a, b) => a + b, 0));
  strictEqual(sumSquares, finite.reduce((a, b) => a + b * b, 0));
  const ends = bucketLimits.map((limit, i) => [bucketLimits[i - 1] ?? -Infinity, limit]);
  ends.forEach(([from, to], i) => {
    strictEqual(finite.filter((v) => v >= from && v < to).length, buckets[i], `${from} to ${to}`);
  });
  ok(bucketLimits.every((limit, i) => i === 0 || limit > bucketLimits[i - 1]));
  ok(
    buckets.every((n, i) => n > 0 || (buckets[i - 1] ?? 1) > 0),
    "runs of empty buckets are merged",
  );
  strictEqual(bucketLimits.at(-1), Number.MAX_VALUE);
});

Deno.test("eventFileName() is what TensorBoard looks for", () => {
  strictEqual(eventFileName(1795300000.7, "host"), "events.out.tfevents.1795300000.host");
});
