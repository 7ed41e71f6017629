/** The graph of a step that trains an encoder or a decoder, the other one frozen. */
import { LayerScope, NetworkGraph } from "../../models/secgan/layers.ts";
import {
  appendEncoder,
  appendStyleDecoder,
  DECODER_SCOPE,
  type StyleDecoder,
  type StyleEncoder,
} from "../../models/secgan/style_networks.ts";
import { appendAdd } from "../../ops/binary.ts";
import { appendGradients } from "../../ops/gradients.ts";
import { type Graph, GraphBuilder } from "../../ops/graph.ts";
import { appendMeanError } from "../../ops/mean_error.ts";
import { gradientName } from "../training_graphs.ts";

/** What is built. */
export interface StyleGraphOptions {
  readonly encoder: StyleEncoder;
  readonly decoder: StyleDecoder;
  readonly trained: "encoder" | "decoder";
  /** Edge of the cubes. */
  readonly edge: number;
  readonly batch: number;
  /** Weight of mean (D(E(x)) - x)². */
  readonly pixelWeight: number;
  /** Weight of mean (E(D(E(x))) - E(x))². */
  readonly encodingWeight: number;
}

/**
 * Inputs `image` and `seed` `[batch, edge, edge, edge, 1]`. Outputs `decoded` of that shape, `loss`, `loss/pixel` and
 * `loss/encoding` `[1]`, the last two without weight, and `gradients/<variable>` of what is trained. Both uses of an encoder
 * carry gradients.
 */
export function styleGraph(options: StyleGraphOptions): Graph {
  const { encoder, decoder, trained, edge, batch, pixelWeight, encodingWeight } = options;
  const builder = new GraphBuilder();
  const networks = new NetworkGraph(builder);
  const cubes = [batch, edge, edge, edge, 1];
  const [image, seed] = ["image", "seed"].map((name) => builder.input(name, cubes));
  const encoding = new LayerScope(networks, encoder.scope);
  const decoding = new LayerScope(networks, DECODER_SCOPE);
  const code = appendEncoder(encoding, image, seed, encoder);
  const decoded = appendStyleDecoder(decoding, code, decoder);
  const again = appendEncoder(encoding, decoded, seed, encoder);
  builder.output("decoded", decoded);
  builder.output("loss/pixel", appendMeanError(builder, "squared", [decoded, image]));
  builder.output("loss/encoding", appendMeanError(builder, "squared", [again, code]));
  const loss = appendAdd(
    builder,
    appendMeanError(builder, "squared", [decoded, image], pixelWeight),
    appendMeanError(builder, "squared", [again, code], encodingWeight),
  );
  builder.output("loss", loss);
  const scope = trained === "decoder" ? DECODER_SCOPE : encoder.scope;
  const forward = builder.build();
  const wanted = [...forward.parameters.values()].filter((v) => v.name.startsWith(`${scope}/`));
  const gradients = appendGradients(builder, forward, loss, wanted);
  for (const { id, name } of wanted) builder.output(gradientName(name), gradients.get(id)!);
  return builder.build();
}
