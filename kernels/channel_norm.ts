/** Instance and batch normalisation, means over voxels, and their gradients: statistics of groups in parts, then voxels. */
import { batchEpsilon } from "../engine/ops/batch_norm.ts";
import { instanceEpsilon } from "../engine/ops/instance_norm.ts";
import gradSource from "./channel_norm_grad.wgsl" with { type: "text" };
import gradMeansSource from "./channel_norm_grad_means.wgsl" with { type: "text" };
import gradSumsSource from "./channel_norm_grad_sums.wgsl" with { type: "text" };
import momentsSource from "./channel_moments.wgsl" with { type: "text" };
import normSource from "./channel_norm.wgsl" with { type: "text" };
import statisticsSource from "./channel_statistics.wgsl" with { type: "text" };
import { fitsGrid, grid } from "./elementwise.ts";
import {
  type DeviceProfile,
  floatBits,
  groupsFor,
  type Launch,
  type Launcher,
  type Operand,
  type PlacedCall,
  words,
  WORKGROUP,
} from "./kernel.ts";
import { type Layout, layoutWords, voxelCount } from "./layout.ts";
import meanGradSource from "./spatial_mean_grad.wgsl" with { type: "text" };
import { splitsOf } from "./reduction.ts";

const input = (index: number): Operand => ({ kind: "input", index });
const output = (index: number): Operand => ({ kind: "output", index });
const scratch = (name: string): Operand => ({ kind: "scratch", name });

const STATISTICS = scratch("statistics");
const PARTS = scratch("parts");
const MEANS = scratch("means");
/** Takes a gradient that nobody wants. */
const UNUSED = scratch("unused");

/** How x is cut into groups, and these into splits. */
interface Extent {
  readonly groups: number;
  readonly splits: number;
  /** `size_z, size_y, size_x, channels, voxels of a group, splits, voxels of a split`. */
  readonly words: readonly number[];
  readonly partsBytes: number;
  readonly statisticsBytes: number;
}

function extentOf(x: Layout, groups: number, profile: DeviceProfile): Extent {
  const voxels = x.batch * voxelCount(x) / groups;
  const bytes = 8 * x.channels * groups;
  const splits = splitsOf(voxels, 4 * WORKGROUP, { bytes, threads: WORKGROUP }, profile);
  return {
    groups,
    splits: splits.count,
    words: [x.z, x.y, x.x, x.channels, voxels, splits.count, splits.size],
    partsBytes: splits.count * bytes,
    statisticsBytes: bytes,
  };
}

/** Mean and inverse deviation of the groups into `to`, or only the means (no epsilon). */
function statistics(x: Layout, e: Extent, to: Operand, epsilon: number | null): Launch[] {
  return [{
    label: "channel_moments",
    source: momentsSource,
    constants: {},
    bindings: [{ operand: input(0) }, { operand: PARTS, write: true }],
    params: words(...e.words, ...layoutWords(x)),
    workgroups: [e.splits, x.channels, e.groups],
  }, {
    label: "channel_statistics",
    source: statisticsSource,
    constants: { MEANS_ONLY: epsilon === null },
    bindings: [{ operand: input(0) }, { operand: PARTS }, { operand: to, write: true }],
    params: words(...e.words, ...layoutWords(x), floatBits(epsilon ?? 0)),
    workgroups: [groupsFor(x.channels), e.groups, 1],
  }];
}

/** Voxels, channels and samples of a group: what the kernels per voxel begin with. */
function voxelWords(x: Layout, { groups }: Extent): number[] {
  return [x.z, x.y, x.x, x.channels, x.batch / groups];
}

function isReal({ inputs, outputs }: PlacedCall, profile: DeviceProfile): boolean {
  return [...inputs, ...outputs].every(({ real }) => real === "f32") &&
    groupsFor(voxelCount(inputs[0])) <= profile.maxWorkgroups;
}

interface Norm {
  readonly name: string;
  readonly groups: (x: Layout) => number;
  readonly epsilon: typeof batchEpsilon;
  /** Whether there is a scale, which stands before the bias. */
  readonly scaled: boolean;
}

