import { ok } from "node:assert/strict";
import type { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import { GpuProgram, supportedVariants } from "../../engine/backends/webgpu/program.ts";
import { PassTimer } from "../../engine/backends/webgpu/timing.ts";
import { elementCount } from "../../engine/formats/nd_array.ts";
import { conv3d } from "../../engine/ops/conv3d.ts";
import { GraphBuilder } from "../../engine/ops/graph.ts";
import { layerNorm } from "../../engine/ops/layer_norm.ts";
import type { Attributes, Call, Op, Shape } from "../../engine/ops/op.ts";
import type { PlacedCall, Variant } from "../../kernels/kernel.ts";
import { blockedLayout, plainLayout } from "../../kernels/layout.ts";

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

interface Case {
  readonly name: string;
  readonly op: Op;
  readonly shapes: readonly Shape[];
  readonly attributes: Attributes;
}

function cases(batch: number, edge: number): Case[] {
  const x = (channels: number) => [batch, edge, edge, edge, channels];
  const fused = { reluInput: true, reluOutput: true };
  return [
    {
      name: "conv3d 32->32",
      op: conv3d,
      shapes: [x(32), [3, 3, 3, 32, 32], [32]],
      attributes: fused,
    },
    { name: "conv3d 2->32", op: conv3d, shapes: [x(2), [3, 3, 3, 2, 32], [32]], attributes: fused },
    {
      name: "conv3d 32->1",
      op: conv3d,
      shapes: [x(32), [1, 1, 1, 32, 1], [1], x(1)],
      attributes: { reluInput: true, residual: true },
    },
    { name: "layer_norm 32", op: layerNorm, shapes: [x(32), [32], [32]], attributes: {} },
  ];
}

function placedCall({ op, shapes, attributes }: Case): PlacedCall {
  const [outputShape] = op.shapes(shapes, attributes);
  const value = (shape: Shape, id: number) =>
    ({ id, name: `value${id}`, shape, dtype: "float32" }) as const;
  const call: Call = {
    op,
    inputs: shapes.map(value),
    outputs: [value(outputShape, shapes.length)],
    attributes,
  };
  const place = (shape: Shape, i: number) =>
    shape.length === 5 && i !== 1 ? blockedLayout(shape) : plainLayout(shape);
  return { call, inputs: shapes.map(place), outputs: [place(outputShape, 9)] };
}

/** Multiply-adds times two that a variant does, where that is not what the op counts. */
function executedFlops(variant: string, { call, outputs: [y] }: PlacedCall): number {
  const nominal = call.op.work(call).flops;
  const tiles = Math.ceil(y.y / 3) * Math.ceil(y.x / 3) * y.batch;
  const [ci, co] = call.inputs[1].shape.slice(-2);
  if (variant === "nested") return 2 * 25 * tiles * y.z * 3 * ci * co;
  if (variant === "full") return 2 * 125 * tiles * Math.ceil(y.z / 3) * ci * co;
  return nominal;
}

/** A program of one call, run by one variant, with random tensors. */
async function prepare(backend: WebGpuBackend, test: Case, variant: Variant) {
  const graph = new GraphBuilder();
  const values = test.shapes.map((shape, i) =>
    i === 1 || i === 2 ? graph.parameter(`input${i}`, shape) : graph.input(`input${i}`, shape)
  );
  graph.output("output", graph.call(test.op, values, test.attributes)[0]);
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
      if (name !== "output") backend.write(tensor, random);
      return [name, tensor];
    }),
  );
  backend.run(program, tensors);
  await backend.read(tensors.output);
  return { program, tensors };
}

/** Times every variant of every op of the network at the standard field of view. */
export async function timeVariants(
  backend: WebGpuBackend,
  batch: number,
): Promise<VariantFigures[]> {
  const figures: VariantFigures[] = [];
  for (const test of cases(batch, EDGE)) {
    const placed = placedCall(test);
    const { flops, bytes } = test.op.work(placed.call);
    const variants = supportedVariants(placed, backend.profile);
    for (const variant of variants.filter((v) => v.name !== "generic" || variants.length === 1)) {
      const { program, tensors } = await prepare(backend, test, variant);
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
  for (const test of cases(1, 5)) {
    const placed = placedCall(test);
    for (const variant of supportedVariants(placed, backend.profile)) {
      const { program, tensors } = await prepare(backend, test, variant);
      const inputs = await Promise.all(test.shapes.map(async (shape, i) => ({
        shape,
        data: await backend.read<Float32Array>(tensors[`input${i}`]),
      })));
      const [shape] = test.op.shapes(test.shapes, test.attributes);
      const expected = { shape, data: new Float32Array(elementCount(shape)) };
      test.op.reference(inputs, [expected], test.attributes);
      const actual = await backend.read<Float32Array>(tensors.output);
      const worst = actual.reduce((w, v, i) => Math.max(w, Math.abs(v - expected.data[i])), 0);
      ok(worst < 1e-3, `${test.name} ${variant.name} is off by ${worst}`);
      program.dispose();
      for (const tensor of Object.values(tensors)) tensor.dispose();
    }
  }
}
