/** An iteration of small networks is the same everywhere: what the golden cases hold on the CPU, this holds on a GPU. */
import { ok } from "node:assert/strict";
import type { Backend } from "../../../engine/backends/backend.ts";
import { openKernelProcess } from "../../../engine/backends/kernel_process/kernel_process.ts";
import { openReferenceBackend } from "../../../engine/backends/reference.ts";
import { openWasmBackend } from "../../../engine/backends/wasm/wasm_backend.ts";
import { WebGpuBackend } from "../../../engine/backends/webgpu/backend.ts";
import { SCOPES, type SecganModel } from "../../../engine/models/secgan/secgan.ts";
import { testWith } from "../../support/resources.ts";
import { filledBatch, normOf, openFilledStep, SMALL_SECGAN } from "../../support/secgan_run.ts";

const LAST_LAYER: SecganModel = {
  ...SMALL_SECGAN,
  segmenter: { depth: 3, features: new Array(6).fill(4), featuresLayer: 12 },
};

/** The golden cases in small, and what they leave out. */
const MODELS: Readonly<Record<string, SecganModel>> = {
  "the last layer": LAST_LAYER,
  "features": {
    ...LAST_LAYER,
    segmenter: { ...LAST_LAYER.segmenter!, featuresLayer: 2 },
  },
  "norms, patches and a scaled segmenter": {
    ...LAST_LAYER,
    generator: { ...LAST_LAYER.generator, norm: "instance" },
    discriminator: { ...SMALL_SECGAN.discriminator, norm: "batch", head: "patch" },
    segmenter: { ...LAST_LAYER.segmenter!, imageScale: { mean: 128, stddev: 33 } },
  },
  "no segmenter": { ...LAST_LAYER, segmenter: null },
};

interface Place {
  readonly needs: "gpu"[];
  readonly models: Readonly<Record<string, SecganModel>>;
  open(): Promise<Backend>;
}

const PLACES: Readonly<Record<string, Place>> = {
  wasm: { needs: [], models: MODELS, open: () => openWasmBackend({ threads: 2 }) },
  process: { needs: [], models: MODELS, open: () => openKernelProcess({ threads: 2 }) },
  // One model, since software drivers compile for seconds.
  webgpu: {
    needs: ["gpu"],
    models: { "the last layer": LAST_LAYER },
    open: () => WebGpuBackend.open(),
  },
};

async function iteration(model: SecganModel, backend: Backend) {
  await using step = openFilledStep(model, backend);
  const { losses, judgements } = await step.gradients(filledBatch(model, 2));
  return { losses, judgements, gradients: await step.readGradients() };
}

const expected = new Map<string, ReturnType<typeof iteration>>();

for (const [place, { needs, models, open }] of Object.entries(PLACES)) {
  testWith(needs, `SecganStep.gradients() are those of plain loops, ${place}`, async () => {
    await using backend = await open();
    for (const [name, model] of Object.entries(models)) {
      const wanted = await expected.getOrInsertComputed(
        name,
        () => iteration(model, openReferenceBackend()),
      );
      const { losses, judgements, gradients } = await iteration(model, backend);
      for (const [loss, value] of Object.entries(wanted.losses)) {
        const off = Math.abs(losses[loss as "genF"] - value);
        ok(off <= 1e-4 * Math.abs(value), `${name}, ${loss}: ${off} of ${value}`);
      }
      for (const [judgement, values] of wanted.judgements) {
        const off = normOf(judgements.get(judgement)!.map((v, i) => v - values[i]));
        ok(off <= 1e-4 * normOf(values) + 1e-6, `${name}, ${judgement}: ${off}`);
      }
      for (const scope of Object.values(SCOPES)) {
        const own = [...wanted.gradients].filter(([variable]) => variable.startsWith(`${scope}/`));
        const whole = normOf(...own.map(([, data]) => data));
        const off = normOf(
          ...own.map(([variable, data]) => gradients.get(variable)!.map((v, i) => v - data[i])),
        );
        ok(off <= 1e-3 * whole, `${name}, gradient of ${scope}: ${off} of ${whole}`);
      }
    }
  });
}
