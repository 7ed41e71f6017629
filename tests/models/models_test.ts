/** The networks against closed-form vectors of the spec, and what the registry and the arguments refuse. */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import type { Backend } from "../../engine/backends/backend.ts";
import { openReferenceBackend } from "../../engine/backends/reference.ts";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { elementCount } from "../../engine/formats/nd_array.ts";
import { checkCheckpointFits } from "../../engine/models/checkpoint_fit.ts";
import type { Model, VariableShapes } from "../../engine/models/model.ts";
import { createModel, findModelClass } from "../../engine/models/registry.ts";
import type { Shape } from "../../engine/ops/op.ts";
import { type Fill, fillLayerNorm } from "../support/spec_fill.ts";

const SIZES = { fov_size: [9, 7, 5], deltas: [2, 1, 0] };
const STACK = "convstack_3d.ConvStack3DFFNModel";
const RES_STACK = "convstack.ResConvStack";

/** Logits of a model for `batch` fields of view; `fill` gives inputs (index -1) and variables by their number. */
async function logitsOf(
  backend: Backend,
  model: Model,
  batch: number,
  fill: Fill,
): Promise<Float32Array> {
  const graph = model.build(batch);
  const names = model.variables.map((v) => v.name);
  const all = [...graph.inputs, ...graph.parameters, ...graph.outputs];
  const bindings = Object.fromEntries(all.map(([name, { shape }]) => {
    const tensor = backend.allocate(shape, "float32", name);
    if (!graph.outputs.has(name)) backend.write(tensor, fill(name, shape, names.indexOf(name)));
    return [name, tensor];
  }));
  backend.run(await backend.compile(graph), bindings);
  return await backend.read<Float32Array>(bindings.logits);
}

/** L3 of the training spec: sines everywhere, a fresh seed. */
const fillL3: Fill = (name, shape, index) => {
  const count = elementCount(shape);
  if (index >= 0) {
    return Float32Array.from({ length: count }, (_, k) => 0.1 * Math.sin(0.7 * k + index));
  }
  if (name === "image") return Float32Array.from({ length: count }, (_, k) => Math.sin(0.3 * k));
  const centre = (1 * 4 + 2) * 5 + 2;
  const logit = (p: number) => Math.log(p / (1 - p));
  return Float32Array.from({ length: count }, (_, k) => logit(k % 60 === centre ? 0.95 : 0.05));
};

function near(actual: number, expected: number, tolerance: number): void {
  ok(
    Math.abs(actual - expected) <= tolerance,
    `${actual} is not within ${tolerance} of ${expected}`,
  );
}

for (const open of [openReferenceBackend, () => openWasmBackend({ threads: 2 })]) {
  Deno.test(`ConvStack3DFFNModel gives vector L3 (${open.name || "wasm"})`, async () => {
    await using backend = await open();
    const model = createModel(STACK, { fov_size: [5, 4, 3], deltas: [1, 1, 1], depth: 2 });
    const logits = await logitsOf(backend, model, 2, fillL3);
    near(logits.reduce((a, b) => a + b, 0), -326.561652, 5e-5);
    const expected = [-2.828043, -2.810977, -2.875228, -2.697017, -2.852653, -2.756740];
    [0, 1, 2, 59, 60, 119].forEach((k, i) => near(logits[k], expected[i], 5e-6));
  });

  Deno.test(`ResConvStack gives vector 13.14 (${open.name || "wasm"})`, async () => {
    await using backend = await open();
    const args = { fov_size: [5, 5, 5], deltas: [1, 1, 1], depth: 2, features: 4 };
    const model = createModel(RES_STACK, { ...args, additive_seed_update: false });
    equal(model.variables.reduce((n, v) => n + elementCount(v.shape), 0), 2437);
    const y = await logitsOf(backend, model, 1, fillLayerNorm);
    const at = (z: number, v: number, x: number) => y[(z * 5 + v) * 5 + x];
    near(at(0, 0, 0), 1.6324741, 1e-5);
    near(at(0, 0, 1), 0.93779834, 1e-5);
    near(at(1, 2, 3), -1.0796505, 1e-5);
    near(at(2, 2, 2), 0.71832069, 1e-5);
    near(at(4, 0, 4), -0.16453896, 1e-5);
    near(at(4, 4, 4), 0.79502876, 1e-5);
    near(y.reduce((a, b) => a + b, 0), 10.906659, 1e-4);
    near(y[73], -1.8149832, 1e-5);
    near(Math.hypot(...y), 11.520792, 1e-4);
    const plain = createModel(RES_STACK, {
      ...args,
      additive_seed_update: false,
      use_layernorm: false,
    });
    const without = await logitsOf(backend, plain, 1, fillLayerNorm);
    near(without.reduce((a, b) => a + b, 0), 12.323858, 1e-4);
  });
}

Deno.test("ResConvStack numbers its convolutions when asked to", () => {
  const names = (args: Record<string, unknown>) =>
    createModel(RES_STACK, { ...SIZES, depth: 1, ...args }).variables.map((v) => v.name)
      .filter((name) => /kernel|scale/.test(name));
  deepEqual(names({ enumerate_layers: true }), [
    "params/0:pre_a/kernel",
    "params/LayerNorm_0/scale",
    "params/1:pre_b/kernel",
    "params/LayerNorm_1/scale",
    "params/2:res0a/kernel",
    "params/3:res0b/kernel",
    "params/LayerNorm_2/scale",
    "params/4:output/kernel",
  ]);
  deepEqual(names({ use_layernorm: false }).slice(0, 3), [
    "params/pre_a/kernel",
    "params/pre_b/kernel",
    "params/res0a/kernel",
  ]);
});

