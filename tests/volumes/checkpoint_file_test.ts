import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { createHash } from "node:crypto";
import { decodeBundleIndex } from "../../engine/formats/bundle_index.ts";
import type { NdArray } from "../../engine/formats/nd_array.ts";
import {
  checkpointOf,
  openCheckpoint,
  writeCheckpoint,
} from "../../engine/volumes/checkpoint_file.ts";
import { flakyServer } from "../support/flaky_server.ts";
import { FIB25, testWith } from "../support/resources.ts";
import { VARIABLES } from "../formats/fib25_variables.ts";

async function inTemporaryFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const step = (value: number): NdArray => ({
  dtype: "int32",
  shape: [],
  data: new Int32Array([value]),
});
const TENSORS = new Map<string, NdArray>([
  ["global_step", step(7)],
  ["weights", { dtype: "float32", shape: [2, 2], data: new Float32Array([1, 2, 3, 4]) }],
]);

async function contents(path: string): Promise<Map<string, NdArray>> {
  await using checkpoint = await openCheckpoint(path);
  const pairs = [...checkpoint.variables.keys()].map(async (name) =>
    [name, await checkpoint.read(name)] as const
  );
  return new Map(await Promise.all(pairs));
}

Deno.test("writeCheckpoint() and openCheckpoint() keep variables, by prefix, file or folder", () =>
  inTemporaryFolder(async (folder) => {
    await writeCheckpoint(`${folder}/run/model.ckpt-7`, TENSORS);
    const prefix = `${folder}/run/model.ckpt-7`;
    for (
      const path of [prefix, `${prefix}.index`, `${prefix}.data-00000-of-00001`, `${folder}/run`]
    ) {
      deepStrictEqual(await contents(path), TENSORS);
    }
    await using checkpoint = await openCheckpoint(`${folder}/run`);
    strictEqual(checkpoint.prefix, prefix);
    deepStrictEqual(checkpoint.variables.get("weights"), { dtype: "float32", shape: [2, 2] });
  }));

Deno.test("openCheckpoint() fetches from a web server, checkpointOf() takes files in memory", () =>
  inTemporaryFolder(async (folder) => {
    await writeCheckpoint(`${folder}/model.ckpt`, TENSORS);
    const names = ["model.ckpt.index", "model.ckpt.data-00000-of-00001"];
    const files = await Promise.all(names.map((name) => Deno.readFile(`${folder}/${name}`)));
    await using server = flakyServer(names.map((name, i) => [`/nets/${name}`, files[i]]));
    for (const name of ["model.ckpt", "model.ckpt.index", "model.ckpt?token=7"]) {
      deepStrictEqual(await contents(`${server.url}/nets/${name}`), TENSORS);
    }
    await rejects(openCheckpoint(`${server.url}/nets/other`), {
      name: "NotFoundError",
      message:
        `Cannot open checkpoint "${server.url}/nets/other": there is no "${server.url}/nets/other.index"`,
    });
    const [index, data] = files;
    for (const bytes of [data, new Blob([data])]) {
      await using checkpoint = checkpointOf("dropped", index, [bytes]);
      deepStrictEqual(await checkpoint.read("weights"), TENSORS.get("weights"));
    }
    throws(() => checkpointOf("dropped", index, []), {
      name: "RangeError",
      message:
        'Cannot open checkpoint "dropped": its index names 1 data files, current number is 0',
    });
    throws(() => checkpointOf("dropped", index, [data.subarray(0, 5)]), { name: "FormatError" });
  }));

