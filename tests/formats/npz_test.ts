import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import type { ByteSource } from "../../engine/formats/byte_source.ts";
import type { NdArray } from "../../engine/formats/nd_array.ts";
import type { NpyInput } from "../../engine/formats/npy.ts";
import { encodeNpz, type NpzArchive, openNpz, streamNpz } from "../../engine/formats/npz.ts";
import { decodeOrigins, encodeOrigins } from "../../engine/formats/origins.ts";
import { decodeOverlaps, encodeOverlaps } from "../../engine/formats/overlaps.ts";
import { checkMutations } from "../support/mutations.ts";
import { FIB25, testWith } from "../support/resources.ts";
import { SEG_NUMPY_118 } from "./spec_vectors.ts";

const labels: NdArray = {
  dtype: "uint16",
  shape: [2, 3, 4],
  data: Uint16Array.from({ length: 24 }, (_, i) => i * 100),
};

/** A segmentation file as a run writes it, small. */
const MEMBERS: { name: string; value: NpyInput }[] = [
  { name: "segmentation", value: labels },
  { name: "request", value: { bytes: new Uint8Array([0x15, 0, 0, 0, 0x43, 0]) } },
  { name: "counters", value: { text: '{"predict-calls": 3}' } },
  {
    name: "origins",
    value: encodeOrigins(new Map([[3, { startZyx: [1, 2, 3], iters: 9, walltimeSec: 0.5 }]])),
  },
  { name: "overlaps", value: encodeOverlaps(new Map([[3, { ids: [1, 2], counts: [10, 20] }]])) },
];

/** Every member that a segmentation file has. */
async function contents(npz: NpzArchive): Promise<unknown> {
  return await Promise.all(MEMBERS.map(async ({ name }) => {
    const value = await npz.read(name);
    return value.kind === "object" ? await npz.readObject(name) : value;
  }));
}

Deno.test("openNpz() reads what the reference program wrote (spec/formats.md 6.6)", async () => {
  const npz = await openNpz(SEG_NUMPY_118, "seg.npz");
  deepStrictEqual(npz.names, ["segmentation", "origins", "request", "counters", "overlaps"]);
  const segmentation = await npz.readArray("segmentation");
  const expected = Array.from({ length: 120 }, (_, i) => {
    const z = Math.floor(i / 30), y = Math.floor(i / 6) % 5, x = i % 6;
    if (z === 0) return 2;
    return z <= 2 && y >= 1 && y <= 3 && x >= 1 && x <= 4 ? 1 : 0;
  });
  deepStrictEqual(segmentation, {
    dtype: "uint8",
    shape: [4, 5, 6],
    data: new Uint8Array(expected),
  });
  deepStrictEqual(
    decodeOrigins(await npz.readObject("origins")),
    new Map([
      [1, { startZyx: [16, 18, 109], iters: 1884, walltimeSec: 26.242855072021484 }],
      [2, { startZyx: [16, 19, 228], iters: 7, walltimeSec: 0.5 }],
      [70000, { startZyx: [16, 24, 204], iters: 1, walltimeSec: 0.0234375 }],
    ]),
  );
  strictEqual(
    (await npz.readBytes("request")).toHex(),
    "1500000043 1d0000 0442".replaceAll(" ", ""),
  );
  strictEqual(await npz.readText("counters"), '{"predict-calls": 3}');
  deepStrictEqual(
    decodeOverlaps(await npz.readObject("overlaps")),
    new Map([[2, { ids: [1], counts: [37] }]]),
  );
});

Deno.test("encodeNpz() comes back equal, from bytes or a Blob, names with or without .npy", async () => {
  const bytes = await encodeNpz(MEMBERS);
  for (const source of [bytes, new Blob([bytes as Uint8Array<ArrayBuffer>])]) {
    const npz = await openNpz(source, "ours.npz");
    deepStrictEqual(npz.names, MEMBERS.map(({ name }) => name));
    deepStrictEqual(await npz.readArray("segmentation.npy"), labels);
    deepStrictEqual([...await npz.readBytes("request")], [0x15, 0, 0, 0, 0x43, 0]);
    strictEqual(await npz.readText("counters"), '{"predict-calls": 3}');
    strictEqual(decodeOrigins(await npz.readObject("origins")).get(3)?.iters, 9);
    deepStrictEqual(decodeOverlaps(await npz.readObject("overlaps")).get(3)?.counts, [10, 20]);
    ok(npz.has("segmentation") && npz.has("segmentation.npy") && !npz.has("probs"));
  }
});

Deno.test("encodeNpz() depends on the content only: every member is dated 1980-01-01", async () => {
  const bytes = await encodeNpz(MEMBERS);
  deepStrictEqual(await encodeNpz(MEMBERS), bytes);
  const time = new DataView(bytes.buffer).getUint16(10, true);
  const date = new DataView(bytes.buffer).getUint16(12, true);
  deepStrictEqual([time, (date >> 9) + 1980, (date >> 5) & 15, date & 31], [0, 1980, 1, 1]);
});

