/**
 * Passes that let the backward calls of convolutions do what stands around them in a residual network: the ReLU before them,
 * its gradient behind them, and the sum of two branches. Only backends whose kernels have these switches apply them.
 */
import { conv3d } from "./conv3d.ts";
import { conv3dInputGrad, conv3dWeightGrad } from "./conv3d_grad.ts";
import { type Fusion, isAdd, isRelu, merged, rewrite, Uses } from "./fusions.ts";
import type { Call } from "./op.ts";
import { unaryGrad } from "./unary_grad.ts";

/** Gradient of a ReLU of what conv3d_input_grad gives, and of nothing else → the gradient where the ReLU let it through. */
export const fuseReluMask: Fusion = (graph) => {
  const uses = new Uses(graph);
  const replacements = new Map<Call, Call | null>();
  for (const call of graph.calls) {
    if (call.op !== conv3dInputGrad || call.inputs.length > 2) continue;
    const [dx] = call.outputs;
    const reader = uses.soleReader(dx);
    if (reader?.op !== unaryGrad || reader.attributes.function !== "relu") continue;
    if (reader.inputs[1].id !== dx.id) continue;
    replacements.set(call, null);
    replacements.set(reader, merged(call, reader, { masked: true }, [reader.inputs[0]]));
  }
  return rewrite(graph, replacements);
};

/** conv3d_input_grad(…) + other, in either order → one call that adds other before it stores. */
export const fuseGradientSum: Fusion = (graph) => {
  const uses = new Uses(graph);
  const replacements = new Map<Call, Call | null>();
  for (const call of graph.calls) {
    if (call.op !== conv3dInputGrad || call.attributes.residual) continue;
    const [dx] = call.outputs;
    const reader = uses.soleReader(dx);
    if (!isAdd(reader) || replacements.has(reader)) continue;
    const other = reader.inputs[0].id === dx.id ? reader.inputs[1] : reader.inputs[0];
    replacements.set(call, null);
    replacements.set(reader, merged(call, reader, { residual: true }, [other]));
  }
  return rewrite(graph, replacements);
};

/**
 * relu(x) that only convolutions, gradients of weights and masks read → they read x: the first two apply the ReLU as they
 * load, and a mask is the same for both.
 */
export const fuseGradientInputRelu: Fusion = (graph) => {
  const uses = new Uses(graph);
  const replacements = new Map<Call, Call | null>();
  for (const call of graph.calls) {
    if (!isRelu(call)) continue;
    const [x] = call.inputs, [value] = call.outputs;
    const readers = uses.allReaders(value)?.map((reader) => replacements.get(reader) ?? reader);
    // A call that an earlier ReLU has changed stands for itself from then on.
    const originals = uses.allReaders(value) ?? [];
    const places = (reader: Call) =>
      reader.inputs.flatMap(({ id }, place) => id === value.id ? [place] : []).join();
    const fits = (reader: Call) =>
      reader.op === conv3d || reader.op === conv3dWeightGrad
        ? places(reader) === "0"
        : reader.op === conv3dInputGrad && reader.attributes.masked === true &&
          places(reader) === "2";
    if (!readers?.length || !readers.every(fits)) continue;
    replacements.set(call, null);
    readers.forEach((reader, i) => {
      const inputs = reader.inputs.map((input) => input.id === value.id ? x : input);
      const isMask = reader.op === conv3dInputGrad;
      const attributes = isMask ? reader.attributes : { ...reader.attributes, reluInput: true };
      replacements.set(originals[i], { ...reader, inputs, attributes });
    });
  }
  return rewrite(graph, replacements);
};

/** Applies every pass; masks come first, the others see what they made. */
export const fuseGradients: Fusion = (graph) =>
  [fuseReluMask, fuseGradientSum, fuseGradientInputRelu].reduce((g, pass) => pass(g), graph);
