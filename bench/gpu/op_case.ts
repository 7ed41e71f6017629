import { ok } from "node:assert/strict";
import type { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import { placeAlone } from "../../engine/backends/webgpu/placement.ts";
import { GpuProgram, supportedVariants } from "../../engine/backends/webgpu/program.ts";
import { PassTimer } from "../../engine/backends/webgpu/timing.ts";
import { elementCount } from "../../engine/formats/nd_array.ts";
import { GraphBuilder } from "../../engine/ops/graph.ts";
import type { PlacedCall, Variant } from "../../kernels/kernel.ts";
import { callOf, executedFlops, gpuCases } from "./op_cases.ts";

/** Edge of the standard field of view. */
const EDGE = 33;
const TIMINGS = 5;

/** One variant of one op on one shape. */
export interface VariantFigures {
  readonly name: string;
  readonly batch: number;
  /** Time on the GPU's clock, all launches of the variant; wall time where it has no timestamps. */
  readonly gpuMs: number;
  readonly launches: number;
  /** By the op's own count, as if computed directly. */
  readonly nominalGflops: number;
  /** By the multiply-adds that the variant does. */
  readonly executedGflops: number;
  /** By the bytes that the op must read and write at least. */
  readonly gbps: number;
  readonly nominalFlops: number;
  readonly bytes: number;
}

/** A program of one call, run by one variant, with random tensors. */
async function prepare(backend: WebGpuBackend, { call, inputs }: PlacedCall, variant: Variant) {
  const graph = new GraphBuilder();
  const values = call.inputs.map(({ shape }, i) =>
    inputs[i].halo === 0 ? graph.parameter(`input${i}`, shape) : graph.input(`input${i}`, shape)
  );
  const results = graph.call(call.op, values, call.attributes);
  results.forEach((value, i) => graph.output(`output${i}`, value));
  const built = graph.build();
  const program = await GpuProgram.compile(
    built,
    backend.device,
    backend.pipelines,
    backend.profile,
    () => Promise.resolve(variant),
  );
  const tensors = Object.fromEntries(
    [...built.inputs, ...built.parameters, ...built.outputs].map(([name, { shape }]) => {
      const tensor = backend.allocate(shape, "float32", name);
      const random = Float32Array.from({ length: elementCount(shape) }, () => Math.random() - 0.5);
      if (!built.outputs.has(name)) backend.write(tensor, random);
      return [name, tensor];
    }),
  );
  backend.run(program, tensors);
  await backend.read(tensors.output0);
  return { program, tensors };
}

/** Times every variant of every op of the network on fields of view of `edge`³. */
export async function timeVariants(
  backend: WebGpuBackend,
  batch: number,
  edge = EDGE,
): Promise<VariantFigures[]> {
  const figures: VariantFigures[] = [];
  for (const test of gpuCases(batch, edge)) {
    const placed = placeAlone(callOf(test), false);
    const { flops, bytes } = test.op.work(placed.call);
    const variants = supportedVariants(placed, backend.profile);
    for (const variant of variants.filter((v) => v.name !== "generic" || variants.length === 1)) {
      const { program, tensors } = await prepare(backend, placed, variant);
      const steps = program.bind(tensors).filter((s) => !/^(input|output) "/.test(s.launch.label));
      const gpuMs = await timeSteps(backend, steps);
      const executed = executedFlops(variant.name, placed);
      figures.push({
        name: `${test.name} ${variant.name}, batch ${batch}`,
        batch,
        gpuMs,
        launches: steps.length,
        nominalGflops: flops / gpuMs / 1e6,
        executedGflops: executed / gpuMs / 1e6,
        gbps: bytes / gpuMs / 1e6,
        nominalFlops: flops,
        bytes,
      });
      program.dispose();
      for (const tensor of Object.values(tensors)) tensor.dispose();
    }
  }
  return figures;
}

type Steps = ReturnType<GpuProgram["bind"]>;

/** Milliseconds of all steps, the best of several, by timestamps of one pass each where there are any. */
async function timeSteps(backend: WebGpuBackend, steps: Steps): Promise<number> {
  const { device, readback } = backend;
  using timer = PassTimer.open(device, steps.length);
  const probe = backend.allocate([1], "float32", "probe");
  let best = Infinity;
  for (let i = 0; i <= TIMINGS; i++) {
    const startedMs = performance.now();
    device.submit("bench", (encoder) => {
      steps.forEach(({ pipeline, group, launch }, index) => {
        const pass = encoder.beginComputePass({
          label: launch.label,
          timestampWrites: timer?.writes(index),
        });
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(...launch.workgroups);
        pass.end();
      });
      timer?.resolve(encoder);
    });
    await backend.read(probe);
    const wallMs = performance.now() - startedMs;
    const passes = await timer?.read(readback);
    if (i > 0) best = Math.min(best, passes?.reduce((a, b) => a + b) ?? wallMs);
  }
  probe.dispose();
  return best;
}

/** Every variant on a small shape: all must give the same numbers as the generic kernel or the plain loops. */
export async function checkVariants(backend: WebGpuBackend): Promise<void> {
  for (const test of gpuCases(1, 5)) {
    const placed = placeAlone(callOf(test), false);
    for (const variant of supportedVariants(placed, backend.profile)) {
      const { program, tensors } = await prepare(backend, placed, variant);
      const inputs = await Promise.all(test.shapes.map(async (shape, i) => ({
        shape,
        data: await backend.read<Float32Array>(tensors[`input${i}`]),
      })));
      const expected = placed.call.outputs.map(({ shape }) => ({
        shape,
        data: new Float32Array(elementCount(shape)),
      }));
      test.op.reference(inputs, expected, test.attributes);
      for (const [i, { data }] of expected.entries()) {
        const actual = await backend.read<Float32Array>(tensors[`output${i}`]);
        const worst = actual.reduce((w, v, k) => Math.max(w, Math.abs(v - data[k])), 0);
        ok(worst < 1e-3, `${test.name} ${variant.name} is off by ${worst}`);
      }
      program.dispose();
      for (const tensor of Object.values(tensors)) tensor.dispose();
    }
  }
}