Deno.test("streamNpz() passes on the error of a member that cannot be encoded", async () => {
  const wrong = { name: "a", value: { ...labels, shape: [5] } };
  await rejects(async () => {
    for await (const _ of streamNpz([MEMBERS[0], wrong])) { /* until it fails */ }
  }, { name: "RangeError", message: /shape \(5\)/ });
});

Deno.test("openNpz() names the members that exist, and the kind that a member has", async () => {
  const npz = await openNpz(await encodeNpz(MEMBERS), "a.npz");
  await rejects(npz.read("probs"), {
    name: "NotFoundError",
    message:
      /^Cannot read "probs" of "a.npz": no such member, the file has "segmentation", "request"/,
  });
  await rejects(npz.readText("segmentation"), {
    name: "FormatError",
    message: 'Cannot read "a.npz:segmentation": expected a text scalar, current uint16 (2, 3, 4)',
  });
  await rejects(npz.readObject("request"), { name: "FormatError" });
});

Deno.test("openNpz() refuses what is no archive", async () => {
  for (const bytes of [new Uint8Array(0), new Uint8Array(1000), new TextEncoder().encode("PK")]) {
    await rejects(openNpz(bytes, "bad.npz"), {
      name: "FormatError",
      message: /^Cannot open "bad.npz": /,
    });
  }
});

/** Little-endian number as bytes. */
function le(value: number, widthBytes: number): number[] {
  return Array.from(
    { length: widthBytes },
    (_, i) => Number((BigInt(value) >> BigInt(8 * i)) & 255n),
  );
}

Deno.test("openNpz() finds a member beyond 4 GiB by its ZIP64 sizes and offset", async () => {
  const inner = await encodeNpz([{ name: "a", value: labels }]);
  // The local record of the small archive, moved to 5 GiB of a sparse file, with a directory of its own.
  const view = new DataView(inner.buffer);
  const directoryAt = view.getUint32(inner.length - 6, true);
  const directory = inner.slice(directoryAt, inner.length - 22);
  const offset = 5 * 2 ** 30;
  const nameLength = directory[28] | (directory[29] << 8);
  const sizes = [
    ...directory.subarray(24, 28),
    0,
    0,
    0,
    0,
    ...directory.subarray(20, 24),
    0,
    0,
    0,
    0,
  ];
  const extra = [1, 0, 24, 0, ...sizes, ...le(offset, 8)];
  directory.set([...le(0xffffffff, 4), ...le(0xffffffff, 4)], 20);
  directory.set(le(extra.length, 2), 30);
  directory.set(le(0xffffffff, 4), 42);
  const record = [...directory.subarray(0, 46 + nameLength), ...extra];
  const recordAt = offset + directoryAt;
  const end64 = [
    ...le(0x06064b50, 4),
    ...le(44, 8),
    ...le(45, 2),
    ...le(45, 2),
    ...le(0, 8),
    ...le(1, 8),
    ...le(1, 8),
    ...le(record.length, 8),
    ...le(recordAt, 8),
  ];
  const locator = [
    ...le(0x07064b50, 4),
    ...le(0, 4),
    ...le(recordAt + record.length, 8),
    ...le(1, 4),
  ];
  const end = [
    ...le(0x06054b50, 4),
    ...le(0, 4),
    ...le(1, 2),
    ...le(1, 2),
    ...le(record.length, 4),
    ...le(0xffffffff, 4),
    0,
    0,
  ];
  const tail = new Uint8Array([
    ...inner.subarray(0, directoryAt),
    ...record,
    ...end64,
    ...locator,
    ...end,
  ]);
  const sparse: ByteSource = {
    sizeBytes: offset + tail.length,
    read(start, length) {
      const out = new Uint8Array(length);
      const from = start - offset;
      if (from + length > 0) {
        out.set(tail.subarray(Math.max(from, 0), from + length), Math.max(-from, 0));
      }
      return Promise.resolve(out);
    },
  };
  deepStrictEqual(await (await openNpz(sparse, "big.npz")).readArray("a"), labels);
});

Deno.test("openNpz() refuses a declared size that its bytes or its header cannot justify", async () => {
  const noise = Uint8Array.from({ length: 400_000 }, (_, i) => (i * i * 31) >> 7);
  const bytes = await encodeNpz([
    { name: "a", value: { dtype: "uint8", shape: [400_000], data: noise } },
  ]);
  const view = new DataView(bytes.buffer);
  const directoryAt = view.getUint32(bytes.length - 6, true);
  const readDeclaring = async (sizeBytes: number) => {
    view.setUint32(22, sizeBytes, true); // local header
    view.setUint32(directoryAt + 24, sizeBytes, true);
    await (await openNpz(bytes, "bomb.npz")).read("a");
  };
  await readDeclaring(400_128);
  await rejects(readDeclaring(4_000_000_000), {
    name: "FormatError",
    message: /cannot hold the declared 4000000000$/,
  });
  await rejects(readDeclaring(5_000_000), {
    name: "FormatError",
    message: /its array needs 400128 bytes, the archive declares 5000000$/,
  });
});

