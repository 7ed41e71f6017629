import { elementCount } from "../engine/formats/nd_array.ts";
import {
  OPTIMIZER_STATES,
  type OptimizerConstants,
  optimizerConstants,
} from "../engine/ops/optimizer_step.ts";
import {
  floatBits,
  type Launch,
  type Launcher,
  type Operand,
  type Plan,
  rowsFor,
  words,
} from "./kernel.ts";
import { isBlocked } from "./layout.ts";
import oneState from "./optimizer_step_one_state.wgsl" with { type: "text" };
import sgd from "./optimizer_step_sgd.wgsl" with { type: "text" };
import twoStates from "./optimizer_step_two_states.wgsl" with { type: "text" };

/** Stands for no clipping: shaders may not count on infinities. */
const LARGEST_FLOAT = 3.4028234663852886e38;

/** Kernel, switches and members of Params after the number of elements and the clip. */
function ruleOf(c: OptimizerConstants): {
  readonly source: string;
  readonly constants: Launch["constants"];
  readonly members: readonly number[];
} {
  switch (c.name) {
    case "sgd":
      return { source: sgd, constants: {}, members: [] };
    case "momentum":
      return { source: oneState, constants: { FUNCTION: 0 }, members: [c.momentum] };
    case "adagrad":
      return { source: oneState, constants: { FUNCTION: 1 }, members: [0] };
    case "adam": {
      const members = [c.beta1, 1 - c.beta1, c.beta2, 1 - c.beta2, c.epsilon];
      return { source: twoStates, constants: { FUNCTION: 0 }, members };
    }
    case "rmsprop": {
      const members = [c.decay, 1 - c.decay, c.momentum, 0, c.epsilon];
      return { source: twoStates, constants: { FUNCTION: 1 }, members };
    }
  }
}

/** One step of an optimizer on one variable. */
export const optimizerStepLauncher: Launcher = {
  variants: [{
    name: "flat",
    supports: ({ inputs, outputs }) => ![...inputs, ...outputs].some(isBlocked),
    plan({ call }): Plan {
      const constants = optimizerConstants(call.attributes);
      const rule = ruleOf(constants);
      const states = OPTIMIZER_STATES[constants.name];
      const operand = (kind: "input" | "output", index: number): Operand => ({ kind, index });
      const elements = elementCount(call.outputs[0].shape);
      const clip = Math.min(constants.clip, LARGEST_FLOAT);
      return {
        scratch: {},
        packed: {},
        prepare: [],
        launches: [{
          label: `optimizer_step ${constants.name}`,
          source: rule.source,
          constants: rule.constants,
          bindings: [
            ...call.inputs.map((_, index) => ({ operand: operand("input", index) })),
            ...Array.from(
              { length: 1 + states },
              (_, index) => ({ operand: operand("output", index), write: true }),
            ),
          ],
          params: words(elements, floatBits(clip), ...rule.members.map(floatBits)),
          workgroups: rowsFor(elements),
        }],
      };
    },
  }],
  plain: { inputs: [0, 1, 2, 3, 4], outputs: [0, 1, 2] },
};
