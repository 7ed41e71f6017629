/** The conv stack in many shapes: accuracy against float64, and speed. */
import { join } from "node:path";
import { openBackend } from "../../engine/backends/open_backend.ts";
import { openNetwork } from "../../engine/models/network.ts";
import { run as runProgram } from "../../tests/support/python.ts";
import { pythonFor } from "../launches.ts";
import type { BenchContext } from "../program.ts";
import { quantile } from "../statistics.ts";
import { readCase, readLogits, stackModel, type StackShape, writeCase } from "./conv_stack_case.ts";

export const description =
  "Depths, feature counts and fields of view: error against PyTorch in float64, and GFLOP/s";

const USUAL: StackShape = { fov: [33, 33, 33], depth: 12, features: 32 };

const SHAPES: readonly StackShape[] = [
  ...[9, 12, 20].map((depth) => ({ ...USUAL, depth })),
  ...[8, 16, 64].map((features) => ({ ...USUAL, features })),
  ...([[17, 17, 17], [49, 49, 49], [33, 33, 17]] as const).map((fov) => ({ ...USUAL, fov })),
];

/** Time for one shape; at least three predictions. */
const TIME_MS = 3000;

/** Entry of `deno task bench stack_shapes`. */
export async function run(context: BenchContext): Promise<unknown> {
  const { root, folder, threads, print } = context;
  const script = join(root, "bench/peers/pytorch_float64_logits.py");
  const python = await pythonFor(script);
  await using backend = await openBackend({ threads, kernelProcess: "auto" });
  print(backend.description);
  print(
    "fov xyz       depth features | ms per step  GFLOP/s | max error  rms error  rms / rms of logits",
  );
  const rows = [];
  for (const shape of SHAPES) {
    const [casePath, truthPath] = ["case.npz", "truth.npy"].map((name) => join(folder, name));
    await writeCase(casePath, shape);
    await runProgram(python, [script, casePath, truthPath], { cwd: root });
    const truth = await readLogits(truthPath);
    const model = stackModel(shape);
    const { image, seed, source } = await readCase(casePath, model);
    await using network = await openNetwork(model, source, backend, 1);
    const logits = new Float32Array(seed.length);
    await network.predict(image, seed, logits);
    const wallMs: number[] = [];
    for (let spentMs = 0; spentMs < TIME_MS || wallMs.length < 3; spentMs += wallMs.at(-1)!) {
      const started = performance.now();
      await network.predict(image, seed, logits);
      wallMs.push(performance.now() - started);
    }
    const calls = model.build(1).calls;
    const flops = calls.reduce((sum, call) => sum + call.op.work(call).flops, 0);
    const ms = quantile(wallMs, 0.5);
    const row = { ...shape, ms, gflops: flops / ms / 1e6, ...errorsOf(logits, truth) };
    rows.push(row);
    print(
      `${shape.fov.join("×").padEnd(14)}${String(shape.depth).padEnd(6)}${
        String(shape.features).padEnd(9)
      }| ${ms.toFixed(1).padStart(9)} ${row.gflops.toFixed(0).padStart(10)}   | ${
        row.maxError.toExponential(1)
      }    ${row.rmsError.toExponential(1)}    ${row.relativeRms.toExponential(1)}`,
    );
  }
  return { threads, backend: backend.description, rows };
}

function errorsOf(logits: Float32Array, truth: ArrayLike<number>) {
  let [maxError, squares, square] = [0, 0, 0];
  logits.forEach((value, i) => {
    const error = Math.abs(value - truth[i]);
    maxError = Math.max(maxError, error);
    squares += error ** 2;
    square += truth[i] ** 2;
  });
  const rmsError = Math.sqrt(squares / logits.length);
  return { maxError, rmsError, relativeRms: rmsError / Math.sqrt(square / logits.length) };
}
