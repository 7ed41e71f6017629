/**
 * `convstack.ResConvStack`: the convolution stack of newer upstream, with layer normalisation.
 *
 *   x = concat(image, seed); x = pre_b(relu(LN_0(pre_a(x))))
 *   x = x + res{i}b(relu(res{i}a(relu(LN_{i+1}(x)))))      for i in 0 .. depth-1
 *   logits = seed + output(relu(LN_{depth+1}(x)))
 *
 * `depth` counts the residual modules only, so with `use_layernorm` false this is `ConvStack3DFFNModel` of depth + 1.
 * Variables are named `params/<layer>/<leaf>`; with `enumerate_layers` the convolutions get a running number in
 * front (`params/0:pre_a/kernel`, `params/1:pre_b/kernel`, …) and the layer norms do not.
 */
import { appendAdd } from "../ops/binary.ts";
import { appendConcatChannels } from "../ops/concat_channels.ts";
import { appendConv3d } from "../ops/conv3d.ts";
import { type Graph, GraphBuilder } from "../ops/graph.ts";
import { appendLayerNorm } from "../ops/layer_norm.ts";
import type { Shape, Value } from "../ops/op.ts";
import { appendRelu } from "../ops/unary.ts";
import { checkResidualFeatures } from "./features.ts";
import { ArgsReader } from "./model_args.ts";
import type { Architecture, Model, ModelArgs, ModelClass } from "./model.ts";
import { compactFeatures, type Variable, type VariableShapes } from "./model.ts";

const NAME = "convstack.ResConvStack";
const SCOPE = "params/";
const DEFAULT_DEPTH = 12;

/** Names of the 3×3×3 convolutions in order of use. */
function convNames(depth: number): string[] {
  const modules = Array.from({ length: depth }, (_, i) => [`res${i}a`, `res${i}b`]);
  return ["pre_a", "pre_b", ...modules.flat()];
}

interface Layers {
  readonly depth: number;
  readonly features: readonly number[];
  readonly useLayerNorm: boolean;
  readonly enumerate: boolean;
}

/** Checkpoint name of a convolution by its plain name. */
function convScope({ depth, enumerate }: Layers, name: string): string {
  const number = [...convNames(depth), "output"].indexOf(name);
  return `${SCOPE}${enumerate ? `${number}:` : ""}${name}`;
}

function variablesOf(layers: Layers): Variable[] {
  const { depth, features, useLayerNorm } = layers;
  const conv = (name: string, shape: Shape): Variable[] => [
    { name: `${convScope(layers, name)}/kernel`, shape },
    { name: `${convScope(layers, name)}/bias`, shape: shape.slice(-1) },
  ];
  const norm = (i: number, channels: number): Variable[] =>
    useLayerNorm
      ? ["scale", "bias"].map((leaf) => ({
        name: `${SCOPE}LayerNorm_${i}/${leaf}`,
        shape: [channels],
      }))
      : [];
  const stream = features[1];
  const all = convNames(depth).map((name, i) =>
    conv(name, [3, 3, 3, i === 0 ? 2 : features[i - 1], features[i]])
  );
  return [
    ...all[0],
    ...norm(0, features[0]),
    ...all[1],
    ...Array.from({ length: depth }, (_, i) => [
      ...norm(i + 1, stream),
      ...all[2 * i + 2],
      ...all[2 * i + 3],
    ]).flat(),
    ...norm(depth + 1, stream),
    ...conv("output", [1, 1, 1, stream, 1]),
  ];
}

function create(args: ModelArgs): Model {
  const reader = new ArgsReader(NAME, args);
  const { fovSize, deltas } = reader.geometry();
  const depth = reader.depth(DEFAULT_DEPTH);
  const layers: Layers = {
    depth,
    features: reader.features("features", 2 * depth + 2),
    useLayerNorm: reader.boolean("use_layernorm", true),
    enumerate: reader.boolean("enumerate_layers", false),
  };
  const additive = reader.boolean("additive_seed_update", true);
  reader.integer("batch_size", 1, 1, 1 << 20);
  reader.only("num_convs", 2);
  reader.only("kernel_shape", [3, 3, 3]);
  reader.only("padding", "same");
  reader.only("out_features", 1);
  reader.only("dim", 3);
  reader.finish();
  checkResidualFeatures(NAME, layers.features);
  const variables = variablesOf(layers);

  function build(batch: number): Graph {
    const graph = new GraphBuilder();
    const image = graph.input("image", [batch, ...fovSize, 1]);
    const seed = graph.input("seed", [batch, ...fovSize, 1]);
    const parameters = new Map(variables.map((v) => [v.name, graph.parameter(v.name, v.shape)]));
    const conv = (name: string, x: Value) => {
      const scope = convScope(layers, name);
      return appendConv3d(
        graph,
        x,
        parameters.get(`${scope}/kernel`)!,
        parameters.get(`${scope}/bias`)!,
      );
    };
    const normRelu = (i: number, x: Value) => {
      const scope = `${SCOPE}LayerNorm_${i}`;
      const normed = layers.useLayerNorm
        ? appendLayerNorm(
          graph,
          x,
          parameters.get(`${scope}/scale`)!,
          parameters.get(`${scope}/bias`)!,
        )
        : x;
      return appendRelu(graph, normed);
    };
    let x = conv("pre_a", appendConcatChannels(graph, [image, seed]));
    x = conv("pre_b", normRelu(0, x));
    for (let i = 0; i < depth; i++) {
      const inner = appendRelu(graph, conv(`res${i}a`, normRelu(i + 1, x)));
      x = appendAdd(graph, conv(`res${i}b`, inner), x);
    }
    const update = conv("output", normRelu(depth + 1, x));
    graph.output("logits", additive ? appendAdd(graph, update, seed) : update);
    return graph.build();
  }

  return {
    name: NAME,
    deltas,
    fovSize,
    imageSize: fovSize,
    seedSize: fovSize,
    predSize: fovSize,
    architecture: {
      depth,
      features: compactFeatures(layers.features),
      layerNorm: layers.useLayerNorm,
    },
    variables,
    build,
  };
}

function inferArchitecture(variables: VariableShapes): Architecture | null {
  const plain = new Map<string, Shape>();
  for (const [name, { shape }] of variables) {
    const match = /^params\/(?:\d+:)?(\w+)\/kernel$/.exec(name);
    if (match && shape.length === 5) plain.set(match[1], shape);
  }
  const features: number[] = [];
  for (let i = -1;; i++) {
    const pair = (i < 0 ? ["pre_a", "pre_b"] : [`res${i}a`, `res${i}b`]).map((n) => plain.get(n));
    if (!pair[0] || !pair[1]) break;
    features.push(pair[0][4], pair[1][4]);
  }
  if (features.length === 0) return null;
  const layerNorm = variables.has(`${SCOPE}LayerNorm_0/scale`);
  return { depth: features.length / 2 - 1, features: compactFeatures(features), layerNorm };
}

/** The layer-norm stack: `fov_size`, `deltas` (xyz), `depth`, `features`, `use_layernorm`, `enumerate_layers`, `additive_seed_update`. */
export const resConvStack: ModelClass = { name: NAME, create, inferArchitecture };
