import { layerNormAttributes } from "../engine/ops/layer_norm.ts";
import { floatBits, groupsFor, type Launcher, type Plan, words } from "./kernel.ts";
import { isBlocked, voxelCount } from "./layout.ts";
import source from "./layer_norm.wgsl" with { type: "text" };

/** Layer normalisation over the channels of each voxel. */
export const layerNormLauncher: Launcher = {
  variants: [{
    name: "voxel",
    supports: ({ inputs, outputs }) => isBlocked(inputs[0]) && isBlocked(outputs[0]),
    plan({ call, inputs: [x], outputs: [y] }): Plan {
      const { epsilon, reluOutput } = layerNormAttributes(call.attributes);
      return {
        scratch: {},
        packed: {},
        prepare: [],
        launches: [{
          label: `layer_norm ${x.channels}`,
          source,
          constants: { RELU_OUTPUT: reluOutput, RealX: x.real, RealY: y.real },
          bindings: [
            { operand: { kind: "input", index: 0 } },
            { operand: { kind: "input", index: 1 } },
            { operand: { kind: "input", index: 2 } },
            { operand: { kind: "output", index: 0 }, write: true },
          ],
          params: words(y.z, y.y, y.x, x.channels, floatBits(epsilon)),
          workgroups: [groupsFor(voxelCount(y)), 1, y.batch],
        }],
      };
    },
  }],
};
