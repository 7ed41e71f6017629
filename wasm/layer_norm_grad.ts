import { gradEpsilon, layerNormGrad as op } from "../engine/ops/layer_norm_grad.ts";
import { FLOAT_BYTES } from "./layout.ts";
import { type Launcher, offsetBy } from "./launcher.ts";
import { emitSum, partCount } from "./parts.ts";

/** Gradients of layer normalisation, summed in parts. */
export const layerNormGrad: Launcher = {
  op: op.name,
  plain: { inputs: [2], outputs: [1, 2] },
  launch(call, context) {
    const [x, dy, scale] = call.inputs;
    const [dx, dscale, dbias] = call.outputs;
    const channels = x.shape[4];
    const parts = partCount(x.shape);
    const stride = 2 * channels * FLOAT_BYTES;
    const from = context.temporary(parts * stride);
    context.emit({
      kernel: "layer_norm_grad",
      args: [
        ...x.shape,
        { f32: gradEpsilon(call.attributes) },
        parts,
        stride,
        from,
        context.place(scale),
        ...[x, dy, dx].map(context.view),
      ],
      items: parts,
    });
    for (const [i, sum] of [dscale, dbias].entries()) {
      const first = offsetBy(from, i * channels * FLOAT_BYTES);
      const to = context.place(sum);
      emitSum(context, { parts, stride, from: first, to, floats: channels });
    }
  },
};
