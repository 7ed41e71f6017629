/**
 * What a person can get wrong: every case ends in one line that names the value, with exit code 2 for a command line
 * that makes no sense and 1 otherwise, and leaves nothing behind.
 */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { encodeNpz } from "../../engine/formats/npz.ts";
import { createHdf5 } from "../../engine/volumes/hdf5_writer.ts";
import { ffn } from "../support/cli.ts";
import { type RequestFields, type TinyRun, tinyRun } from "../support/tiny_run.ts";
import { tinyNetworkFields } from "../support/tiny_network.ts";

const HERE = ["--threads", "1", "--kernel-process", "off", "--backend", "wasm"];

interface Case {
  /** What is wrong. */
  readonly name: string;
  /** Of the request, which is given as a text. */
  readonly fields?: (run: TinyRun) => RequestFields;
  /** Instead of a request that is given as a text. */
  readonly args?: (run: TinyRun) => string[];
  /** Damages files. */
  readonly prepare?: (run: TinyRun) => Promise<void>;
  readonly code: 1 | 2;
  /** All must occur in the line. */
  readonly says: readonly RegExp[];
}

const hdf5 = (path: string) => `image { hdf5: ${JSON.stringify(path)} }`;
const network = (args: Record<string, unknown>) => (run: TinyRun) => ({
  model: tinyNetworkFields(run.of("network", "model.ckpt-1"), args),
});
const box = (text: string) => (run: TinyRun) => [
  "--inference-request",
  run.request(),
  "--bounding-box",
  text,
];

async function truncate(path: string, share = 0.5): Promise<void> {
  await Deno.truncate(path, Math.floor(share * (await Deno.stat(path)).size));
}

/** Changes one byte in the middle. */
async function corrupt(path: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  bytes[bytes.length >> 1] ^= 0x40;
  await Deno.writeFile(path, bytes);
}

const USAGE: readonly Case[] = [
  { name: "no request", args: () => [], code: 2, says: [/--request FILE\.pbtxt/] },
  {
    name: "two requests",
    args: (run) => ["--request", "a.pbtxt", "--inference-request", run.request()],
    code: 2,
    says: [/exactly one request/],
  },
  {
    name: "an unknown flag",
    args: (run) => ["--inference_reqest", run.request()],
    code: 2,
    says: [/unknown option "--inference_reqest"/, /did you mean --inference-request/],
  },
  {
    name: "a text that is no request",
    args: () => ["--inference_request", "image { hdf5: 3 }"],
    code: 2,
    says: [/line 1, column \d+/],
  },
  {
    name: "an unknown field",
    args: (run) => ["--inference_request", `${run.request()} imagemean: 3`],
    code: 2,
    says: [/no field "imagemean"/, /did you mean "image_mean"/],
  },
  { name: "a text that is no box", args: box("start { x: }"), code: 2, says: [/--bounding-box/] },
  {
    name: "a box without a size",
    args: box("start { x: 3 }"),
    code: 2,
    says: [/at least 1/, /is 0/],
  },
  {
    name: "no threads",
    args: (run) => ["--inference-request", run.request(), "--threads", "0"],
    code: 2,
    says: [/--threads "0"/, /at least 1/],
  },
];

