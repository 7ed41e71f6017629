/** Gradients of weights by direct summation (`assembly/generate_conv3d_weight_grad.ts`). */
import { elementCount } from "../engine/formats/nd_array.ts";
import type { Call } from "../engine/ops/op.ts";
import { spansOf, windowsOf } from "../engine/ops/windows.ts";
import { FLOAT_BYTES, type Halo, spatialShape } from "./layout.ts";
import { atFirstTap, type LaunchContext, offsetBy } from "./launcher.ts";
import { emitSum, partCount } from "./parts.ts";

/** As many zeros as the kernel reaches. */
export function directGradHalo(call: Call): Halo {
  const [{ shape }] = call.inputs;
  const windows = windowsOf(call.attributes);
  const [z, y, x] = spansOf(spatialShape(shape), call.outputs[0].shape, windows);
  return { before: [z.before, y.before, x.before], after: [z.after, y.after, x.after] };
}

export function launchDirectGrad(call: Call, context: LaunchContext): void {
  const [x, dy] = call.inputs;
  const [dw, dbias] = call.outputs;
  const [kz, ky, kx, ci, co] = dw.shape;
  const floats = elementCount(dw.shape);
  const parts = partCount(dy.shape);
  const stride = (floats + co) * FLOAT_BYTES;
  const from = context.temporary(parts * stride);
  context.emit({
    kernel: "conv3d_weight_grad",
    args: [
      dy.shape[0],
      ...spatialShape(dy.shape),
      kz,
      ky,
      kx,
      ci,
      co,
      { f32: call.attributes.reluInput === true ? 0 : -Infinity },
      parts,
      stride,
      from,
      atFirstTap(context.view(x), directGradHalo(call).before),
      context.view(dy),
    ],
    items: parts,
  });
  emitSum(context, { parts, stride, from, to: context.place(dw), floats });
  const biasSums = offsetBy(from, floats * FLOAT_BYTES);
  emitSum(context, { parts, stride, from: biasSums, to: context.place(dbias), floats: co });
}
