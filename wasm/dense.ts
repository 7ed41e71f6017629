import { dense as op, denseGrad as gradOp } from "../engine/ops/dense.ts";
import type { Launcher } from "./launcher.ts";

/** A fully connected layer, cut by outputs; vectors of a batch lie like the voxels of a row. */
export const dense: Launcher = {
  op: op.name,
  plain: { inputs: [1, 2] },
  launch(call, context) {
    const [x, weights, bias] = call.inputs;
    const [batch, out] = call.outputs[0].shape;
    const [from, to] = [x, call.outputs[0]].map(context.view);
    const places = [context.place(weights), context.place(bias), from.place, to.place];
    context.emit({
      kernel: "dense",
      args: [batch, weights.shape[0], out, from.voxel, to.voxel, ...places],
      items: batch * out,
    });
  },
};

/** Its gradients, cut by inputs. */
export const denseGrad: Launcher = {
  op: gradOp.name,
  plain: { inputs: [1], outputs: [1, 2] },
  launch(call, context) {
    const [x, weights, dy] = call.inputs;
    const [dx, dw, dbias] = call.outputs;
    const [batch, out] = dy.shape;
    const views = [x, dy, dx].map(context.view);
    context.emit({
      kernel: "dense_grad",
      args: [
        ...[batch, weights.shape[0], out],
        ...views.map(({ voxel }) => voxel),
        context.place(weights),
        ...views.map(({ place }) => place),
        context.place(dw),
        context.place(dbias),
      ],
      items: weights.shape[0],
    });
  },
};