function normLauncher({ name, groups, epsilon, scaled }: Norm): Launcher {
  return {
    variants: [{
      name: "generic",
      supports: isReal,
      plan({ call, inputs: [x], outputs: [y] }, profile) {
        const e = extentOf(x, groups(x), profile);
        const apply: Launch = {
          label: name,
          source: normSource,
          constants: { SCALED: scaled },
          bindings: [
            { operand: input(0) },
            { operand: STATISTICS },
            { operand: input(1) },
            { operand: input(scaled ? 2 : 1) },
            { operand: output(0), write: true },
          ],
          params: words(...voxelWords(x, e), ...[x, y].flatMap(layoutWords)),
          workgroups: grid(y),
        };
        return {
          scratch: { parts: e.partsBytes, statistics: e.statisticsBytes },
          packed: {},
          prepare: [],
          launches: [...statistics(x, e, STATISTICS, epsilon(call.attributes)), apply],
        };
      },
    }],
  };
}

function normGradLauncher({ name, groups, epsilon, scaled }: Norm): Launcher {
  return {
    variants: [{
      name: "generic",
      supports: isReal,
      plan({ call, inputs: [x, dy], outputs: [dx] }, profile) {
        const e = extentOf(x, groups(x), profile);
        const sums: Launch = {
          label: `${name} sums`,
          source: gradSumsSource,
          constants: {},
          bindings: [
            { operand: input(0) },
            { operand: input(1) },
            { operand: STATISTICS },
            { operand: PARTS, write: true },
          ],
          params: words(...e.words, ...[x, dy].flatMap(layoutWords)),
          workgroups: [e.splits, x.channels, e.groups],
        };
        const means: Launch = {
          label: `${name} means`,
          source: gradMeansSource,
          constants: {},
          bindings: [
            { operand: PARTS },
            { operand: MEANS, write: true },
            { operand: scaled ? output(1) : UNUSED, write: true },
            { operand: output(scaled ? 2 : 1), write: true },
          ],
          params: words(x.channels, e.groups, e.splits, e.words[4]),
          workgroups: [groupsFor(x.channels), 1, 1],
        };
        const apply: Launch = {
          label: name,
          source: gradSource,
          constants: { SCALED: scaled },
          bindings: [
            { operand: input(0) },
            { operand: input(1) },
            { operand: STATISTICS },
            { operand: MEANS },
            { operand: scaled ? input(2) : STATISTICS },
            { operand: output(0), write: true },
          ],
          params: words(...voxelWords(x, e), ...[x, dy, dx].flatMap(layoutWords)),
          workgroups: grid(dx),
        };
        return {
          scratch: {
            parts: e.partsBytes,
            statistics: e.statisticsBytes,
            means: e.statisticsBytes,
            ...!scaled && { unused: 4 * x.channels },
          },
          packed: {},
          prepare: [],
          launches: [
            ...statistics(x, e, STATISTICS, epsilon(call.attributes)),
            sums,
            means,
            apply,
          ],
        };
      },
    }],
  };
}

const INSTANCE = {
  groups: (x: Layout) => x.batch,
  epsilon: instanceEpsilon,
  scaled: true,
};
const BATCH = { groups: () => 1, epsilon: batchEpsilon, scaled: false };

/** Normalisation of every sample. */
export const instanceNormLauncher: Launcher = normLauncher({ name: "instance_norm", ...INSTANCE });

/** Its gradients by input, scale and bias. */
export const instanceNormGradLauncher: Launcher = normGradLauncher({
  name: "instance_norm_grad",
  ...INSTANCE,
});

/** Normalisation of the whole batch. */
export const batchNormLauncher: Launcher = normLauncher({ name: "batch_norm", ...BATCH });

/** Its gradients by input and bias. */
export const batchNormGradLauncher: Launcher = normGradLauncher({
  name: "batch_norm_grad",
  ...BATCH,
});

/** Means over the voxels of every sample. */
export const spatialMeanLauncher: Launcher = {
  variants: [{
    name: "generic",
    supports: isReal,
    plan({ inputs: [x] }, profile) {
      const e = extentOf(x, x.batch, profile);
      return {
        scratch: { parts: e.partsBytes },
        packed: {},
        prepare: [],
        launches: statistics(x, e, output(0), null),
      };
    },
  }],
};

/** Their gradient. */
export const spatialMeanGradLauncher: Launcher = {
  variants: [{
    name: "generic",
    supports: (placed, profile) => placed.outputs[0].real === "f32" && fitsGrid(placed, profile),
    plan: ({ outputs: [dx] }) => ({
      scratch: {},
      packed: {},
      prepare: [],
      launches: [{
        label: "spatial_mean_grad",
        source: meanGradSource,
        constants: {},
        bindings: [{ operand: input(0) }, { operand: output(0), write: true }],
        params: words(
          ...[dx.z, dx.y, dx.x, dx.channels, ...layoutWords(dx)],
          floatBits(1 / voxelCount(dx)),
        ),
        workgroups: grid(dx),
      }],
    }),
  }],
};
