/** The networks of SECGAN and their variables. */
import { GraphBuilder } from "../../ops/graph.ts";
import type { Shape } from "../../ops/op.ts";
import { appendDiscriminator, type DiscriminatorOptions } from "./discriminator.ts";
import { appendGenerator, type GeneratorOptions } from "./generator.ts";
import { BLOCK_CLIP, type SecganGeometry } from "./geometry.ts";
import { LayerScope, NetworkGraph, type NetworkVariable } from "./layers.ts";
import { segmenterChannels, type SegmenterOptions } from "./segmenter.ts";

/** Everything that is trained together. */
export interface SecganModel {
  readonly geometry: SecganGeometry;
  readonly generator: GeneratorOptions;
  readonly discriminator: DiscriminatorOptions;
  /** Null for a plain CycleGAN. */
  readonly segmenter: SegmenterOptions | null;
}

/** Scopes of the networks, as checkpoints name them: U is the new domain, L the labelled one, s judges segmentations. */
export const SCOPES = {
  G: "generator_G",
  F: "generator_F",
  Du: "discriminator_D_u",
  Dl: "discriminator_D_l",
  Ds: "discriminator_D_s",
} as const;

/** One of the networks. */
export type NetworkName = keyof typeof SCOPES;

/** Networks that one optimizer changes, in the order in which the reference's update them. */
export function updateGroups(model: SecganModel): readonly (readonly NetworkName[])[] {
  return [["G"], model.segmenter ? ["Dl", "Ds"] : ["Dl"], ["F"], ["Du"]];
}

/** Variables of a network, in order of use; a generator's do not depend on anything else of the model. */
export function networkVariables(
  model: Omit<SecganModel, "geometry">,
  network: NetworkName,
): readonly NetworkVariable[] {
  const graph = new NetworkGraph(new GraphBuilder());
  const scope = new LayerScope(graph, SCOPES[network]);
  if (network === "G" || network === "F") {
    const edge = BLOCK_CLIP * model.generator.depth + 1;
    appendGenerator(scope, graph.input("x", cube(edge, 1)), model.generator);
  } else {
    const channels = network === "Ds" ? segmenterChannels(model.segmenter!) : 1;
    appendDiscriminator(scope, graph.input("x", cube(9, channels)), model.discriminator);
  }
  return graph.variables;
}

/** Variables of all networks. */
export function secganVariables(model: SecganModel): NetworkVariable[] {
  return updateGroups(model).flat().flatMap((network) => networkVariables(model, network));
}

function cube(edge: number, channels: number): Shape {
  return [1, edge, edge, edge, channels];
}
