import { gradEpsilon } from "../engine/ops/layer_norm_grad.ts";
import {
  floatBits,
  groupsFor,
  type Launch,
  type Launcher,
  type Operand,
  type Plan,
  words,
  WORKGROUP,
} from "./kernel.ts";
import { isBlocked, voxelCount } from "./layout.ts";
import sums from "./layer_norm_grad_sums.wgsl" with { type: "text" };
import source from "./layer_norm_grad.wgsl" with { type: "text" };
import { splitsOf, sumParts } from "./reduction.ts";

const X: Operand = { kind: "input", index: 0 };
const DY: Operand = { kind: "input", index: 1 };
const SCALE: Operand = { kind: "input", index: 2 };
const STATISTICS: Operand = { kind: "scratch", name: "statistics" };
const SCALE_PARTS: Operand = { kind: "scratch", name: "parts" };
const BIAS_PARTS: Operand = { kind: "scratch", name: "bias_parts" };

/** Gradients of layer normalisation by its input, scale and bias. */
export const layerNormGradLauncher: Launcher = {
  variants: [{
    name: "voxel",
    supports: ({ inputs: [x, dy], outputs: [dx] }) =>
      [x, dy, dx].every((l) => isBlocked(l) && l.real === "f32"),
    plan({ call, inputs: [x] }, profile): Plan {
      const voxels = x.batch * voxelCount(x);
      const bytes = 16 * x.blocks;
      const splits = splitsOf(voxels, 4 * WORKGROUP, { bytes, threads: WORKGROUP }, profile);
      const label = `layer_norm_grad ${x.channels}`;
      const perVoxel: Launch = {
        label,
        source,
        constants: {},
        bindings: [
          { operand: X },
          { operand: DY },
          { operand: SCALE },
          { operand: { kind: "output", index: 0 }, write: true },
          { operand: STATISTICS, write: true },
        ],
        params: words(x.z, x.y, x.x, x.channels, floatBits(gradEpsilon(call.attributes))),
        workgroups: [groupsFor(voxelCount(x)), 1, x.batch],
      };
      const perChannel: Launch = {
        label: `${label} sums`,
        source: sums,
        constants: {},
        bindings: [
          { operand: X },
          { operand: DY },
          { operand: STATISTICS },
          { operand: SCALE_PARTS, write: true },
          { operand: BIAS_PARTS, write: true },
        ],
        params: words(x.z, x.y, x.x, x.blocks, voxels, splits.size),
        workgroups: [splits.count, x.blocks, 1],
      };
      const total = (parts: Operand, index: number) =>
        sumParts(
          label,
          { parts, y: { kind: "output", index } },
          splits,
          [1, 1, x.channels],
          [1, 4 * x.blocks],
        );
      return {
        scratch: {
          statistics: 8 * voxels,
          parts: splits.count * bytes,
          bias_parts: splits.count * bytes,
        },
        packed: {},
        prepare: [],
        launches: [perVoxel, perChannel, total(SCALE_PARTS, 1), total(BIAS_PARTS, 2)],
      };
    },
  }],
};
