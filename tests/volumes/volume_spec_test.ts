import { deepStrictEqual, throws } from "node:assert/strict";
import { parseVolumeSpec } from "../../engine/volumes/volume_spec.ts";

Deno.test("parseVolumeSpec() cuts path, dataset and slice", () => {
  const cases: [string, unknown][] = [
    ["a.h5:raw", { path: "a.h5", dataset: "raw", slice: [] }],
    ["/d/a.npy", { path: "/d/a.npy", dataset: undefined, slice: [] }],
    ["a.h5:g/raw@xyz", { path: "a.h5", dataset: "g/raw", slice: [] }],
    ["a.h5:raw:more", { path: "a.h5", dataset: "raw", slice: [] }],
    ["a.npz[0]", { path: "a.npz", dataset: undefined, slice: [0] }],
    ["a.npy[1:2,:]", {
      path: "a.npy",
      dataset: undefined,
      slice: [{ start: 1, stop: 2, step: undefined }, {
        start: undefined,
        stop: undefined,
        step: undefined,
      }],
    }],
    ["a.h5:raw@zyx[-1, ::-2]", {
      path: "a.h5",
      dataset: "raw",
      slice: [-1, { start: undefined, stop: undefined, step: -2 }],
    }],
  ];
  for (const [text, expected] of cases) deepStrictEqual(parseVolumeSpec(text), expected, text);
});

Deno.test("parseVolumeSpec() puts the home folder for ~", () => {
  const home = Deno.env.get("HOME");
  deepStrictEqual(parseVolumeSpec("~/a.npy").path, `${home}/a.npy`);
  deepStrictEqual(parseVolumeSpec("~a.npy").path, "~a.npy");
});

Deno.test("parseVolumeSpec() refuses what is no volume", () => {
  for (
    const text of [
      "",
      ":raw",
      "[1]",
      "a.h5:",
      "a[1",
      "a[]",
      "a[x]",
      "a[1:2:3:4]",
      "a[::0]",
      "a[1.5]",
      "a[0]b",
    ]
  ) {
    throws(() => parseVolumeSpec(text), {
      name: "SyntaxError",
      message: /^Cannot open ".*": expected .*; write path:dataset or path:dataset\[z,y,x\]$/,
    }, text);
  }
});

Deno.test("parseVolumeSpec() knows addresses, buckets and stated formats", () => {
  const at = (path: string, more = {}) => ({ path, dataset: undefined, slice: [], ...more });
  deepStrictEqual(
    [
      "https://host:8080/a/em.zarr:0[5]",
      "precomputed://gs://bucket/seg",
      "zarr3://s3://bucket/em.zarr",
      "zarr://folder:a/b",
      "http://host/em?token=7",
    ].map(parseVolumeSpec),
    [
      at("https://host:8080/a/em.zarr", { dataset: "0", slice: [5] }),
      at("https://storage.googleapis.com/bucket/seg", { format: "precomputed" }),
      at("https://bucket.s3.amazonaws.com/em.zarr", { format: "zarr" }),
      at("folder", { format: "zarr", dataset: "a/b" }),
      at("http://host/em?token=7"),
    ],
  );
});

Deno.test("parseVolumeSpec() gives the recorded parts of datspecs (T14)", () => {
  const range = (start?: number, stop?: number, step?: number) => ({ start, stop, step });
  const cases: [string, unknown][] = [
    ["a/b.h5:raw", { path: "a/b.h5", dataset: "raw", slice: [] }],
    ["b.npy[1:3,::2]", {
      ...{ path: "b.npy", dataset: undefined },
      slice: [range(1, 3), range(undefined, undefined, 2)],
    }],
    ["b.npz:seg[10,14:20,::-1]", {
      ...{ path: "b.npz", dataset: "seg" },
      slice: [10, range(14, 20), range(undefined, undefined, -1)],
    }],
    ["dir:png", { path: "dir", dataset: "png", slice: [] }],
    ["b.h5:raw[1]@xyz", { path: "b.h5", dataset: "raw", slice: [1] }],
    ["b.npy@xyz", { path: "b.npy@xyz", dataset: undefined, slice: [] }],
  ];
  for (const [text, expected] of cases) deepStrictEqual(parseVolumeSpec(text), expected, text);
});
