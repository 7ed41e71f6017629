import { deepStrictEqual, match, rejects, strictEqual } from "node:assert/strict";
import { open } from "../../engine/volumes/open.ts";
import { parseTensorStoreSpec } from "../../engine/volumes/tensorstore_spec.ts";
import { type Volume, wholeBox } from "../../engine/volumes/volume.ts";
import { CHUNKED, formulaArray } from "./kinds.ts";

const dimensions = (...inputs: number[]) => inputs.map((d) => ({ input_dimension: d }));

/** A spec of a precomputed volume of the fixtures. */
function precomputed(name: string, transform?: unknown, more: object = {}): string {
  const kvstore = { driver: "file", path: CHUNKED };
  return JSON.stringify({
    driver: "neuroglancer_precomputed",
    kvstore,
    path: name,
    transform,
    ...more,
  });
}

async function refusal(tensorstore: string): Promise<string> {
  try {
    await using _volume = await open({ tensorstore });
  } catch (error) {
    const { name, message } = error as Error;
    return `${name}: ${message}`;
  }
  return "opened";
}

async function expectWhole(volume: Volume): Promise<void> {
  const { data } = formulaArray(volume.dtype, volume.shape);
  if (volume.shape.length === 3) {
    return deepStrictEqual(await volume.read(wholeBox(volume)), data);
  }
  const voxels = data.length / volume.shape[0];
  for (let channel = 0; channel < volume.shape[0]; channel++) {
    const expected = data.slice(channel * voxels, (channel + 1) * voxels);
    deepStrictEqual(await volume.read(wholeBox(volume), channel), expected);
  }
}

Deno.test("openTensorStore() permutes the axes of a precomputed volume to (z, y, x)", async () => {
  const output = [...dimensions(2, 1, 0), { offset: 0 }];
  const tensorstore = precomputed("raw", { input_rank: 3, output }, { dtype: "uint8" });
  await using volume = await open({ tensorstore });
  deepStrictEqual(volume.shape, [10, 18, 20]);
  deepStrictEqual(volume.voxelSizeNm, [30, 8, 8]);
  await expectWhole(volume);
});

Deno.test("openTensorStore() puts the channel first, and keeps the order (x, y, z, channel) without a transform", async () => {
  await using volume = await open({
    tensorstore: precomputed("cseg64", { input_rank: 4, output: dimensions(3, 2, 1, 0) }),
  });
  deepStrictEqual(volume.shape, [1, 10, 18, 20]);
  await expectWhole(volume);
  await using plain = await open({ tensorstore: precomputed("cseg64") });
  deepStrictEqual(plain.shape, [20, 18, 10, 1]);
  const { data } = formulaArray("uint64", [10, 18, 20]);
  const column = await plain.read({ start: [17, 9, 0], size: [1, 1, 1] }, 19);
  strictEqual(column[0], data[(9 * 18 + 17) * 20 + 19]);
});

Deno.test("openTensorStore() takes bounds and offsets, so that boxes count from 0", async () => {
  const output = [
    { input_dimension: 2, offset: 100 },
    { input_dimension: 1, offset: -20 },
    { input_dimension: 0, offset: 3 },
    { offset: 1 },
  ];
  const begin = [0, 0, 0];
  const whole = precomputed("raw_channels", { output, input_inclusive_min: begin });
  await using volume = await open({ tensorstore: whole });
  deepStrictEqual(volume.shape, [5, 6, 7]);
  const all = formulaArray("float32", [2, 5, 6, 7]).data.slice(5 * 6 * 7);
  deepStrictEqual(await volume.read(wholeBox(volume)), all);
  const part = precomputed("raw_channels", { output, input_shape: [2, 6, 3] });
  await using cut = await open({ tensorstore: part });
  deepStrictEqual(cut.shape, [2, 6, 3]);
  deepStrictEqual(
    await cut.read(wholeBox(cut)),
    await volume.read({ start: [0, 0, 0], size: [2, 6, 3] }),
  );
  // Without the offsets the domain begins where the volume lies; the message gives what to write.
  const message = await refusal(
    precomputed("raw_channels", { output: [...dimensions(2, 1, 0), { offset: 1 }] }),
  );
  match(message, /^UnsupportedError: .*a domain that begins at \[3, -20, 100\] is not supported/);
  const transform = JSON.parse(/"transform": (.*)$/.exec(message)![1]);
  await using again = await open({ tensorstore: precomputed("raw_channels", transform) });
  deepStrictEqual(await again.read(wholeBox(again)), all);
});

