/**
 * `convstack_3d.ConvStack3DFFNModel`: the network of the published checkpoints.
 *
 *   x = concat(image, seed); x = conv0_b(relu(conv0_a(x)))
 *   x = x + conv{i}_b(relu(conv{i}_a(relu(x))))            for i in 1 .. depth-1
 *   logits = seed + conv_lom(relu(x))
 *
 * All kernels are 3×3×3 but the last, 1×1×1; `depth` counts module 0, which has no skip.
 */
import { appendAdd } from "../ops/binary.ts";
import { appendConcatChannels } from "../ops/concat_channels.ts";
import { appendConv3d } from "../ops/conv3d.ts";
import { type Graph, GraphBuilder } from "../ops/graph.ts";
import type { Value } from "../ops/op.ts";
import { appendRelu } from "../ops/unary.ts";
import { checkResidualFeatures } from "./features.ts";
import { ArgsReader } from "./model_args.ts";
import type { Architecture, Model, ModelArgs, ModelClass } from "./model.ts";
import { compactFeatures, type Variable, type VariableShapes } from "./model.ts";

const NAME = "convstack_3d.ConvStack3DFFNModel";
const SCOPE = "seed_update/";
const DEFAULT_DEPTH = 9;

/** Names of the 3×3×3 convolutions in order of use. */
function convNames(depth: number): string[] {
  return Array.from({ length: depth }, (_, i) => [`conv${i}_a`, `conv${i}_b`]).flat();
}

function variablesOf(depth: number, features: readonly number[]): Variable[] {
  const layers = convNames(depth).map((name, i) => ({
    name,
    shape: [3, 3, 3, i === 0 ? 2 : features[i - 1], features[i]],
  }));
  layers.push({ name: "conv_lom", shape: [1, 1, 1, features.at(-1)!, 1] });
  return layers.flatMap(({ name, shape }) => [
    { name: `${SCOPE}${name}/weights`, shape },
    { name: `${SCOPE}${name}/biases`, shape: shape.slice(-1) },
  ]);
}

function create(args: ModelArgs): Model {
  const reader = new ArgsReader(NAME, args);
  const { fovSize, deltas } = reader.geometry();
  const depth = reader.depth(DEFAULT_DEPTH);
  const features = reader.features("features", 2 * depth);
  reader.integer("batch_size", 1, 1, 1 << 20);
  reader.finish();
  checkResidualFeatures(NAME, features);
  const variables = variablesOf(depth, features);

  function build(batch: number): Graph {
    const graph = new GraphBuilder();
    const image = graph.input("image", [batch, ...fovSize, 1]);
    const seed = graph.input("seed", [batch, ...fovSize, 1]);
    const parameters = new Map(variables.map((v) => [v.name, graph.parameter(v.name, v.shape)]));
    const conv = (name: string, x: Value) =>
      appendConv3d(
        graph,
        x,
        parameters.get(`${SCOPE}${name}/weights`)!,
        parameters.get(`${SCOPE}${name}/biases`)!,
      );
    let x = appendConcatChannels(graph, [image, seed]);
    x = conv("conv0_b", appendRelu(graph, conv("conv0_a", x)));
    for (let i = 1; i < depth; i++) {
      const inner = appendRelu(graph, conv(`conv${i}_a`, appendRelu(graph, x)));
      x = appendAdd(graph, conv(`conv${i}_b`, inner), x);
    }
    const update = conv("conv_lom", appendRelu(graph, x));
    graph.output("logits", appendAdd(graph, update, seed));
    return graph.build();
  }

  return {
    name: NAME,
    deltas,
    fovSize,
    imageSize: fovSize,
    seedSize: fovSize,
    predSize: fovSize,
    architecture: { depth, features: compactFeatures(features) },
    variables,
    build,
  };
}

function inferArchitecture(variables: VariableShapes): Architecture | null {
  const features: number[] = [];
  for (let i = 0;; i++) {
    const shapes = ["a", "b"].map((half) =>
      variables.get(`${SCOPE}conv${i}_${half}/weights`)?.shape
    );
    if (shapes.some((shape) => shape?.length !== 5)) break;
    features.push(...shapes.map((shape) => shape![4]));
  }
  if (features.length === 0) return null;
  return { depth: features.length / 2, features: compactFeatures(features) };
}

/** The convolution stack of the published checkpoints: `fov_size`, `deltas` (xyz), `depth`, `features`. */
export const convStack3d: ModelClass = { name: NAME, create, inferArchitecture };
