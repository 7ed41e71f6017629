/**
 * The generators of SECGAN: residual VALID convolutions, so that a pass takes 2·depth voxels from every side.
 *
 *   h = norm0_b(conv0_b(drop(relu(norm0_a(conv0_a(x))))))
 *   h = crop(h, 2) + norm{i}_b(conv{i}_b(drop(relu(norm{i}_a(conv{i}_a(drop(relu(h))))))))      for i in 1 .. depth-1
 *   y = tanh(gen_output(relu(h)))
 */
import type { Value } from "../../ops/op.ts";
import type { LayerScope, NormName } from "./layers.ts";

/** What a generator is made of. */
export interface GeneratorOptions {
  readonly depth: number;
  readonly channels: number;
  readonly norm: NormName;
  readonly dropout: boolean;
}

/** Voxels that a skip loses per side, as the two convolutions beside it. */
const SKIP_CROP = 2;

/** Appends a generator; x is `[batch, n, n, n, 1]`, the result `[batch, n - 4·depth, …, 1]` in (-1, 1). */
export function appendGenerator(scope: LayerScope, x: Value, options: GeneratorOptions): Value {
  const { depth, channels, norm, dropout } = options;
  const drop = (value: Value) => dropout ? scope.dropout(value) : value;
  const layer = (name: string, value: Value) => {
    const conv = { kernel: 3, channels, padding: "valid" } as const;
    return scope.norm(`norm${name}`, scope.conv(`conv${name}`, value, conv), norm);
  };
  // What the second convolution gives need not be computed again, and the first sees one channel.
  let h = scope.block(() => layer("0_b", drop(scope.relu(layer("0_a", x)))), true);
  for (let i = 1; i < depth; i++) {
    const before = h;
    h = scope.block(() => {
      const inner = layer(`${i}_a`, drop(scope.relu(before)));
      const outer = layer(`${i}_b`, drop(scope.relu(inner)));
      return scope.add(outer, scope.crop(before, SKIP_CROP));
    });
  }
  return scope.block(() => {
    const last = { kernel: 1, channels: 1, padding: "valid" } as const;
    return scope.tanh(scope.conv("gen_output", scope.relu(h), last));
  });
}
