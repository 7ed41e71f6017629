import { pool3d as op, pool3dGrad as gradOp } from "../engine/ops/pool3d.ts";
import type { Call, Shape } from "../engine/ops/op.ts";
import { kernelAttribute, spansOf, windowsOf } from "../engine/ops/windows.ts";
import type { Launcher } from "./launcher.ts";
import { spatialShape } from "./layout.ts";
import { rowCount } from "./rows.ts";

/** What both kernels begin with; shapes are those of x and of what is pooled. */
function windowArguments(call: Call, x: Shape, pooled: Shape): number[] {
  const kernel = kernelAttribute(call.attributes);
  const windows = windowsOf(call.attributes);
  const before = spansOf(spatialShape(x), kernel, windows).map((span) => span.before);
  const sizes = [...spatialShape(pooled), ...spatialShape(x), x[4]];
  return [...sizes, ...kernel, windows.stride, ...before];
}

/** Maxima, cut by rows of outputs. */
export const pool3d: Launcher = {
  op: op.name,
  launch(call, context) {
    const [[x], [y]] = [call.inputs, call.outputs];
    context.emit({
      kernel: "pool3d",
      args: [...windowArguments(call, x.shape, y.shape), ...[x, y].map(context.view)],
      items: rowCount(y.shape),
    });
  },
};

/** Their gradient, cut by rows of inputs: each asks the windows that see it. */
export const pool3dGrad: Launcher = {
  op: gradOp.name,
  launch(call, context) {
    const [[x, dy], [dx]] = [call.inputs, call.outputs];
    context.emit({
      kernel: "pool3d_grad",
      args: [...windowArguments(call, x.shape, dy.shape), ...[x, dy, dx].map(context.view)],
      items: rowCount(dx.shape),
    });
  },
};
