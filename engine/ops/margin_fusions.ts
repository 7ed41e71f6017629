/**
 * Passes that let a convolution, or the gradient of its input, take a residual of another size: the skips around convolutions
 * without padding. Only backends whose kernels have these switches apply them, after the other fusions.
 */
import { conv3d } from "./conv3d.ts";
import { conv3dInputGrad } from "./conv3d_grad.ts";
import { crop, embed, marginOf } from "./crop.ts";
import { type Fusion, rewrite, Uses } from "./fusions.ts";
import type { Call, Op } from "./op.ts";

/** Residuals of `op` that nothing else reads and that `made` computes → the call takes what was cropped or embedded. */
function fuseResidualMargin(op: Op, made: Op): Fusion {
  return (graph) => {
    const uses = new Uses(graph);
    const replacements = new Map<Call, Call | null>();
    for (const call of graph.calls) {
      if (call.op !== made) continue;
      const reader = uses.soleReader(call.outputs[0]);
      if (reader?.op !== op || reader.attributes.residual !== true) continue;
      if (reader.inputs.at(-1)!.id !== call.outputs[0].id) continue;
      replacements.set(call, null);
      replacements.set(reader, {
        ...reader,
        inputs: [...reader.inputs.slice(0, -1), call.inputs[0]],
        attributes: { ...reader.attributes, residualMargin: marginOf(call.attributes) },
      });
    }
    return rewrite(graph, replacements);
  };
}

/** conv3d(…) + crop(x) → one call that adds the middle of x. */
export const fuseCrop: Fusion = fuseResidualMargin(conv3d, crop);

/** conv3d_input_grad(…) + embed(dy) → one call that adds dy in the middle. */
export const fuseEmbed: Fusion = fuseResidualMargin(conv3dInputGrad, embed);

/** Applies both. */
export const fuseMargins: Fusion = (graph) => fuseEmbed(fuseCrop(graph));