Deno.test("writeCheckpoint() lists the checkpoints that exist in the state file, newest last", () =>
  inTemporaryFolder(async (folder) => {
    for (const n of [1, 2, 3]) {
      await writeCheckpoint(`${folder}/model.ckpt-${n}`, new Map([["global_step", step(n)]]));
    }
    await Deno.remove(`${folder}/model.ckpt-1.index`);
    await writeCheckpoint(`${folder}/model.ckpt-2`, new Map([["global_step", step(22)]]));
    strictEqual(
      await Deno.readTextFile(`${folder}/checkpoint`),
      'model_checkpoint_path: "model.ckpt-2"\n' +
        'all_model_checkpoint_paths: "model.ckpt-3"\n' +
        'all_model_checkpoint_paths: "model.ckpt-2"\n',
    );
    deepStrictEqual(await contents(folder), new Map([["global_step", step(22)]]));
  }));

Deno.test("writeCheckpoint() leaves the state file alone and touches .meta when asked to", () =>
  inTemporaryFolder(async (folder) => {
    await writeCheckpoint(`${folder}/m`, TENSORS, { updateState: false, touchMeta: true });
    const names = [...Deno.readDirSync(folder)].map((entry) => entry.name).sort();
    deepStrictEqual(names, ["m.data-00000-of-00001", "m.index", "m.meta"]);
  }));

Deno.test("openCheckpoint() follows a state file that was copied from elsewhere", () =>
  inTemporaryFolder(async (folder) => {
    await writeCheckpoint(`${folder}/model.ckpt-7`, TENSORS);
    await Deno.writeTextFile(
      `${folder}/checkpoint`,
      'model_checkpoint_path: "/nowhere/model.ckpt-7"\nlast_preserved_timestamp: 1.5\n',
    );
    deepStrictEqual(await contents(folder), TENSORS);
  }));

Deno.test("openCheckpoint() says what is missing and what there is", () =>
  inTemporaryFolder(async (folder) => {
    await rejects(openCheckpoint(`${folder}/a`), {
      name: "NotFoundError",
      message:
        `Cannot open checkpoint "${folder}/a": no file "${folder}/a.index", the folder has no checkpoints`,
    });
    await rejects(openCheckpoint(folder), {
      name: "NotFoundError",
      message: /no checkpoints in it$/,
    });
    await writeCheckpoint(`${folder}/m-1`, TENSORS, { updateState: false });
    await rejects(openCheckpoint(`${folder}/m-2`), {
      name: "NotFoundError",
      message: /the folder has "m-1"$/,
    });
    await rejects(openCheckpoint(folder), {
      name: "NotFoundError",
      message: /name one of ".*m-1"$/,
    });
    await using checkpoint = await openCheckpoint(`${folder}/m-1`);
    await rejects(checkpoint.read("biases"), {
      name: "NotFoundError",
      message: /variable "biases"/,
    });
    await Deno.remove(`${folder}/m-1.data-00000-of-00001`);
    await rejects(openCheckpoint(`${folder}/m-1`), {
      name: "NotFoundError",
      message: /data-00000-of-00001": no such file/,
    });
  }));

Deno.test("openCheckpoint() refuses a truncated data file before anything is read", () =>
  inTemporaryFolder(async (folder) => {
    await writeCheckpoint(`${folder}/m`, TENSORS);
    await Deno.truncate(`${folder}/m.data-00000-of-00001`, 19);
    await rejects(openCheckpoint(`${folder}/m`), {
      name: "FormatError",
      message: /variable "weights" of ".*": it ends at byte 20, the file has 19/,
    });
  }));

Deno.test("openCheckpoint() explains other kinds of saved models", () =>
  inTemporaryFolder(async (folder) => {
    const cases: [string, RegExp][] = [
      ["saved_model.pb", /it is a TensorFlow SavedModel, only TensorFlow V2 checkpoints/],
      ["_CHECKPOINT_METADATA", /it is a JAX checkpoint \(Orbax\), only/],
    ];
    for (const [file, message] of cases) {
      await Deno.mkdir(`${folder}/${file}.d`);
      await Deno.writeTextFile(`${folder}/${file}.d/${file}`, "");
      await rejects(openCheckpoint(`${folder}/${file}.d`), { name: "UnsupportedError", message });
    }
    await Deno.writeTextFile(`${folder}/v1.ckpt`, "");
    await rejects(openCheckpoint(`${folder}/v1.ckpt`), {
      name: "UnsupportedError",
      message: /V1 checkpoint/,
    });
  }));

