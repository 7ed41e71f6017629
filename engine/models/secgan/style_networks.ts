/** Encoders and decoders of style transfer: what their checkpoints hold, and their parts of a graph. */
import { FormatError } from "../../errors/errors.ts";
import type { Value } from "../../ops/op.ts";
import type { Variable, VariableShapes } from "../model.ts";
import { appendDecoder, appendModules } from "./encoder_models.ts";
import type { LayerScope } from "./layers.ts";

/** Scopes of an encoder: of one that was trained, and of a flood-filling network whose first modules it is. */
export type EncoderScope = "encoder" | "seed_update";

/** Scope of a decoder. */
export const DECODER_SCOPE = "decoder";

/** The first modules of a flood-filling network. */
export interface StyleEncoder {
  readonly scope: EncoderScope;
  /** Output channels of its convolutions, two per module. */
  readonly features: readonly number[];
}

/** As many modules as the encoder has, and a last convolution to one channel. */
export interface StyleDecoder {
  /** Modules. */
  readonly depth: number;
  /** Of what it is given, and of each of its convolutions. */
  readonly channels: number;
}

/** Voxels on each side that an encoder's or a decoder's result depends on. */
export function reachOf({ depth }: { readonly depth: number }): number {
  return 2 * depth;
}

/** Channels of what an encoder gives. */
export function codeChannels({ features }: StyleEncoder): number {
  return features.at(-1)!;
}

/**
 * The first `layer` modules that a checkpoint holds under a scope.
 *
 * @throws {FormatError} when it has none, or fewer; of a trained encoder also when it has more.
 */
export function inferEncoder(
  path: string,
  variables: VariableShapes,
  scope: EncoderScope,
  layer: number,
): StyleEncoder {
  const features: number[] = [];
  for (let i = 0;; i++) {
    const shapes = ["a", "b"].map((half) =>
      variables.get(`${scope}/conv${i}_${half}/weights`)?.shape
    );
    if (shapes.some((shape) => shape?.length !== 5)) break;
    features.push(...shapes.map((shape) => shape![4]));
  }
  const depth = features.length / 2;
  if (depth >= layer && (scope === "seed_update" || depth === layer)) {
    return { scope, features: features.slice(0, 2 * layer) };
  }
  const what = scope === "encoder" ? "an encoder" : "a network";
  throw new FormatError(
    `Cannot use "${path}" as ${what} of --layer ${layer}: it has ${depth} modules under "${scope}/"`,
    { path },
  );
}

/**
 * The decoder that a checkpoint holds.
 *
 * @throws {FormatError} when there is none, or not one for `layer` modules of an encoder.
 */
export function inferDecoder(path: string, variables: VariableShapes, layer: number): StyleDecoder {
  const shape = variables.get(`${DECODER_SCOPE}/conv0_a/weights`)?.shape;
  let depth = 0;
  while (variables.has(`${DECODER_SCOPE}/conv${depth}_b/weights`)) depth++;
  if (shape?.length === 5 && depth === layer) return { depth, channels: shape[3] };
  throw new FormatError(
    `Cannot use "${path}" as a decoder of --layer ${layer}: it has ${depth} modules under "${DECODER_SCOPE}/"`,
    { path },
  );
}

/**
 * Every wanted variable must be there with its shape.
 *
 * @throws {FormatError} naming the first that is not.
 */
export function checkVariables(
  path: string,
  found: VariableShapes,
  wanted: Iterable<Variable>,
): void {
  for (const { name, shape } of wanted) {
    const there = found.get(name)?.shape;
    if (`${there}` === `${shape}`) continue;
    throw new FormatError(
      `Cannot load "${path}": variable "${name}" must have shape [${shape.join(", ")}], ${
        there ? `current shape is [${there.join(", ")}]` : "it is missing"
      }`,
      { path },
    );
  }
}

/** Appends an encoder; image and seed `[batch, z, y, x, 1]`, the result has `codeChannels` channels. */
export function appendEncoder(
  scope: LayerScope,
  image: Value,
  seed: Value,
  { features }: StyleEncoder,
): Value {
  const code = scope.concat([image, seed]);
  return appendModules(scope, code, features.length / 2, (i) => features[i], false);
}

/** Appends a decoder; the result is `[batch, z, y, x, 1]`. */
export function appendStyleDecoder(scope: LayerScope, code: Value, decoder: StyleDecoder): Value {
  return appendDecoder(scope, code, decoder.depth, decoder.channels);
}