Deno.test("models have the parameters that the spec counts", () => {
  const count = (name: string, depth: number) =>
    createModel(name, { ...SIZES, depth }).variables.reduce((n, v) => n + elementCount(v.shape), 0);
  equal(count(STACK, 12), 638433);
  deepEqual([9, 12, 20].map((depth) => count(RES_STACK, depth)), [528417, 694689, 1138081]);
});

Deno.test("model_args are xyz and come out zyx; features may be a list", () => {
  const model = createModel(STACK, { ...SIZES, depth: 2, features: [4, 6, 8, 6] });
  deepEqual(model.fovSize, [5, 7, 9]);
  deepEqual(model.deltas, [0, 1, 2]);
  deepEqual(model.variables.map((v) => v.shape[4]).filter(Boolean), [4, 6, 8, 6, 1]);
  const graph = model.build(3);
  deepEqual(graph.outputs.get("logits")!.shape, [3, 5, 7, 9, 1]);
});

Deno.test("findModelClass() ignores packages and lists what it knows", () => {
  equal(findModelClass("ffn.training.models.convstack_3d.ConvStack3DFFNModel").name, STACK);
  throws(
    () => findModelClass("convstack_3d.ConvStack2D"),
    /"convstack_3d.ConvStack2D": known classes are convstack_3d.ConvStack3DFFNModel, convstack.ResConvStack/,
  );
});

Deno.test("model_args that cannot work are refused with value and limit", () => {
  const refused: [string, Record<string, unknown>, RegExp][] = [
    [STACK, { deltas: [1, 1, 1] }, /"fov_size" must be three integers \(xyz\).*it is missing/],
    [STACK, { ...SIZES, deltas: [5, 1, 0] }, /at most half the field of view, current x is 5 of 9/],
    [STACK, { ...SIZES, deltas: [0, 0, 0] }, /at least one delta must be 1 or more/],
    [STACK, { ...SIZES, deltas: [-1, 1, 1] }, /"deltas" must be.*current value is \[-1,1,1\]/],
    [STACK, { ...SIZES, fov_size: [33, 33] }, /current value is \[33,33\]/],
    [
      STACK,
      { ...SIZES, depth: 0 },
      /"depth" must be an integer from 1 to 1000, current value is 0/,
    ],
    [STACK, { ...SIZES, depht: 12 }, /unknown argument "depht" in model_args, known are .*depth/],
    [
      STACK,
      { ...SIZES, depth: 2, features: [8, 8] },
      /a list of 4 of them.*current value is \[8,8\]/,
    ],
    [STACK, { ...SIZES, depth: 2, features: [8, 8, 8, 9] }, /entry 1 is 8, entry 3 is 9/],
    [
      RES_STACK,
      { ...SIZES, padding: "valid" },
      /"padding" must be "same", current value is "valid"/,
    ],
    [RES_STACK, { ...SIZES, use_layernorm: 1 }, /"use_layernorm" must be true or false/],
  ];
  for (const [name, args, message] of refused) throws(() => createModel(name, args), message);
  throws(() => createModel(STACK, [] as never), /model_args must be a JSON object/);
});

function shapesOf(model: Model): Map<string, { shape: Shape }> {
  return new Map(model.variables.map(({ name, shape }) => [name, { shape }]));
}

Deno.test("checkCheckpointFits() says what the checkpoint has", () => {
  const model = createModel(STACK, { ...SIZES, depth: 3, features: 8 });
  const refuse = (variables: VariableShapes, message: RegExp) =>
    throws(() => checkCheckpointFits(model, "a/model.ckpt-1", variables), message);
  checkCheckpointFits(model, "a/model.ckpt-1", shapesOf(model));
  const deeper = createModel(STACK, { ...SIZES, depth: 4, features: 8 });
  refuse(
    shapesOf(deeper),
    /"a\/model.ckpt-1".*ask for depth 3, features 8, the checkpoint has depth 4, features 8/,
  );
  const wider = createModel(STACK, { ...SIZES, depth: 3, features: [8, 16, 8, 16, 8, 16] });
  refuse(shapesOf(wider), /the checkpoint has depth 3, features \[8, 16, 8, 16, 8, 16\]/);
  refuse(
    new Map([["other", { shape: [1] }]]),
    /it has no variable .*, the checkpoint holds "other"/,
  );
  const torn = shapesOf(model);
  torn.delete("seed_update/conv_lom/biases");
  refuse(torn, /variable "seed_update\/conv_lom\/biases" is missing/);
  const odd = shapesOf(model).set("seed_update/conv1_a/biases", { shape: [9] });
  refuse(odd, /"seed_update\/conv1_a\/biases" must have shape \[8\], current shape is \[9\]/);
});

Deno.test("checkCheckpointFits() tells a stack with layer norms from one without", () => {
  const [norm, plain] = [true, false].map((use_layernorm) =>
    createModel(RES_STACK, { ...SIZES, depth: 2, features: 4, use_layernorm })
  );
  throws(
    () => checkCheckpointFits(plain, "c", shapesOf(norm)),
    /the checkpoint has .*use_layernorm true/,
  );
});
