/** Gradients of weights by direct summation (`assembly/generate_conv3d_weight_grad.ts`). */
import { elementCount } from "../engine/formats/nd_array.ts";
import type { Call } from "../engine/ops/op.ts";
import { spansOf, windowsOf } from "../engine/ops/windows.ts";
import { FLOAT_BYTES, type Halo, haloOf, spatialShape } from "./layout.ts";
import { atFirstTap, byStride, type LaunchContext, offsetBy } from "./launcher.ts";
import { emitSum, partsOf } from "./parts.ts";
import { rowCount } from "./rows.ts";

/** Inputs of a group: enough to use what is loaded of dy, few enough that groups are many. */
const GROUP = 64;
/** Items for many threads; parts are made where the groups of all taps are fewer. */
const ITEMS = 64;
/** Bytes of x and dy that a group goes through before the next: half of what a core keeps near. */
const CHUNK_BYTES = 1 << 19;

/** As many zeros as the kernel reaches. */
export function directGradHalo(call: Call): Halo {
  const [{ shape }] = call.inputs;
  return haloOf(
    spansOf(spatialShape(shape), call.outputs[0].shape, windowsOf(call.attributes)),
  );
}

export function launchDirectGrad(call: Call, context: LaunchContext): void {
  const [x, dy] = call.inputs;
  const [dw, dbias] = call.outputs;
  const [kz, ky, kx, ci, co] = dw.shape;
  const { stride } = windowsOf(call.attributes);
  const view = atFirstTap(context.view(x), directGradHalo(call).before);
  const joined = view.layout.pitch === ci;
  const inputs = joined ? kx * ci : ci;
  const taps = [kz, ky, joined ? 1 : kx];
  const groups = elementCount(taps) * Math.ceil(inputs / GROUP);
  const rows = rowCount(dy.shape);
  const parts = Math.min(partsOf(rows), Math.ceil(ITEMS / groups));
  const rowBytes = dy.shape[3] * (stride * ci + co) * FLOAT_BYTES;
  const chunk = Math.min(rows, Math.max(1, Math.floor(CHUNK_BYTES / rowBytes)));
  const floats = elementCount(dw.shape);
  const strideBytes = (floats + co) * FLOAT_BYTES;
  const from = context.temporary(parts * strideBytes);
  context.emit({
    kernel: "conv3d_weight_grad",
    args: [
      rows,
      ...spatialShape(dy.shape),
      ...taps,
      inputs,
      co,
      { f32: call.attributes.reluInput === true ? 0 : -Infinity },
      parts,
      strideBytes,
      chunk,
      GROUP,
      view.slice,
      view.row,
      view.voxel,
      from,
      byStride(view, stride),
      context.view(dy),
    ],
    items: parts * groups,
    scratchBytes: chunk * 2 * FLOAT_BYTES,
  });
  emitSum(context, { parts, stride: strideBytes, from, to: context.place(dw), floats });
  const biasSums = offsetBy(from, floats * FLOAT_BYTES);
  emitSum(context, {
    parts,
    stride: strideBytes,
    from: biasSums,
    to: context.place(dbias),
    floats: co,
  });
}