Deno.test("openNpz() never gives a wrong value from a damaged file of ours", async () => {
  const read = async (bytes: Uint8Array) => await contents(await openNpz(bytes, "damaged.npz"));
  const { refused } = await checkMutations(await encodeNpz(MEMBERS), read);
  ok(refused > 100);
});

Deno.test("openNpz() never gives a wrong value from a damaged file of the reference", async () => {
  const read = async (bytes: Uint8Array) => await contents(await openNpz(bytes, "damaged.npz"));
  const { refused } = await checkMutations(SEG_NUMPY_118, read);
  ok(refused > 100);
});

/** In the style of the published sample of 2017: Python 2, protocol 2, foreign module paths. */
const PUBLISHED_STYLE = await Deno.readFile(
  new URL("../fixtures/npz/published_style.npz", import.meta.url),
);

async function publishedContents(bytes: Uint8Array) {
  const npz = await openNpz(bytes, "published.npz");
  return {
    segmentation: [...(await npz.readArray("segmentation")).data],
    counters: await npz.readText("counters"),
    request: [...await npz.readBytes("request")],
    origins: decodeOrigins(await npz.readObject("origins")),
  };
}

Deno.test("openNpz() reads archives in the style of the published sample", async () => {
  deepStrictEqual(await publishedContents(PUBLISHED_STYLE), {
    segmentation: Array.from({ length: 24 }, (_, i) => i),
    counters: '{"predict-calls": 25799, "voxels-segmented": 13867123}',
    request: [0x15, 0, 0, 0, 0x43, 0],
    origins: new Map([
      [1, { startZyx: [16, 18, 109], iters: 1884, walltimeSec: 26.25 }],
      [2, { startZyx: [16, 19, 228], iters: 7, walltimeSec: 0.125 }],
      [300, { startZyx: [1, 70000, 3], iters: 70000, walltimeSec: 0.5 }],
    ]),
  });
});

Deno.test("openNpz() never gives a wrong value from a damaged archive in that style", async () => {
  const { refused } = await checkMutations(PUBLISHED_STYLE, publishedContents);
  ok(refused > 100);
});

testWith(
  "shared",
  "openNpz() reads the published sample: every fact of spec/formats.md 6.5",
  async () => {
    const path = `${FIB25}/training_sample2/sample-training2.npz`;
    const npz = await openNpz(await Deno.readFile(path), path);
    deepStrictEqual(npz.names, ["segmentation", "counters", "request", "origins"]);
    const { shape, dtype, data } = await npz.readArray("segmentation");
    deepStrictEqual([dtype, ...shape], ["uint8", 250, 250, 250]);
    const counts = new Array<number>(256).fill(0);
    for (const label of data as Uint8Array) counts[label]++;
    strictEqual(counts.findIndex((n) => n === 0), 255);
    deepStrictEqual([0, 1, 2, 3, 254].map((id) => counts[id]), [
      1757877,
      1097342,
      25434,
      1757,
      17444,
    ]);
    strictEqual(counts.reduce((sum, n, id) => sum + n * id, 0), 871013686);
    const counters = JSON.parse(await npz.readText("counters"));
    strictEqual(counters["predict-calls"], 25799);
    strictEqual(counters["voxels-segmented"], 13867123);
    strictEqual((await npz.readBytes("request")).length, 400);
    const origins = decodeOrigins(await npz.readObject("origins"));
    deepStrictEqual(
      [...origins.keys()].sort((a, b) => a - b),
      Array.from({ length: 254 }, (_, i) => i + 1),
    );
    deepStrictEqual(origins.get(1), {
      startZyx: [16, 18, 109],
      iters: 1884,
      walltimeSec: 26.242855072021484,
    });
    deepStrictEqual(origins.get(2), {
      startZyx: [16, 19, 228],
      iters: 7,
      walltimeSec: 0.10521817207336426,
    });
    deepStrictEqual(origins.get(254), {
      startZyx: [233, 233, 232],
      iters: 1,
      walltimeSec: 0.02277398109436035,
    });
    let iterations = 0;
    for (const [id, { startZyx: [z, y, x], iters }] of origins) {
      strictEqual(data[(z * 250 + y) * 250 + x], id);
      iterations += iters;
    }
    strictEqual(iterations, 25269);
  },
);

Deno.test("NpzArchive.shapeOf() reads no more than the header", async () => {
  const shape = [3, 500, 700];
  const data = new Uint8Array(3 * 500 * 700).map((_, i) => i * i);
  const bytes = await encodeNpz([{ name: "a", value: { dtype: "uint8", shape, data } }]);
  const archive = await openNpz(bytes, "a.npz");
  deepStrictEqual(await archive.shapeOf("a"), shape);
  await rejects(() => archive.shapeOf("b"), { name: "NotFoundError" });
  // Damage near the end of the member does not matter, damage of its header does.
  const late = bytes.slice();
  late[200_000] ^= 0xff;
  deepStrictEqual(await (await openNpz(late, "a.npz")).shapeOf("a"), shape);
  const early = bytes.slice();
  early.fill(0xff, 40, 80);
  await rejects(async () => await (await openNpz(early, "a.npz")).shapeOf("a"), {
    name: "FormatError",
  });
});
