/**
 * The discriminators of SECGAN: one number per sample, or with the head `patch` the map of the last residual module (the
 * form of the preprint, Januszewski & Jain 2019, bioRxiv 548081).
 */
import type { Value } from "../../ops/op.ts";
import type { LayerScope, NormName } from "./layers.ts";

/** What a discriminator is made of. */
export interface DiscriminatorOptions {
  readonly kind: "resnet18" | "convdisc";
  readonly norm: NormName;
  /** Halves the image behind the first convolution; resnet18 only. */
  readonly earlyMaxpool: boolean;
  /** Convolutions of a convdisc. */
  readonly depth: number;
  /** `dense`: mean over the image and a dense layer to one number; `patch`: the last map itself. */
  readonly head: "dense" | "patch";
}

/** Output channels of the first convolution; each stage of resnet18, and each layer of convdisc, doubles them. */
const WIDTH = 64;

/** Appends a discriminator; x is `[batch, n, n, n, c]`, the result `[batch, 1]` or a map `[batch, m, m, m, channels]`. */
export function appendDiscriminator(
  scope: LayerScope,
  x: Value,
  options: DiscriminatorOptions,
): Value {
  const map = options.kind === "resnet18"
    ? appendResnet18(scope, x, options)
    : appendConvdisc(scope, x, options);
  if (options.head === "patch") return map;
  return scope.in("probs").dense("fully_connected", scope.spatialMean(map), 1);
}

function appendResnet18(
  scope: LayerScope,
  x: Value,
  { norm, earlyMaxpool }: DiscriminatorOptions,
): Value {
  const first = scope.in("conv1");
  const conv1 = first.conv("conv1", x, {
    ...{ kernel: 7, channels: WIDTH, stride: 2, padding: "same" } as const,
  });
  let y = scope.relu(first.norm("norm", conv1, norm));
  if (earlyMaxpool) y = scope.maxPool(y);
  for (const stage of [2, 3, 4, 5]) {
    for (const unit of [1, 2]) {
      const shrinks = stage > 2 && unit === 1;
      y = appendUnit(scope.in(`conv${stage}_${unit}`), y, WIDTH << (stage - 2), shrinks, norm);
    }
  }
  return y;
}

/** Two convolutions and a skip; where the unit halves the image, the skip is a convolution with a ReLU behind it. */
function appendUnit(
  scope: LayerScope,
  x: Value,
  channels: number,
  shrinks: boolean,
  norm: NormName,
): Value {
  const stride = shrinks ? 2 : 1;
  const same = { channels, padding: "same" } as const;
  const skip = shrinks ? scope.relu(scope.conv("Conv", x, { ...same, kernel: 1, stride })) : x;
  const conv1 = scope.conv("conv1", x, { ...same, kernel: 3, stride });
  const inner = scope.relu(scope.norm("norm1", conv1, norm));
  const conv2 = scope.conv("conv2", inner, { ...same, kernel: 3 });
  return scope.relu(scope.add(scope.norm("norm2", conv2, norm), skip));
}

function appendConvdisc(scope: LayerScope, x: Value, { norm, depth }: DiscriminatorOptions): Value {
  let y = x;
  for (let i = 0; i < depth; i++) {
    const conv = scope.conv(`conv${i}`, y, { kernel: 5, channels: WIDTH << i, padding: "same" });
    y = scope.leakyRelu(scope.norm(`norm${i}`, conv, norm));
  }
  return y;
}
