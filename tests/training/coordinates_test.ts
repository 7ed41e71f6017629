import { deepStrictEqual, notDeepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { decodeCoordinate } from "../../engine/formats/coordinate_record.ts";
import { RecordSplitter } from "../../engine/formats/tfrecord.ts";
import { toXyz, volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { ClassSampler } from "../../engine/training/class_sampler.ts";
import { gatherCoordinates, type NamedVolume } from "../../engine/training/coordinates.ts";
import { Random } from "../../engine/training/random.ts";
import { memoryVolume } from "../../engine/volumes/memory.ts";

function map(name: string, shape: Zyx, value: (z: number, y: number, x: number) => number) {
  const data = new Uint8Array(volumeOf(shape));
  const [, height, width] = shape;
  data.forEach((_, i) => {
    const x = i % width, y = Math.floor(i / width) % height;
    data[i] = value(Math.floor(i / width / height), y, x);
  });
  return { name, volume: memoryVolume({ dtype: "uint8", shape, data }) };
}

/** Vector C1 of spec/training.md. */
const VOL1 = map("vol1", [6, 7, 8], (z, y, x) => {
  const [a, b, c] = [z - 1, y - 2, x - 1];
  if (a < 0 || a >= 4 || b < 0 || b >= 3 || c < 0 || c >= 6) return 255;
  if (a === 0 && b === 0) return 1;
  if (a === 1 && b === 1 && c < 2) return 2;
  if (a === 3 && b === 2 && c === 5) return 0;
  return a === 2 && b === 2 && c === 0 ? 255 : 3;
});
const VOL2 = map("vol2", [3, 5, 3], (z, y, x) => z === 1 && y === 2 && x === 1 ? 1 : 255);

async function coordinates(volumes: NamedVolume[], margin: Zyx, seed = 1) {
  const gathered = await gatherCoordinates(volumes, margin);
  const splitter = new RecordSplitter("frames");
  const records = [...gathered.frames(new Random(seed))].flatMap((piece) => splitter.push(piece));
  splitter.finish();
  return { ...gathered, records: records.map(({ data }) => decodeCoordinate(data, "frames")) };
}

Deno.test("gatherCoordinates() of vector C1: every class as often, members evenly", async () => {
  const { classes, recordCount, records } = await coordinates([VOL1, VOL2], [1, 2, 1]);
  deepStrictEqual(Object.fromEntries(classes), { 0: 1, 1: 7, 2: 2, 3: 62 });
  strictEqual(recordCount, 248);
  strictEqual(records.length, 248);
  const times = new Map<string, number>();
  for (const { volume, center } of records) {
    const { x, y, z } = toXyz(center);
    const key = `${volume} ${x},${y},${z}`;
    times.set(key, (times.get(key) ?? 0) + 1);
  }
  strictEqual(times.get("vol1 6,4,4"), 62, "class 0");
  const [second] = [...times.keys()].filter((key) => key.startsWith("vol2"));
  strictEqual(second, "vol2 1,2,1");
  const class1 = [...times].filter(([key]) => key === second || /^vol1 \d,2,1$/.test(key));
  deepStrictEqual(class1.map(([, n]) => n).sort(), [8, 9, 9, 9, 9, 9, 9]);
  strictEqual(times.get("vol1 1,3,2"), 31, "class 2");
  strictEqual([...times.values()].filter((n) => n === 1).length, 62, "class 3");
});

Deno.test("Coordinates.frames() gives the same order for the same seed only, and no class order", async () => {
  const first = await coordinates([VOL1, VOL2], [1, 2, 1], 5);
  deepStrictEqual((await coordinates([VOL1, VOL2], [1, 2, 1], 5)).records, first.records);
  notDeepStrictEqual((await coordinates([VOL1, VOL2], [1, 2, 1], 6)).records, first.records);
  const half = first.records.slice(0, 124).filter(({ volume }) => volume === "vol2").length;
  ok(half > 0 && half < 9, `${half} of 8 or 9 in the first half`);
});

Deno.test("gatherCoordinates() takes a margin of 0 as the whole axis (vector C3)", async () => {
  const { classes } = await gatherCoordinates([VOL1], [0, 2, 1]);
  strictEqual(classes.get(3), 62);
});

Deno.test("gatherCoordinates() leaves out the background when asked to", async () => {
  const { classes } = await gatherCoordinates([VOL1], [1, 2, 1], { excludeBackground: true });
  deepStrictEqual([...classes.keys()].sort(), [1, 2, 3]);
});

Deno.test("gatherCoordinates() says what is wrong with a map or margin", async () => {
  await rejects(gatherCoordinates([VOL1], [3, 0, 0]), /larger than twice the margin zyx 3,0,0/);
  const empty = map("e", [3, 3, 3], () => 255);
  await rejects(gatherCoordinates([empty], [0, 0, 0]), /no voxel of .* has a class/);
});

Deno.test("ClassSampler draws each member floor(total / n) times or once more, in every order alike", () => {
  const members = 3, total = 7;
  const orders = new Map<string, number>();
  const runs = 21_000;
  const random = new Random(3);
  for (let run = 0; run < runs; run++) {
    const sampler = new ClassSampler(Uint32Array.from({ length: members }, (_, i) => i), total);
    const drawn = Array.from({ length: total }, () => sampler.draw(random));
    const times = [0, 1, 2].map((m) => drawn.filter((d) => d === m).length).sort();
    deepStrictEqual(times, [2, 2, 3]);
    const key = drawn.join("");
    orders.set(key, (orders.get(key) ?? 0) + 1);
  }
  // 3 choices of the extra member times 7! / (3! 2! 2!) orders.
  strictEqual(orders.size, 630);
  const expected = runs / 630;
  const chiSquare = [...orders.values()].reduce((s, n) => s + (n - expected) ** 2 / expected, 0);
  // 629 degrees of freedom: mean 629, standard deviation 35.5.
  ok(Math.abs(chiSquare - 629) < 5 * 35.5, `chi-square ${chiSquare}`);
});

Deno.test("Random is reproducible, evenly spread, and goes on from a saved state", () => {
  const random = new Random(42);
  const counts = new Array(7).fill(0);
  for (let i = 0; i < 70_000; i++) counts[random.below(7)]++;
  ok(counts.every((n) => Math.abs(n - 10_000) < 500), String(counts));
  const state = random.state();
  const next = [random.uniform(), random.next(), random.below(1e12)];
  const other = new Random(0);
  other.restore(state);
  deepStrictEqual([other.uniform(), other.next(), other.below(1e12)], next);
  ok(
    new Random(1).next() !== new Random(2).next() &&
      new Random(2 ** 40).next() !== new Random(0).next(),
  );
});
