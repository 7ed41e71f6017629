/** ONNX Runtime gives the logits of our backend for networks of both kinds. Needs python3; downloads on the first run. */
import { join } from "node:path";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { exportCheckpoint } from "../../engine/commands/exchange_checkpoint.ts";
import { decodeNpy } from "../../engine/formats/npy.ts";
import { encodeNpz } from "../../engine/formats/npz.ts";
import type { NdArray } from "../../engine/formats/nd_array.ts";
import { openNetwork } from "../../engine/models/network.ts";
import { createModel } from "../../engine/models/registry.ts";
import { writeCheckpoint } from "../../engine/volumes/checkpoint_file.ts";
import { pythonWith, run as runProgram } from "../support/python.ts";
import { randomFloats, randomVariables } from "../support/small_networks.ts";
import type { AcceptanceContext } from "./program.ts";

export const description = "ONNX Runtime agrees with our networks, exported";

const EDGE = 9, BATCH = 2;
const MODELS = { "convstack_3d.ConvStack3DFFNModel": 3, "convstack.ResConvStack": 2 };

export async function run({ folder, root, threads, check }: AcceptanceContext): Promise<void> {
  const python = await pythonWith(["onnxruntime==1.32.0", "numpy==2.1.3"]);
  await using backend = await openWasmBackend({ threads });
  for (const [name, depth] of Object.entries(MODELS)) {
    const args = { depth, features: 8, fov_size: [EDGE, EDGE, EDGE], deltas: [2, 2, 2] };
    const model = createModel(name, args);
    const source = randomVariables(model, 4);
    const variables = new Map<string, NdArray>();
    for (const variable of model.variables) {
      variables.set(variable.name, await source.read(variable.name));
    }
    const prefix = join(folder, "model.ckpt-0");
    await writeCheckpoint(prefix, variables);
    const onnx = join(folder, "network.onnx");
    await exportCheckpoint({ checkpoint: prefix, output: onnx, all: false });
    const count = BATCH * EDGE ** 3;
    const [image, seed] = [randomFloats(count, 1), randomFloats(count, 2)];
    const shape = [BATCH, EDGE, EDGE, EDGE];
    const members = Object.entries({ image, seed }).map(([key, data]) => ({
      name: key,
      value: { dtype: "float32" as const, shape, data },
    }));
    const path = join(folder, "batch.npz");
    await Deno.writeFile(path, await encodeNpz(members));
    await runProgram(python, [join(root, "tests/acceptance/onnx_agrees.py"), onnx, path]);
    const file = decodeNpy(await Deno.readFile(`${path}.logits.npy`), path);
    if (file.kind !== "array") throw new TypeError(`Cannot compare "${file.kind}"`);
    const theirs = file.array.data as Float32Array;
    await using network = await openNetwork(model, source, backend, BATCH);
    const own = new Float32Array(count);
    await network.predict(image, seed, own);
    const worst = own.reduce((m, v, i) => Math.max(m, Math.abs(v - theirs[i])), 0);
    check(
      `${name}: largest difference of logits`,
      worst.toExponential(2),
      "<= 1e-4",
      worst <= 1e-4,
    );
  }
}
