import type { Tensor } from "../../engine/backends/backend.ts";
import type { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import { elementCount } from "../../engine/formats/nd_array.ts";
import type { Model } from "../../engine/models/model.ts";
import { createModel } from "../../engine/models/registry.ts";
import type { Graph } from "../../engine/ops/graph.ts";
import { gradientGraph } from "../../engine/training/training_graphs.ts";

const TIMINGS = 3;
/** Edge of the standard field of view. */
const EDGE = 33;

/** The whole network on standard fields of view, forwards or in training. */
export interface StepFigures {
  readonly batch: number;
  /** Wall time of a run and a small read, per field of view. */
  readonly gpuMs: number;
  readonly nominalGflops: number;
  readonly dispatches: number;
  /** Variants of the convolutions, without repetitions. */
  readonly variants: readonly string[];
}

/** The published network's shape; its field of view is 33³. */
function standard(edge: number): Model {
  const delta = Math.floor(edge / 4);
  return createModel("convstack_3d.ConvStack3DFFNModel", {
    depth: 12,
    fov_size: [edge, edge, edge],
    deltas: [delta, delta, delta],
  });
}

/** Times a prediction: depth 12, 32 features, field of view 33³; the best of `timings` runs. */
export function timeStep(
  backend: WebGpuBackend,
  batch: number,
  timings = TIMINGS,
  edge = EDGE,
): Promise<StepFigures> {
  return timeGraph(backend, standard(edge).build(batch), batch, timings);
}

/** Times loss and gradients of the same network, with the packing of weights that every update makes necessary. */
export function timeTrainingStep(
  backend: WebGpuBackend,
  batch: number,
  edge = EDGE,
): Promise<StepFigures> {
  const model = standard(edge);
  const [{ name, shape }] = model.variables;
  const values = new Float32Array(elementCount(shape));
  return timeGraph(backend, gradientGraph(model, batch), batch, TIMINGS, (tensors) => {
    backend.write(tensors[name], values);
  });
}

async function timeGraph(
  backend: WebGpuBackend,
  graph: Graph,
  batch: number,
  timings: number,
  before: (tensors: Readonly<Record<string, Tensor>>) => void = () => {},
): Promise<StepFigures> {
  const program = await backend.compile(graph);
  const all = [...graph.inputs, ...graph.parameters, ...graph.outputs];
  const tensors = Object.fromEntries(all.map(([name, { shape }]) => {
    const tensor = backend.allocate(shape, "float32", name);
    const scale = shape.length === 5 ? 0.06 : 0;
    backend.write(
      tensor,
      Float32Array.from({ length: elementCount(shape) }, () => scale * (Math.random() - 0.5)),
    );
    return [name, tensor];
  }));
  const probe = backend.allocate([1], "float32", "probe");
  let best = Infinity;
  for (let i = 0; i <= timings; i++) {
    before(tensors);
    const startedMs = performance.now();
    backend.run(program, tensors);
    await backend.read(probe);
    if (i > 0) best = Math.min(best, performance.now() - startedMs);
  }
  const flops = graph.calls.reduce((sum, call) => sum + call.op.work(call).flops, 0);
  const figures = {
    batch,
    gpuMs: best / batch,
    nominalGflops: flops / best / 1e6,
    dispatches: program.launches.length,
    variants: [...new Set(program.variants.filter((v) => v.startsWith("conv3d")))],
  };
  program.dispose();
  for (const tensor of [...Object.values(tensors), probe]) tensor.dispose();
  return figures;
}
