import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { encodeCoordinate } from "../../engine/formats/coordinate_record.ts";
import type { TfRecord } from "../../engine/formats/tfrecord.ts";
import { BoxCoordinates, MixedCoordinates } from "../../engine/training/coordinate_sources.ts";
import {
  type CoordinateSource,
  CoordinateStream,
} from "../../engine/training/coordinate_stream.ts";

/** File `n` holds the coordinates (n, 0, 0), (n, 0, 1), … zyx. */
async function* records(path: string, count: number): AsyncGenerator<TfRecord> {
  for (let number = 0; number < count; number++) {
    const data = encodeCoordinate({ center: [Number(path), 0, number], volume: "v" });
    yield await Promise.resolve({ data, number, offset: 0 });
  }
}

const stream = (files: string[], count: number, seed: number) =>
  new CoordinateStream(files, (path) => records(path, count), seed);

async function take(source: CoordinateSource, count: number): Promise<string[]> {
  const taken: string[] = [];
  for (let i = 0; i < count; i++) taken.push((await source.next()).coordinate.center.join());
  return taken;
}

Deno.test("CoordinateStream mixes files and gives every record once per epoch", async () => {
  const files = ["0", "1", "2"];
  await using source = stream(files, 40, 1);
  const first = await take(source, 120);
  strictEqual(new Set(first).size, 120);
  const half = first.slice(0, 60).map((c) => c[0]);
  for (const file of files) ok(half.filter((f) => f === file).length > 8, `${half}`);
  strictEqual(source.epochs, 1);
  const second = await take(source, 120);
  deepStrictEqual(second.toSorted(), first.toSorted());
  ok(`${second}` !== `${first}`);
});

Deno.test("CoordinateStream opens a bounded number of files, and goes on from any state", async () => {
  const files = Array.from({ length: 50 }, (_, i) => String(i));
  let [open, most] = [0, 0];
  async function* counted(path: string) {
    most = Math.max(most, ++open);
    try {
      yield* records(path, 7);
    } finally {
      open--;
    }
  }
  const make = (seed: number) => new CoordinateStream(files, counted, seed);
  await using source = make(2);
  await take(source, 123);
  const state = JSON.parse(JSON.stringify(source.state()));
  const rest = await take(source, 400);
  ok(most > 20 && most <= 32, `${most} files at a time`);
  await using other = make(99);
  other.restore(state);
  deepStrictEqual(await take(other, 400), rest);
  await other[Symbol.asyncDispose]();
  await source[Symbol.asyncDispose]();
  strictEqual(open, 0);
  throws(() => stream(["1"], 1, 0).restore(state), /the run had 50 files, current number is 1/);
  await rejects(stream(["1", "2"], 0, 0).next(), /no record in "1", "2"/);
});

Deno.test("MixedCoordinates draws sources by their weights, and goes on from a state", async () => {
  const make = (seed: number) =>
    new MixedCoordinates([
      { source: stream(["1"], 1000, seed), weight: 3 },
      { source: stream(["2"], 10, seed), weight: 1 },
      { source: stream(["3"], 10, seed), weight: 0 },
    ], seed);
  await using source = make(4);
  const taken = await take(source, 2000);
  const share = (file: string) => taken.filter((c) => c.startsWith(file)).length / taken.length;
  ok(Math.abs(share("1") - 0.75) < 0.03 && Math.abs(share("2") - 0.25) < 0.03);
  strictEqual(share("3"), 0);
  strictEqual(source.epochs, 0);
  const state = JSON.parse(JSON.stringify(source.state()));
  const rest = await take(source, 50);
  await using other = make(5);
  other.restore(state);
  deepStrictEqual(await take(other, 50), rest);
  const one = new MixedCoordinates([{ source: stream(["1"], 1, 0), weight: 1 }], 0);
  throws(() => one.restore(state), /the run had 3 sources, current number is 1/);
});

Deno.test("BoxCoordinates draws every voxel of every box alike", async () => {
  const boxes = [
    { volume: "a", box: { start: [1, 2, 3] as const, size: [2, 1, 3] as const } },
    { volume: "b", box: { start: [9, 9, 9] as const, size: [1, 2, 1] as const } },
  ];
  await using source = new BoxCoordinates(boxes, 6);
  const counts = new Map<string, number>();
  for (let i = 0; i < 8000; i++) {
    const { coordinate: { center, volume } } = await source.next();
    counts.set(`${volume} ${center}`, (counts.get(`${volume} ${center}`) ?? 0) + 1);
  }
  deepStrictEqual([...counts.keys()].sort(), [
    ...["a 1,2,3", "a 1,2,4", "a 1,2,5", "a 2,2,3", "a 2,2,4", "a 2,2,5", "b 9,10,9", "b 9,9,9"],
  ]);
  ok([...counts.values()].every((n) => Math.abs(n - 1000) < 130), `${[...counts.values()]}`);
  strictEqual((await source.next()).place.startsWith("box ("), true);
});