testWith(
  "shared",
  "openCheckpoint() reads every variable of the FIB-25 network (spec/formats.md 4.7)",
  async () => {
    await using checkpoint = await openCheckpoint(`${FIB25}/model/model.ckpt-27465036`);
    const index = decodeBundleIndex(await Deno.readFile(`${checkpoint.prefix}.index`), "index");
    const listed = [...index.entries].map(([name, entry]) =>
      [
        name,
        entry.type,
        `[${entry.shape.join(", ")}]`,
        entry.offset,
        entry.sizeBytes,
        entry.maskedCrc.toString(16).padStart(8, "0"),
      ].join(" ")
    );
    deepStrictEqual(listed, VARIABLES);
    const read = async (name: string) => Array.from((await checkpoint.read(name)).data, Number);
    for (const name of checkpoint.variables.keys()) await checkpoint.read(name); // checks every checksum
    deepStrictEqual(await read("global_step"), [27465036]);
    deepStrictEqual(await read("filter_coordinates_close_to_boundary/fraction"), [6614, 1872]);
    deepStrictEqual(await read("filter_out_bounds_coordinates/fraction"), [7072, 454]);
    deepStrictEqual(await read("filter_out_bounds_coordinates_1/fraction"), [6617, 0]);
    const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
    const near = (value: number, wanted: number, tolerance: number) =>
      ok(Math.abs(value - wanted) <= tolerance, `${value} is not ${wanted}`);
    const first = await read("seed_update/conv0_a/weights");
    [0.05263266, 0.05098049, -0.06883828, -0.05719496].forEach((v, i) => near(first[i], v, 5e-9));
    near(sum(first), -0.92790, 5e-6);
    near(Math.min(...first), -0.306636, 5e-7);
    near(Math.max(...first), 0.255942, 5e-7);
    const biases = await read("seed_update/conv0_a/biases");
    near(biases[0], 0.07144832, 5e-9);
    near(biases[1], -0.2463217, 5e-8);
    near(sum(biases), -1.3196676, 5e-7);
    const last = await read("seed_update/conv11_b/weights");
    near(last[0], 0.00533538, 5e-9);
    near(last[1], -0.00863559, 5e-9);
    near(sum(last), 5.90178, 5e-6);
    near((await read("seed_update/conv_lom/biases"))[0], 0.3146144, 5e-8);
    near(sum(await read("seed_update/conv_lom/weights")), -0.60296445, 5e-8);
  },
);

testWith(
  "shared",
  "writeCheckpoint() writes the FIB-25 network byte for byte as TensorFlow did",
  () =>
    inTemporaryFolder(async (folder) => {
      const tensors = await contents(`${FIB25}/model/model.ckpt-27465036`);
      await writeCheckpoint(`${folder}/m`, new Map([...tensors].reverse()));
      const sha256 = async (path: string) =>
        createHash("sha256").update(await Deno.readFile(path)).digest("hex");
      strictEqual(
        await sha256(`${folder}/m.index`),
        "6c7b66baa8dae766907f86ca068517fedcfdd85fb7e322d05cd2401ab7b252cc",
      );
      strictEqual(
        await sha256(`${folder}/m.data-00000-of-00001`),
        "a2910768255bbb1dc5be27a947e4107dd29ccd221646b676ec225981af5526f1",
      );
    }),
);

testWith("shared", "openCheckpoint() reads a checkpoint with Adam slots", async () => {
  const tensors = await contents(`${FIB25}/golden/train_small.ckpt-1`);
  ok(tensors.has("beta1_power") && tensors.has("seed_update/conv0_a/weights/Adam_1"));
});