Deno.test("openTensorStore() opens Zarr 2 and 3 by path and by URL", async () => {
  const kvstore = { driver: "file", path: `${CHUNKED}/` };
  for (const [driver, path] of [["zarr", "v2_gzip.zarr/"], ["zarr3", "v3_sharded.zarr"]]) {
    await using volume = await open({ tensorstore: JSON.stringify({ driver, kvstore, path }) });
    await expectWhole(volume);
    const url = JSON.stringify({ driver, kvstore: `file://${CHUNKED}/${path}` });
    await using same = await open({ tensorstore: url });
    await expectWhole(same);
  }
});

Deno.test("openTensorStore() says of what it does not support what works", async () => {
  const kvstore = { driver: "file", path: CHUNKED };
  const cases: [spec: unknown, expected: RegExp][] = [
    [
      {},
      /^UnsupportedError: .*tensorstore "\{\}": driver none is not supported, there are a driver of/,
    ],
    [{ driver: "n5", kvstore }, /^UnsupportedError: .*driver "n5" is not/],
    [{ driver: "zarr", kvstore: { driver: "memory" } }, /kvstore \{"driver":"memory"\} is not/],
    [{ driver: "zarr", kvstore, schema: {} }, /schema \{\} is not supported/],
    [{ driver: "zarr3", kvstore, path: "v2_gzip.zarr" }, /write driver "zarr"$/],
    [{ driver: "zarr3", kvstore, path: "ome.zarr" }, /add the array's path, "0"$/],
    [{ driver: "zarr", kvstore, path: "none" }, /^NotFoundError: /],
    [
      { driver: "zarr", kvstore, path: "v2_gzip.zarr", dtype: "uint8" },
      /the stored type is "uint16"/,
    ],
  ];
  for (const [spec, expected] of cases) match(await refusal(JSON.stringify(spec)), expected);
  const transforms: [transform: unknown, expected: RegExp][] = [
    [
      { output: [{ input_dimension: 0, stride: 2 }] },
      /transform output \{"input_dimension":0,"stride":2\}/,
    ],
    [{ input_rank: 1, output: [{ index_array: [1] }] }, /transform output \{"index_array":\[1\]\}/],
    [{ output: dimensions(0, 0, 1, 2) }, /transform output \{"input_dimension":0\} is not/],
    [{ input_rank: 3, output: dimensions(2, 1, 0) }, /the array has 4 dimensions/],
    [
      { input_rank: 3, output: [...dimensions(2, 1, 0), { offset: 1 }] },
      /^RangeError: .*current index is 1$/,
    ],
    [
      { input_exclusive_max: [11, 18, 20], output: [...dimensions(2, 1, 0), { offset: 0 }] },
      /^RangeError: .*dimension 2 goes from 0 to 9, current index is 10$/,
    ],
    [
      { input_rank: 2, output: [...dimensions(1, 0), { offset: 0 }, { offset: 0 }] },
      /^RangeError: .*a volume has 3 dimensions/,
    ],
  ];
  for (const [transform, expected] of transforms) {
    match(await refusal(precomputed("raw", transform)), expected);
  }
  match(
    await refusal("{"),
    /^SyntaxError: Cannot open a volume by tensorstore "\{": it is no JSON/,
  );
  match(
    await refusal(precomputed("raw", undefined, { scale_index: 1 })),
    /no scale 1, the volume has 1$/,
  );
  await rejects(open({ tensorstore: "[]" }), { name: "UnsupportedError" });
});

Deno.test("parseTensorStoreSpec() knows where key-value stores are", () => {
  const cases: [kvstore: unknown, location: string][] = [
    [{ driver: "http", base_url: "https://host/a/", path: "/b/" }, "https://host/a/b/c"],
    [{ driver: "gcs", bucket: "b", path: "em" }, "https://storage.googleapis.com/b/em/c"],
    [{ driver: "s3", bucket: "b", path: "em" }, "https://b.s3.amazonaws.com/em/c"],
    ["gs://b/em", "https://storage.googleapis.com/b/em/c"],
    ["http://host:80/em", "http://host:80/em/c"],
    ["file:///data/em/", "/data/em/c"],
  ];
  for (const [kvstore, location] of cases) {
    const spec = parseTensorStoreSpec(JSON.stringify({ driver: "zarr", kvstore, path: "c/" }));
    strictEqual(spec.location, location);
  }
});
