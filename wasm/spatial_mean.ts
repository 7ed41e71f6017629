import { volumeOf } from "../engine/geometry/vectors.ts";
import { spatialMean as op, spatialMeanGrad as gradOp } from "../engine/ops/spatial_mean.ts";
import { emitStatistics, sumBytes } from "./channel_norm.ts";
import type { Launcher } from "./launcher.ts";
import { spatialShape } from "./layout.ts";
import { rowArguments, rowCount } from "./rows.ts";

/** Below every variance: only means are wanted. */
const MEANS_ONLY = -1;

/** Means over the voxels of a sample, summed in parts in float64. */
export const spatialMean: Launcher = {
  op: op.name,
  launch(call, context) {
    const [x] = call.inputs;
    const { place, voxel } = context.view(call.outputs[0]);
    const groups = x.shape[0];
    const sums = context.temporary(sumBytes(x, groups));
    emitStatistics(context, x, { groups, epsilon: MEANS_ONLY, sums, to: place, step: voxel });
  },
};

/** Its gradient, cut by rows. */
export const spatialMeanGrad: Launcher = {
  op: gradOp.name,
  launch(call, context) {
    const [dx] = call.outputs;
    const { place, voxel } = context.view(call.inputs[0]);
    context.emit({
      kernel: "spatial_mean_grad",
      args: [
        ...rowArguments(dx.shape),
        { f32: 1 / volumeOf(spatialShape(dx.shape)) },
        place,
        voxel,
        context.view(dx),
      ],
      items: rowCount(dx.shape),
    });
  },
};
