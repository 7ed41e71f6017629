/** Iterations of small networks on the CPU: gradients, recomputation, parts of a batch, updates. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { openWasmBackend } from "../../../engine/backends/wasm/wasm_backend.ts";
import type { NdArray } from "../../../engine/formats/nd_array.ts";
import { appendDiscriminator } from "../../../engine/models/secgan/discriminator.ts";
import { appendGenerator } from "../../../engine/models/secgan/generator.ts";
import { LayerScope, NetworkGraph } from "../../../engine/models/secgan/layers.ts";
import { SCOPES, type SecganModel } from "../../../engine/models/secgan/secgan.ts";
import { appendSegmenter } from "../../../engine/models/secgan/segmenter.ts";
import { appendAdd } from "../../../engine/ops/binary.ts";
import { appendCrop } from "../../../engine/ops/crop.ts";
import { appendGradients } from "../../../engine/ops/gradients.ts";
import { GraphBuilder } from "../../../engine/ops/graph.ts";
import { appendMeanError } from "../../../engine/ops/mean_error.ts";
import type { Value } from "../../../engine/ops/op.ts";
import { DEFAULT_LAMBDAS as LAMBDAS } from "../../../engine/training/secgan/losses.ts";
import { DEFAULT_OPTIMIZER } from "../../../engine/training/optimizer.ts";
import {
  filledBatch,
  filledSegmenter,
  filledVariables,
  normOf,
  openFilledStep,
  SMALL_SECGAN as SMALL,
} from "../../support/secgan_run.ts";

/** Gradients of the two sums that the spec states, each by its own sweep. */
async function separateGradients(model: SecganModel): Promise<Map<string, Float32Array>> {
  const backend = await openWasmBackend({ threads: 2 });
  const variables = new Map([...filledVariables(model), ...filledSegmenter(model)]);
  const batch = filledBatch(model, 2);
  const found = new Map<string, Float32Array>();
  const { cycleSize, margin, fovSize } = model.geometry;
  for (const trained of ["F", "G"] as const) {
    const builder = new GraphBuilder();
    const graph = new NetworkGraph(builder);
    const scope = (network: keyof typeof SCOPES) => new LayerScope(graph, SCOPES[network]);
    const input = (name: string, edge: number) => builder.input(name, [2, edge, edge, edge, 1]);
    const [labeled, unlabeled] = ["labeled", "unlabeled"].map((name) => input(name, cycleSize));
    const generate = (network: "F" | "G", x: Value) =>
      appendGenerator(scope(network), x, model.generator);
    const judge = (network: "Dl" | "Du" | "Ds", x: Value) =>
      appendDiscriminator(scope(network), x, model.discriminator);
    const fakeUnlabeled = generate("G", labeled), fakeLabeled = generate("F", unlabeled);
    const real = builder.input("real", [2, 1]);
    const small = (x: Value) => appendCrop(builder, x, 2 * margin);
    const terms = [
      appendMeanError(
        builder,
        "absolute",
        [generate("F", fakeUnlabeled), small(labeled)],
        LAMBDAS.cycleLabeled,
      ),
      appendMeanError(
        builder,
        "absolute",
        [generate("G", fakeLabeled), small(unlabeled)],
        LAMBDAS.cycleUnlabeled,
      ),
    ];
    if (trained === "G") {
      terms.push(appendMeanError(builder, "squared", [judge("Du", fakeUnlabeled), real]));
    } else {
      const image = appendCrop(builder, fakeLabeled, margin);
      const seed = input("seed", fovSize);
      const frozen = new LayerScope(graph, "seed_update");
      const seen = appendSegmenter(frozen, image, seed, model.segmenter!);
      terms.push(appendMeanError(builder, "squared", [judge("Dl", fakeLabeled), real]));
      terms.push(appendMeanError(builder, "squared", [judge("Ds", seen), real]));
    }
    const loss = terms.reduce((a, b) => appendAdd(builder, a, b));
    const forward = builder.build();
    const wanted = [...forward.parameters.values()].filter(({ name }) =>
      name.startsWith(`generator_${trained}`)
    );
    const gradients = appendGradients(builder, forward, loss, wanted);
    for (const { id, name } of wanted) builder.output(`gradients/${name}`, gradients.get(id)!);
    const whole = builder.build();
    const tensors = Object.fromEntries(
      [...whole.inputs, ...whole.parameters, ...whole.outputs].map(([name, { shape }]) => {
        const tensor = backend.allocate(shape, "float32", name);
        const data = variables.get(name)?.data ??
          { ...batch, real: Float32Array.of(-0.8, -0.8) }[name as "labeled"];
        if (data) backend.write(tensor, data);
        return [name, tensor];
      }),
    );
    if (tensors.seed) {
      const { segmenterSeed } = await import(
        "../../../engine/training/secgan/segmenter_seed.ts"
      );
      const seed = segmenterSeed(fovSize, true);
      backend.write(tensors.seed, Float32Array.of(...seed, ...seed));
    }
    backend.run(await backend.compile(whole), tensors);
    for (const { name } of wanted) {
      found.set(name, await backend.read<Float32Array>(tensors[`gradients/${name}`]));
    }
  }
  return found;
}