const VALUES: readonly Case[] = [
  {
    name: "a missing request file",
    args: (run) => ["--request", run.of("gone.pbtxt")],
    code: 1,
    says: [/gone\.pbtxt": no such file/],
  },
  {
    name: "a request file that is cut off",
    prepare: (run) => Deno.writeTextFile(run.of("cut.pbtxt"), "image_mean: 128\nimage {"),
    args: (run) => ["--request", run.of("cut.pbtxt")],
    code: 1,
    says: [/cut\.pbtxt" at line 2/, /expected "}"/],
  },
  {
    name: "a missing image file",
    fields: (run) => ({ image: hdf5(`${run.of("gone.h5")}:raw`) }),
    code: 1,
    says: [/gone\.h5/, /no such file/],
  },
  {
    name: "an image without a dataset",
    fields: (run) => ({ image: hdf5(run.of("em.npz")) }),
    code: 1,
    says: [/file:dataset/],
  },
  {
    name: "a missing dataset",
    prepare: async (run) => {
      const path = run.of("em.h5");
      const made = { dataset: "stack", shape: [8, 8, 8], dtype: "uint8" } as const;
      await (await createHdf5(path, made)).commit();
    },
    fields: (run) => ({ image: hdf5(`${run.of("em.h5")}:stak`) }),
    code: 1,
    says: [/no dataset "stak"/, /"stack"/],
  },
  {
    name: "an image of two dimensions",
    prepare: (run) => writeNpz(run, "flat.npz", [4, 6]),
    fields: (run) => ({ image: hdf5(`${run.of("flat.npz")}:raw`) }),
    code: 1,
    says: [/flat\.npz/, /\(?4, 6\)?/],
  },
  {
    name: "an image that is text",
    prepare: async (run) => {
      const bytes = await encodeNpz([{ name: "raw", value: { text: "no numbers" } }]);
      await Deno.writeFile(run.of("text.npz"), bytes);
    },
    fields: (run) => ({ image: hdf5(`${run.of("text.npz")}:raw`) }),
    code: 1,
    says: [/text\.npz/, /numbers/],
  },
  { name: "a wrong depth", fields: network({ depth: 3 }), code: 1, says: [/depth 3/, /depth 2/] },
  {
    name: "wrong features",
    fields: network({ features: 8 }),
    code: 1,
    says: [/features 8/, /features 2/],
  },
  {
    name: "a delta over half the field of view",
    fields: network({ deltas: [2, 3, 2] }),
    code: 1,
    says: [/delta/, /3/],
  },
  {
    name: "deltas that are all 0",
    fields: network({ deltas: [0, 0, 0] }),
    code: 1,
    says: [/delta/],
  },
  {
    name: "an unknown model",
    fields: (run) => {
      const model = tinyNetworkFields(run.of("network", "model.ckpt-1"));
      return { model: model.replace("ConvStack3D", "ConvStak3D") };
    },
    code: 1,
    says: [/ConvStak3D/, /ConvStack3D/],
  },
  {
    name: "an unknown seed policy",
    fields: () => ({ seeds: 'seed_policy: "PolicyPeeks"' }),
    code: 1,
    says: [/PolicyPeeks/, /PolicyPeaks/],
  },
  {
    name: "a standard deviation of 0",
    fields: () => ({ scale: "image_mean: 128 image_stddev: 0" }),
    code: 1,
    says: [/image_stddev/, /above 0/, /current is 0/],
  },
  {
    name: "a probability of 1",
    fields: () => ({ options: "inference_options { init_activation: 1 }" }),
    code: 1,
    says: [/init_activation/, /between 0 and 1/],
  },
  {
    name: "a mask whose volume is missing",
    fields: (run) => ({
      more: `masks { volume { mask { hdf5: "${run.of("gone.h5")}:m" } channels { channel: 0 } } }`,
    }),
    code: 1,
    says: [/gone\.h5/],
  },
  {
    name: "a mask expression outside the grammar",
    fields: () => ({ more: `masks { coordinate_expression { expression: "import os" } }` }),
    code: 1,
    says: [/import os/],
  },
  {
    name: "a box that misses the image",
    args: box("start { x: 32 } size { x: 8 y: 8 z: 8 }"),
    code: 1,
    says: [/\(0, 0, 32\)/, /\(24, 24, 32\)/],
  },
];

const DAMAGE: readonly Case[] = [
  {
    name: "a missing checkpoint",
    fields: (run) => ({ model: tinyNetworkFields(run.of("network", "model.ckpt-2")) }),
    code: 1,
    says: [/model\.ckpt-2/, /model\.ckpt-1/],
  },
  {
    name: "a truncated checkpoint index",
    prepare: (run) => truncate(run.of("network", "model.ckpt-1.index")),
    code: 1,
    says: [/model\.ckpt-1\.index/],
  },
  {
    name: "truncated checkpoint data",
    prepare: (run) => truncate(run.of("network", "model.ckpt-1.data-00000-of-00001")),
    code: 1,
    says: [/model\.ckpt-1\.data/],
  },
  {
    name: "corrupted checkpoint data",
    prepare: (run) => corrupt(run.of("network", "model.ckpt-1.data-00000-of-00001")),
    code: 1,
    says: [/model\.ckpt-1\.data/, /checksum|crc/i],
  },
  {
    name: "a truncated npz image",
    prepare: (run) => truncate(run.of("em.npz")),
    code: 1,
    says: [/em\.npz/],
  },
  {
    name: "a corrupted npz image",
    prepare: (run) => corrupt(run.of("em.npz")),
    code: 1,
    says: [/em\.npz/],
  },
  {
    name: "a file that is no HDF5",
    prepare: (run) => Deno.writeTextFile(run.of("em.h5"), "not HDF5 at all"),
    fields: (run) => ({ image: hdf5(`${run.of("em.h5")}:raw`) }),
    code: 1,
    says: [/em\.h5/, /not an HDF5 file/],
  },
];

async function writeNpz(run: TinyRun, name: string, shape: number[]): Promise<void> {
  const data = new Uint8Array(shape.reduce((a, b) => a * b));
  const bytes = await encodeNpz([{ name: "raw", value: { dtype: "uint8", shape, data } }]);
  await Deno.writeFile(run.of(name), bytes);
}

for (const { name, args, fields, prepare, code, says } of [...USAGE, ...VALUES, ...DAMAGE]) {
  Deno.test(`ffn run-inference refuses ${name}`, async () => {
    await using run = await tinyRun();
    await prepare?.(run);
    const given = args?.(run) ?? ["--inference-request", run.request(fields?.(run))];
    const before = await listing(run.path);
    const result = await ffn("run-inference", ...HERE, ...given);
    for (const part of says) match(result.stderr, part);
    ok(/^ffn run-inference: Cannot [^\n]*[^\n.]\n$/.test(result.stderr), result.stderr);
    strictEqual(result.code, code);
    strictEqual(result.stdout, "");
    deepStrictEqual(await listing(run.path), before);
  });
}

Deno.test("ffn run-inference refuses the output folder of another request", async () => {
  await using run = await tinyRun();
  const args = (fields: RequestFields) => [...HERE, "--inference-request", run.request(fields)];
  strictEqual((await ffn("run-inference", ...args({}))).code, 0);
  const before = await listing(run.path);
  const other = await ffn("run-inference", ...args({ scale: "image_mean: 120 image_stddev: 32" }));
  strictEqual(other.code, 1);
  match(other.stderr, /Cannot write to ".*results": it belongs to another request/);
  match(other.stderr, /choose another segmentation_output_dir/);
  deepStrictEqual(await listing(run.path), before);
});

/** Paths, sizes and times of change below a folder. */
async function listing(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    const { size, mtime } = await Deno.stat(path);
    found.push(`${path} ${isDirectory ? "" : size} ${mtime?.getTime()}`);
    if (isDirectory) found.push(...await listing(path));
  }
  return found.sort();
}
