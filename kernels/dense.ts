import { elementCount } from "../engine/formats/nd_array.ts";
import type { Call } from "../engine/ops/op.ts";
import source from "./dense.wgsl" with { type: "text" };
import gradSource from "./dense_grad.wgsl" with { type: "text" };
import { groupsFor, type Launch, type Launcher, type Operand, words } from "./kernel.ts";

const INPUTS = [0, 1, 2].map((index): { operand: Operand } => ({
  operand: { kind: "input", index },
}));

function launch(label: string, { inputs: [x, weights], outputs }: Call, index: number): Launch {
  const [batch] = x.shape;
  const [channelsIn, out] = weights.shape;
  const elements = elementCount(outputs[index].shape);
  const isGrad = label === "dense_grad";
  return {
    label,
    source: isGrad ? gradSource : source,
    constants: isGrad ? { PART: index } : {},
    bindings: [...INPUTS, { operand: { kind: "output", index }, write: true }],
    params: words(batch, channelsIn, out, elements),
    workgroups: [groupsFor(elements), 1, 1],
  };
}

/** A fully connected layer. */
export const denseLauncher: Launcher = {
  variants: [{
    name: "generic",
    supports: () => true,
    plan: ({ call }) => ({
      scratch: {},
      packed: {},
      prepare: [],
      launches: [launch("dense", call, 0)],
    }),
  }],
};

/** Its gradients by input, weights and bias. */
export const denseGradLauncher: Launcher = {
  variants: [{
    name: "generic",
    supports: () => true,
    plan: ({ call }) => ({
      scratch: {},
      packed: {},
      prepare: [],
      launches: [0, 1, 2].map((index) => launch("dense_grad", call, index)),
    }),
  }],
};
