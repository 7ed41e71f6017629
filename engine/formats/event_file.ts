/** Events of TensorBoard: what stands in the records of an `events.out.tfevents.*` file. */
import { BinaryReader, BinaryWriter, WireType } from "./protobuf/wire.ts";
import { encodeRecord } from "./tfrecord.ts";

/** Text of every file's first event. */
export const EVENT_FILE_VERSION = "brain.Event:2";

/** Counts of values between ascending limits; `bucket[i]` counts values below `bucketLimit[i]`. */
export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly count: number;
  readonly sum: number;
  readonly sumSquares: number;
  readonly bucketLimits: readonly number[];
  readonly buckets: readonly number[];
}

/** A PNG with what viewers want to know before they decode it. */
export interface SummaryImage {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 red green blue. */
  readonly channels: 1 | 3;
  readonly png: Uint8Array;
}

/** One tagged value of a step. */
export type SummaryValue =
  & { readonly tag: string }
  & (
    | { readonly scalar: number }
    | { readonly image: SummaryImage }
    | { readonly histogram: Histogram }
  );

/** Numbers of `SessionLog.Status`. */
const SESSION = { start: 1, stop: 2, checkpoint: 3 } as const;

/** What happened to a run. */
export interface SessionLog {
  readonly status: keyof typeof SESSION;
  readonly checkpointPath?: string;
}

/** One event; a file begins with one that has only `fileVersion`. */
export interface Event {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step?: number;
  readonly fileVersion?: string;
  readonly summary?: readonly SummaryValue[];
  readonly sessionLog?: SessionLog;
}

/** `events.out.tfevents.<seconds>.<host>`. */
export function eventFileName(seconds: number, host: string): string {
  return `events.out.tfevents.${String(Math.floor(seconds)).padStart(10, "0")}.${host}`;
}

/** The record of an event. */
export function encodeEvent(event: Event): Uint8Array<ArrayBuffer> {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.Bit64).double(event.wallTime);
  if (event.step) writer.tag(2, WireType.Varint).int64(event.step);
  if (event.fileVersion !== undefined) {
    writer.tag(3, WireType.LengthDelimited).string(event.fileVersion);
  }
  if (event.summary) {
    writer.tag(5, WireType.LengthDelimited).fork();
    for (const value of event.summary) {
      writer.tag(1, WireType.LengthDelimited).fork();
      writeValue(writer, value);
      writer.join();
    }
    writer.join();
  }
  if (event.sessionLog) {
    const { status, checkpointPath } = event.sessionLog;
    writer.tag(7, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.Varint).int32(SESSION[status]);
    if (checkpointPath !== undefined) {
      writer.tag(2, WireType.LengthDelimited).string(checkpointPath);
    }
    writer.join();
  }
  return encodeRecord(writer.finish());
}

function writeValue(writer: BinaryWriter, value: SummaryValue): void {
  writer.tag(1, WireType.LengthDelimited).string(value.tag);
  if ("scalar" in value) writer.tag(2, WireType.Bit32).float(value.scalar);
  else if ("image" in value) {
    const { width, height, channels, png } = value.image;
    writer.tag(4, WireType.LengthDelimited).fork();
    writer.tag(1, WireType.Varint).int32(height).tag(2, WireType.Varint).int32(width);
    writer.tag(3, WireType.Varint).int32(channels).tag(4, WireType.LengthDelimited).bytes(png);
    writer.join();
  } else {
    const { min, max, count, sum, sumSquares, bucketLimits, buckets } = value.histogram;
    writer.tag(5, WireType.LengthDelimited).fork();
    [min, max, count, sum, sumSquares].forEach((x, i) =>
      writer.tag(i + 1, WireType.Bit64).double(x)
    );
    for (const [field, list] of [[6, bucketLimits], [7, buckets]] as const) {
      writer.tag(field, WireType.LengthDelimited).fork();
      for (const x of list) writer.double(x);
      writer.join();
    }
    writer.join();
  }
}

/** Positive limits, 1e-12 · 1.1^k below 1e20, then the largest double: TensorFlow's own. */
const POSITIVE_LIMITS: readonly number[] = (() => {
  const limits: number[] = [];
  for (let limit = 1e-12; limit < 1e20; limit *= 1.1) limits.push(limit);
  return [...limits, Number.MAX_VALUE];
})();
const LIMITS: readonly number[] = [
  ...POSITIVE_LIMITS.toReversed().map((limit) => -limit),
  0,
  ...POSITIVE_LIMITS,
];

/** Histogram of finite values with TensorFlow's limits; runs of empty buckets become one. */
export function histogramOf(values: Iterable<number>): Histogram {
  const counts = new Float64Array(LIMITS.length);
  let [min, max, count, sum, sumSquares] = [Number.MAX_VALUE, -Number.MAX_VALUE, 0, 0, 0];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    min = Math.min(min, value);
    max = Math.max(max, value);
    count++;
    sum += value;
    sumSquares += value * value;
    counts[firstAbove(value)]++;
  }
  const bucketLimits: number[] = [];
  const buckets: number[] = [];
  for (let i = 0; i < LIMITS.length; i++) {
    const continues = counts[i] === 0 && i + 1 < LIMITS.length && counts[i + 1] === 0;
    if (continues) continue;
    bucketLimits.push(LIMITS[i]);
    buckets.push(counts[i]);
  }
  return { min, max, count, sum, sumSquares, bucketLimits, buckets };
}

/** Index of the first limit above a value. */
function firstAbove(value: number): number {
  let low = 0, high = LIMITS.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (LIMITS[middle] > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Step and scalars by tag of an event's data; what else it holds is skipped. */
export function decodeScalars(data: Uint8Array): { step: number; scalars: Map<string, number> } {
  const scalars = new Map<string, number>();
  let step = 0;
  const event = new BinaryReader(data);
  while (event.pos < event.len) {
    const [field, wire] = event.tag();
    if (field === 2 && wire === WireType.Varint) step = Number(event.int64());
    else if (field === 5 && wire === WireType.LengthDelimited) {
      readSummary(event.bytes(), scalars);
    } else event.skip(wire, field);
  }
  return { step, scalars };
}

function readSummary(bytes: Uint8Array, scalars: Map<string, number>): void {
  const summary = new BinaryReader(bytes);
  while (summary.pos < summary.len) {
    const [field, wire] = summary.tag();
    if (field !== 1) {
      summary.skip(wire, field);
      continue;
    }
    const value = new BinaryReader(summary.bytes());
    let tag = "";
    let scalar: number | null = null;
    while (value.pos < value.len) {
      const [field, wire] = value.tag();
      if (field === 1) tag = value.string();
      else if (field === 2 && wire === WireType.Bit32) scalar = value.float();
      else value.skip(wire, field);
    }
    if (scalar !== null) scalars.set(tag, scalar);
  }
}
