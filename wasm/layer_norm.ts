import { layerNorm as op, layerNormAttributes } from "../engine/ops/layer_norm.ts";
import type { Launcher } from "./launcher.ts";
import { rowArguments, rowCount } from "./rows.ts";

/** Per-voxel normalisation, cut by rows. */
export const layerNorm: Launcher = {
  op: op.name,
  plain: { inputs: [1, 2] },
  inPlace: (call) => call.inputs.slice(0, 1),
  launch(call, context) {
    const [x, scale, bias] = call.inputs;
    const { epsilon, reluOutput } = layerNormAttributes(call.attributes);
    context.emit({
      kernel: "layer_norm",
      args: [
        ...rowArguments(x.shape),
        { f32: epsilon },
        { f32: reluOutput ? 0 : -Infinity },
        context.place(scale),
        context.place(bias),
        context.view(x),
        context.view(call.outputs[0]),
      ],
      items: rowCount(x.shape),
    });
  },
};