function relativeError(a: Float32Array, b: Float32Array): number {
  return normOf(a.map((v, i) => v - b[i])) / Math.max(normOf(b), 1e-12);
}

Deno.test("SecganStep.gradients() of one sweep are the two generators' own", async () => {
  await using step = await openFilledStep(SMALL, await openWasmBackend({ threads: 2 }));
  await step.gradients(filledBatch(SMALL, 2));
  const joint = await step.readGradients();
  const separate = await separateGradients(SMALL);
  strictEqual(separate.size, 20);
  for (const [name, gradient] of separate) {
    const error = relativeError(joint.get(name)!, gradient);
    ok(error < 1e-5 && normOf(gradient) > 0, `${name}: ${error}`);
  }
});

Deno.test("SecganStep.gradients() do not depend on recomputation, nor on parts of a batch", async () => {
  const gradients = async (options: { recompute?: boolean; microBatch?: number }) => {
    await using step = await openFilledStep(SMALL, await openWasmBackend({ threads: 2 }), options);
    const { losses, fakeLabeled } = await step.gradients(filledBatch(SMALL, 2));
    return { losses, fakeLabeled, all: await step.readGradients() };
  };
  const plain = await gradients({});
  const recomputed = await gradients({ recompute: true });
  deepStrictEqual(recomputed, plain);
  const parts = await gradients({ microBatch: 1 });
  deepStrictEqual(parts.fakeLabeled, plain.fakeLabeled);
  for (const [name, loss] of Object.entries(parts.losses)) {
    ok(Math.abs(loss - plain.losses[name as "genF"]) < 1e-6, name);
  }
  for (const [name, gradient] of parts.all) {
    const off = gradient.map((v, i) => v - plain.all.get(name)![i]);
    // Biases before an instance normalisation have no gradient but rounding.
    ok(normOf(off) < 1e-4 * normOf(gradient) + 1e-5, `${name}: ${normOf(off)}`);
  }
});

Deno.test("SecganStep.update() changes every network by its own optimizer", async () => {
  const optimizer = { ...DEFAULT_OPTIMIZER, name: "adam", clip: Infinity, learningRate: 0.01 };
  await using step = await openFilledStep(SMALL, await openWasmBackend({ threads: 2 }), {
    optimizer: { ...optimizer, name: "adam" },
  });
  const before = await step.variables();
  await step.gradients(filledBatch(SMALL, 2));
  const gradients = await step.readGradients();
  await step.update();
  const after = await step.variables();
  for (const [name, gradient] of gradients) {
    const [old, now] = [before, after].map((all) => all.get(name)!.data as Float32Array);
    // The first step of Adam: rate times the sign of the gradient, where that is not tiny.
    const at = gradient.findIndex((g) => Math.abs(g) > 1e-4);
    if (at < 0) continue;
    const wanted = old[at] - 0.01 * Math.sign(gradient[at]);
    ok(Math.abs(now[at] - wanted) < 1e-5, `${name}: ${now[at]} ${wanted}`);
  }
  const suffixes = ["", "_1", "_2", "_3"];
  for (const suffix of suffixes) {
    const power = after.get(`beta1_power${suffix}`) as NdArray<Float32Array>;
    ok(Math.abs(power.data[0] - 0.81) < 1e-6);
  }
  strictEqual(after.has("generator_G/conv0_a/weights/Adam_1"), true);
});

Deno.test("SecganStep.gradients() repeat with dropout and the same seed only", async () => {
  const model = { ...SMALL, generator: { ...SMALL.generator, dropout: true } };
  await using step = await openFilledStep(model, await openWasmBackend({ threads: 2 }), {
    recompute: true,
  });
  const batch = filledBatch(model, 2);
  const first = await step.gradients(batch);
  const one = await step.readGradients();
  const again = await step.gradients(batch);
  deepStrictEqual(again.losses, first.losses);
  deepStrictEqual(await step.readGradients(), one);
  const other = await step.gradients({ ...batch, dropoutSeed: 8 });
  ok(Math.abs(other.losses.cycleLabeled - first.losses.cycleLabeled) > 1e-4);
});
