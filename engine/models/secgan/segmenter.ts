/**
 * The frozen segmenter of SECGAN: one application of a flood-filling network of convolutions (`ConvStack3DFFNModel`) to an
 * image and an untouched seed. Its variables are bound, never trained.
 */
import type { Value } from "../../ops/op.ts";
import type { LayerScope } from "./layers.ts";

/** What the segmenter is made of, and what of it the discriminator sees. */
export interface SegmenterOptions {
  /** Modules of the network. */
  readonly depth: number;
  /** Output channels of its convolutions, two per module. */
  readonly features: readonly number[];
  /** From `depth` on the discriminator sees the last layer; below, what module `featuresLayer - 1` adds. */
  readonly featuresLayer: number;
  /** Mean and standard deviation, of values 0 to 255, that the network was trained with; absent for -1 to 1. */
  readonly imageScale?: { readonly mean: number; readonly stddev: number };
}

/** The last layer is shifted by this, without effect on what can be learnt. */
const LOGIT_SHIFT = -0.5;

/** Channels of what the discriminator sees. */
export function segmenterChannels({ depth, features, featuresLayer }: SegmenterOptions): number {
  return featuresLayer >= depth ? 1 : features[2 * featuresLayer - 1];
}

/**
 * Appends the segmenter under the scope `seed_update/`; image `[batch, f, f, f, 1]` in -1 to 1 and seed of the same shape
 * in logits, the result `[batch, f, f, f, channels]`.
 */
export function appendSegmenter(
  scope: LayerScope,
  image: Value,
  seed: Value,
  options: SegmenterOptions,
): Value {
  const { depth, features, featuresLayer, imageScale } = options;
  const conv = (name: string, value: Value, channels: number, kernel = 3) =>
    scope.conv(name, value, { kernel, channels, padding: "same" });
  const scaled = imageScale
    ? scope.affine(
      image,
      127.5 / imageScale.stddev,
      (127.5 - imageScale.mean) / imageScale.stddev,
    )
    : image;
  let x = scope.concat([scaled, seed]);
  for (let i = 0; i < depth; i++) {
    const first = i === 0 ? x : scope.relu(x);
    const inner = scope.relu(conv(`conv${i}_a`, first, features[2 * i]));
    const outer = conv(`conv${i}_b`, inner, features[2 * i + 1]);
    if (i === featuresLayer - 1 && featuresLayer < depth) return outer;
    x = i === 0 ? outer : scope.add(outer, x);
  }
  return scope.affine(conv("conv_lom", scope.relu(x), 1, 1), 1, LOGIT_SHIFT);
}

/** @throws {RangeError} when the discriminator cannot see this layer of a network of `depth` modules. */
export function checkFeaturesLayer(featuresLayer: number, depth: number): void {
  if (featuresLayer >= 2) return;
  const inner = depth > 3 ? `2 to ${depth - 1}` : "2";
  throw new RangeError(
    `Cannot use ffn_features_layer ${featuresLayer}: it must be ${inner} for what a module adds, or ${depth} and more for the last layer`,
  );
}
