/** What a checkpoint of SECGAN holds: names of section 10.2 of the spec, and every bit of the networks. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { openWasmBackend } from "../../../engine/backends/wasm/wasm_backend.ts";
import type { SecganModel } from "../../../engine/models/secgan/secgan.ts";
import { loadCheckpoint } from "../../../engine/training/checkpoint_store.ts";
import { DEFAULT_OPTIMIZER } from "../../../engine/training/optimizer.ts";
import { SecganStep } from "../../../engine/training/secgan/secgan_step.ts";
import { writeCheckpoint } from "../../../engine/volumes/checkpoint_file.ts";
import {
  filledBatch,
  filledSegmenter,
  openFilledStep,
  SMALL_SECGAN,
  stepOptions,
} from "../../support/secgan_run.ts";
import { temporaryFolder } from "../../support/temporary_folder.ts";

const MODEL: SecganModel = {
  ...SMALL_SECGAN,
  generator: { ...SMALL_SECGAN.generator, norm: "instance" },
};

/** From the spec, not from the code. */
function namesOf(slots: readonly string[]): string[] {
  const both = (scopes: readonly string[], leaves: readonly string[]) =>
    scopes.flatMap((scope) => leaves.map((leaf) => `${scope}/${leaf}`));
  const convolved = ["weights", "biases"], normed = ["gamma", "beta"];
  const blocks = ["0_a", "0_b", "1_a", "1_b"];
  const generators = both(["generator_G", "generator_F"], [
    ...both(blocks.map((block) => `conv${block}`), convolved),
    ...both(blocks.map((block) => `norm${block}`), normed),
    ...both(["gen_output"], convolved),
  ]);
  const judges = ["discriminator_D_u", "discriminator_D_l", "discriminator_D_s"];
  const discriminators = both(judges, [
    ...both(["conv0", "probs/fully_connected"], convolved),
    ...both(["norm0"], normed),
  ]);
  const weights = [...generators, ...discriminators];
  return [...weights, ...both(weights, slots)];
}

Deno.test("SecganStep.variables() have the spec's names and those of the optimizers, and no others", async () => {
  const powers = ["beta1_power", "beta2_power"]
    .flatMap((name) => ["", "_1", "_2", "_3"].map((end) => name + end));
  const wanted = {
    sgd: namesOf([]),
    momentum: namesOf(["Momentum"]),
    adagrad: namesOf(["Adagrad"]),
    adam: [...namesOf(["Adam", "Adam_1"]), ...powers],
    rmsprop: namesOf(["RMSProp", "RMSProp_1"]),
  };
  await using backend = await openWasmBackend({ threads: 2 });
  for (const [name, names] of Object.entries(wanted)) {
    const optimizer = { ...DEFAULT_OPTIMIZER, clip: Infinity, name: name as "sgd" };
    await using step = openFilledStep(MODEL, backend, { optimizer });
    deepStrictEqual([...(await step.variables()).keys()].sort(), names.sort(), name);
  }
});

Deno.test("SecganStep.open() goes on from a checkpoint to the bit", async () => {
  await using folder = await temporaryFolder();
  await using backend = await openWasmBackend({ threads: 2 });
  const options = { optimizer: { ...DEFAULT_OPTIMIZER, name: "adam", clip: Infinity } as const };
  const batch = filledBatch(MODEL, 2);
  await using first = openFilledStep(MODEL, backend, options);
  await first.gradients(batch);
  await first.update();
  const saved = await first.variables();
  await writeCheckpoint(folder.of("model.ckpt-4"), saved);
  const { variables } = await loadCheckpoint(folder.of("model.ckpt-4"));
  strictEqual(variables.size, saved.size);
  for (const [name, { data }] of saved) deepStrictEqual(variables.get(name)!.data, data, name);
  const frozen = filledSegmenter(MODEL);
  await using later = SecganStep.open(stepOptions(MODEL, options), variables, frozen, backend);
  for (const step of [first, later]) {
    await step.gradients(batch);
    await step.update();
  }
  deepStrictEqual(await later.variables(), await first.variables());
});
