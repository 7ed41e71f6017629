/**
 * TensorFlow restores a checkpoint that was trained here, Adam's states included, computes the same logits, and its next
 * training step gives the same loss as ours. Needs python3; downloads TensorFlow on the first run.
 */
import { join } from "node:path";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { decodeNpy } from "../../engine/formats/npy.ts";
import { encodeNpz } from "../../engine/formats/npz.ts";
import { initialVariables } from "../../engine/training/initial_variables.ts";
import { DEFAULT_OPTIMIZER } from "../../engine/training/optimizer.ts";
import { Random } from "../../engine/training/random.ts";
import { TrainingStep } from "../../engine/training/training_step.ts";
import { writeCheckpoint } from "../../engine/volumes/checkpoint_file.ts";
import { pythonWith, run as runProgram } from "../support/python.ts";
import { smallModel } from "../support/small_networks.ts";
import type { AcceptanceContext } from "./program.ts";

export const description = "TensorFlow restores a checkpoint trained here and goes on from it";

const [DEPTH, FEATURES, EDGE, BATCH, RATE] = [3, 8, 11, 2, 0.002];
const SHAPE = [BATCH, EDGE, EDGE, EDGE];

export async function run({ folder, root, threads, check }: AcceptanceContext): Promise<void> {
  const model = smallModel([EDGE, EDGE, EDGE], [2, 2, 2], DEPTH, FEATURES);
  const random = new Random(6);
  const fill = (low: number, high: number) =>
    Float32Array.from({ length: BATCH * EDGE ** 3 }, () => low + (high - low) * random.uniform());
  const batch = {
    image: fill(-2, 2),
    seed: fill(-3, 3),
    labels: fill(0, 1).map((v) => v < 0.5 ? 0.05 : 0.95),
    weights: fill(0, 1),
  };
  await using backend = await openWasmBackend({ threads });
  await using training = await TrainingStep.open(
    ...[model, BATCH, { ...DEFAULT_OPTIMIZER, name: "adam", learningRate: RATE }] as const,
    ...[initialVariables(model, random), backend] as const,
  );
  for (let i = 0; i < 5; i++) await training.step(batch);
  const prefix = join(folder, `model.ckpt-${training.globalStep}`);
  await writeCheckpoint(prefix, await training.variables());
  const path = join(folder, "batch.npz");
  const members = Object.entries(batch).map(([name, data]) => ({
    name,
    value: { dtype: "float32" as const, shape: SHAPE, data },
  }));
  await Deno.writeFile(path, await encodeNpz(members));
  const own = (await training.step(batch)).logits.slice();
  const next = (await training.step(batch)).loss;

  const python = await pythonWith(["tensorflow==2.21.0", "numpy==2.1.3"]);
  const script = join(root, "tests/acceptance/tensorflow_restores.py");
  const args = [script, prefix, path, ...[DEPTH, FEATURES, RATE].map(String)];
  const report = JSON.parse((await runProgram(python, args)).trim().split("\n").at(-1)!);
  const theirs = decodeNpy(await Deno.readFile(`${path}.logits.npy`), path);
  if (theirs.kind !== "array") throw new TypeError(`Cannot compare "${theirs.kind}"`);
  const logits = theirs.array.data as Float32Array;
  const worst = own.reduce((m, v, i) => Math.max(m, Math.abs(v - logits[i])), 0);
  check("global_step", report.step, "5", report.step === 5);
  check("largest difference of logits", worst.toExponential(2), "<= 1e-4", worst <= 1e-4);
  const difference = Math.abs(report.next_loss - next);
  check("difference of the next loss", difference.toExponential(2), "<= 1e-5", difference <= 1e-5);
  // 14 variables with two states each, two powers and the step.
  check("variables restored", report.names.length, "45", report.names.length === 45);
}
