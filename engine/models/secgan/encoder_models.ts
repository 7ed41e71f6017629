/**
 * Two flood-filling networks made of parts of others, for requests:
 *
 * - `secgan.SwappedEncoderFFNModel`: a `ConvStack3DFFNModel` whose first modules come from a checkpoint of an encoder.
 * - `secgan.EncoderDecoderFFNModel`: the image goes through the first modules of the network, with an object map of zeros,
 *   and a decoder that was trained to give the image back; the network then segments what came out.
 */
import { appendAdd } from "../../ops/binary.ts";
import { type Graph, GraphBuilder } from "../../ops/graph.ts";
import type { Value } from "../../ops/op.ts";
import { convStack3d } from "../convstack_3d.ts";
import { ArgsReader } from "../model_args.ts";
import type { Model, ModelArgs, ModelClass, Variable } from "../model.ts";
import { LayerScope, NetworkGraph } from "./layers.ts";

/** Scope of the variables of a flood-filling network. */
const FFN = "seed_update";

/** `seed_update/conv3_b/weights` belongs to module 3. */
function moduleOf(variable: string): number {
  return Number(/^seed_update\/conv(\d+)_[ab]\//.exec(variable)?.[1] ?? NaN);
}

/** The network inside, without the arguments that are ours, and with one number of features. */
function innerModel(name: string, args: ModelArgs, own: readonly string[]) {
  const reader = new ArgsReader(name, args);
  const paths = own.map((key) => reader.text(key));
  const layer = reader.integer("layer", 3, 1, 1000);
  const rest = Object.entries(args).filter(([key]) => key !== "layer" && !own.includes(key));
  const inner = convStack3d.create(Object.fromEntries(rest));
  if (layer > inner.architecture.depth) {
    throw new RangeError(
      `Cannot create ${name}: layer must be at most the depth ${inner.architecture.depth}, current value is ${layer}`,
    );
  }
  return { inner, layer, paths };
}

const SWAPPED = "secgan.SwappedEncoderFFNModel";

/** `encoder_ckpt` and `layer` (3) beside the arguments of `ConvStack3DFFNModel`. */
export const swappedEncoder: ModelClass = {
  name: SWAPPED,
  inferArchitecture: convStack3d.inferArchitecture,
  create(args: ModelArgs): Model {
    const { inner, layer, paths: [path] } = innerModel(SWAPPED, args, ["encoder_ckpt"]);
    const nameThere = (variable: string) =>
      moduleOf(variable) < layer ? variable.replace(FFN, "encoder") : null;
    return { ...inner, name: SWAPPED, otherCheckpoints: [{ path, nameThere }] };
  },
};

const ENCODER_DECODER = "secgan.EncoderDecoderFFNModel";

/**
 * Appends the modules of an encoder or a decoder, all of `channels`: as those of a flood-filling network, and the last one
 * of an encoder without its skip. x is `[batch, z, y, x, channel]`.
 */
export function appendModules(
  scope: LayerScope,
  x: Value,
  depth: number,
  channels: (conv: number) => number,
  lastSkip: boolean,
): Value {
  const conv = (name: string, value: Value, count: number) =>
    scope.conv(name, value, { kernel: 3, channels: count, padding: "same" });
  let y = x;
  for (let i = 0; i < depth; i++) {
    const inner = conv(`conv${i}_a`, i === 0 ? y : scope.relu(y), channels(2 * i));
    const outer = conv(`conv${i}_b`, scope.relu(inner), channels(2 * i + 1));
    const skips = i > 0 && (lastSkip || i < depth - 1);
    y = skips ? scope.add(outer, y) : outer;
  }
  return y;
}

/** Appends a decoder: as many modules, and a last convolution of 1³ to one channel. */
export function appendDecoder(
  scope: LayerScope,
  x: Value,
  depth: number,
  channels: number,
): Value {
  const y = scope.relu(appendModules(scope, x, depth, () => channels, true));
  return scope.conv("conv_decoding", y, { kernel: 1, channels: 1, padding: "same" });
}

function buildEncoderDecoder(inner: Model, layer: number, batch: number): Graph {
  const { depth, features } = inner.architecture;
  const channels = (i: number) => typeof features === "number" ? features : features[i];
  const builder = new GraphBuilder();
  const image = builder.input("image", [batch, ...inner.fovSize, 1]);
  const seed = builder.input("seed", [batch, ...inner.fovSize, 1]);
  const graph = new NetworkGraph(builder);
  const ffn = new LayerScope(graph, FFN), decoder = new LayerScope(graph, "decoder");
  const flat = ffn.affine(image, 0, 0);
  const encoded = appendModules(ffn, ffn.concat([image, flat]), layer, channels, false);
  const decoded = appendDecoder(decoder, encoded, layer, channels(2 * layer - 1));
  const last = appendModules(ffn, ffn.concat([decoded, seed]), depth, channels, true);
  const update = ffn.conv("conv_lom", ffn.relu(last), { kernel: 1, channels: 1, padding: "same" });
  builder.output("logits", appendAdd(builder, update, seed));
  return builder.build();
}

/** `decoder_ckpt` and `layer` (3) beside the arguments of `ConvStack3DFFNModel`. */
export const encoderDecoder: ModelClass = {
  name: ENCODER_DECODER,
  inferArchitecture: convStack3d.inferArchitecture,
  create(args: ModelArgs): Model {
    const { inner, layer, paths: [path] } = innerModel(ENCODER_DECODER, args, ["decoder_ckpt"]);
    const build = (batch: number) => buildEncoderDecoder(inner, layer, batch);
    const variables: Variable[] = [...build(1).parameters.values()].map(({ name, shape }) => ({
      name,
      shape,
    }));
    const nameThere = (variable: string) => variable.startsWith("decoder/") ? variable : null;
    return {
      ...inner,
      name: ENCODER_DECODER,
      variables,
      otherCheckpoints: [{ path, nameThere }],
      build,
    };
  },
};
