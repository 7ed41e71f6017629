import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert/strict";
import { openWasmBackend } from "../../../engine/backends/wasm/wasm_backend.ts";
import type { NdArray } from "../../../engine/formats/nd_array.ts";
import { loadNetwork } from "../../../engine/models/load_network.ts";
import { createModel } from "../../../engine/models/registry.ts";
import { writeCheckpoint } from "../../../engine/volumes/checkpoint_file.ts";
import { randomFloats, randomVariables, smallModel } from "../../support/small_networks.ts";
import { type TemporaryFolder, temporaryFolder } from "../../support/temporary_folder.ts";

const ARGS = { depth: 3, features: 4, fov_size: [7, 7, 7], deltas: [2, 2, 2] };

async function arraysOf(seed: number): Promise<Map<string, NdArray>> {
  const model = smallModel([7, 7, 7], [2, 2, 2], 3, 4);
  const { read } = randomVariables(model, seed);
  return new Map(
    await Promise.all(model.variables.map(async ({ name }) => [name, await read(name)] as const)),
  );
}

/** Writes the variables that `rename` has a name for. */
async function write(
  path: string,
  arrays: ReadonlyMap<string, NdArray>,
  rename: (name: string) => string | null,
): Promise<string> {
  const renamed = [...arrays].flatMap(([name, array]) => {
    const to = rename(name);
    return to === null ? [] : [[to, array] as const];
  });
  await writeCheckpoint(path, new Map(renamed));
  return path;
}

async function predict(
  modelName: string,
  modelArgs: Record<string, unknown>,
  checkpointPrefix: string,
  image = randomFloats(343, 5),
): Promise<Float32Array> {
  await using backend = await openWasmBackend({ threads: 1 });
  const request = { modelName, modelArgs, checkpointPrefix, backend, batchSize: 1 };
  await using network = await loadNetwork(request);
  const logits = new Float32Array(343);
  await network.predict(image, randomFloats(343, 6), logits);
  return logits;
}

const isModule = (name: string, below: number) =>
  Number(/conv(\d+)_/.exec(name)?.[1] ?? 99) < below;

async function withCheckpoints(): Promise<TemporaryFolder> {
  const folder = await temporaryFolder();
  const [own, other] = [await arraysOf(1), await arraysOf(2)];
  await write(folder.of("ffn"), own, (name) => name);
  const encoder = (name: string) =>
    isModule(name, 2) ? name.replace("seed_update", "encoder") : null;
  await write(folder.of("encoder"), other, encoder);
  const mixed = new Map([...own].map(([name, array]) => [
    name,
    isModule(name, 2) ? other.get(name)! : array,
  ]));
  await write(folder.of("mixed"), mixed, (name) => name);
  return folder;
}

Deno.test("secgan.SwappedEncoderFFNModel is the network with the encoder's first modules", async () => {
  await using folder = await withCheckpoints();
  const args = { ...ARGS, layer: 2, encoder_ckpt: folder.of("encoder") };
  const swapped = await predict("secgan.SwappedEncoderFFNModel", args, folder.of("ffn"));
  const mixed = await predict("convstack_3d.ConvStack3DFFNModel", ARGS, folder.of("mixed"));
  const plain = await predict("convstack_3d.ConvStack3DFFNModel", ARGS, folder.of("ffn"));
  deepStrictEqual(swapped, mixed);
  ok(swapped.some((v, i) => Math.abs(v - plain[i]) > 0.01));
  await rejects(
    predict("secgan.SwappedEncoderFFNModel", { ...args, layer: 3 }, folder.of("ffn")),
    /encoder".* has no variable "encoder\/conv2_a\/weights"/,
  );
});

Deno.test("secgan.EncoderDecoderFFNModel segments what the decoder makes of the encoded image", async () => {
  await using folder = await withCheckpoints();
  const { variables } = createModel("secgan.EncoderDecoderFFNModel", {
    ...{ ...ARGS, layer: 1, decoder_ckpt: "later" },
  });
  const decoder = variables.filter(({ name }) => name.startsWith("decoder/"));
  deepStrictEqual(decoder.map(({ name, shape }) => [name.slice(8), shape.join()]), [
    ["conv0_a/weights", "3,3,3,4,4"],
    ["conv0_a/biases", "4"],
    ["conv0_b/weights", "3,3,3,4,4"],
    ["conv0_b/biases", "4"],
    ["conv_decoding/weights", "1,1,1,4,1"],
    ["conv_decoding/biases", "1"],
  ]);
  // A decoder that always gives 0.25 lets the network see that image.
  const arrays = new Map(decoder.map(({ name, shape }) => {
    const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
    if (name === "decoder/conv_decoding/biases") data[0] = 0.25;
    return [name, { dtype: "float32", shape, data } as const];
  }));
  await writeCheckpoint(folder.of("decoder"), arrays);
  const args = { ...ARGS, layer: 1, decoder_ckpt: folder.of("decoder") };
  const logits = await predict("secgan.EncoderDecoderFFNModel", args, folder.of("ffn"));
  const grey = new Float32Array(343).fill(0.25);
  const wanted = await predict(
    "convstack_3d.ConvStack3DFFNModel",
    ARGS,
    folder.of("ffn"),
    grey,
  );
  strictEqual(logits.every((v, i) => Math.abs(v - wanted[i]) < 1e-5), true);
});

Deno.test("secgan models name the argument that is missing or too large", () => {
  throws(
    () => createModel("secgan.SwappedEncoderFFNModel", ARGS),
    /"encoder_ckpt" must be a text, it is missing/,
  );
  throws(
    () => createModel("secgan.EncoderDecoderFFNModel", { ...ARGS, decoder_ckpt: "a", layer: 4 }),
    /layer must be at most the depth 3, current value is 4/,
  );
});
