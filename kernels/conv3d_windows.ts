/** Convolutions of any kernel extent, stride and padding between blocked arrays, and their gradients, by lanes that load for each other. */
import { kernelAttribute } from "../engine/ops/windows.ts";
import {
  hasMargin,
  packBias,
  packedBiasBytes,
  packWeights,
  residualOf,
  switches,
  windowWords,
} from "./conv3d_call.ts";
import { fitsShift, shiftVoxels } from "./crop.ts";
import weightGrad from "./conv3d_weight_grad_windows.wgsl" with { type: "text" };
import windows from "./conv3d_windows.wgsl" with { type: "text" };
import {
  type DeviceProfile,
  groupsFor,
  type Launch,
  type Operand,
  type PlacedCall,
  type Plan,
  type Variant,
  words,
} from "./kernel.ts";
import { isBlocked, type Layout, sizeBytes, voxelCount } from "./layout.ts";
import { splitsOf, sumParts } from "./reduction.ts";

/** Lanes of a subgroup that share loads. */
const LANES = 8;
/** Voxels of a thread, and threads of a workgroup at most. */
const ROWS = 7, MOST_THREADS = 64;

/** Where the windows stand. */
interface Placement {
  readonly stride: number;
  /** Voxels of the padding before the first voxel, zyx. */
  readonly before: readonly number[];
  /** Distance of the input's voxels: above 1 there are zeros between them. */
  readonly spacing: number;
}

function fits(layouts: readonly Layout[], { maxBindingBytes, subgroupSize }: DeviceProfile) {
  return subgroupSize >= LANES &&
    layouts.every((l) => isBlocked(l) && sizeBytes(l) <= maxBindingBytes);
}

/** The layout in which the kernels read x beside another array: a single channel lies in C order and is copied. */
function read(x: Layout, { real }: Layout): Layout {
  return isBlocked(x) ? x : { ...x, block: 4, blocks: 1, halo: 1, real };
}

/** Whether the kernels can read x, where it stands or as a copy. */
function isReadable(x: Layout, beside: Layout, profile: DeviceProfile): boolean {
  const as = read(x, beside);
  return fits([as], profile) && (isBlocked(x) || x.channels === 1 && fitsShift(as, profile));
}

/** x for the kernels: the input itself, or scratch memory and the launch that fills it. */
function readable(label: string, layout: Layout, as: Layout): {
  readonly operand: Operand;
  readonly launches: readonly Launch[];
  readonly scratch: Readonly<Record<string, number>>;
} {
  const operand: Operand = { kind: "input", index: 0 };
  if (isBlocked(layout)) return { operand, launches: [], scratch: {} };
  const copy = { operand: { kind: "scratch", name: "blocked" }, layout: as } as const;
  return {
    operand: copy.operand,
    launches: [shiftVoxels(`${label} input`, { operand, layout }, copy, 0)],
    scratch: { blocked: sizeBytes(copy.layout) },
  };
}

function windowed(placementOf: (placed: PlacedCall) => Placement): Variant {
  return {
    name: "windows",
    supports: (placed, profile) =>
      isReadable(placed.inputs[0], placed.outputs[0], profile) &&
      fits([placed.outputs[0], ...placed.inputs.slice(3)], profile) && !hasMargin(placed) &&
      placed.outputs[0].blocks % 4 === 0 &&
      packWeights(placed).bytes <= profile.maxBindingBytes,
    plan(placed): Plan {
      const y = placed.outputs[0];
      const x = read(placed.inputs[0], y);
      const [kz, ky, kx, ci, co] = placed.call.inputs[1].shape;
      const { stride, before, spacing } = placementOf(placed);
      const voxels = y.batch * voxelCount(y);
      // Lanes of a small array that have no voxel would multiply all the same.
      const threads = Math.min(MOST_THREADS, LANES * groupsFor(voxels, ROWS * LANES));
      const weights = packWeights(placed);
      const label = `conv3d windows ${kz}x${ky}x${kx} ${ci}->${co}`;
      const from = readable(label, placed.inputs[0], x);
      const launch: Launch = {
        label,
        source: windows,
        constants: { ...switches(placed), Real: x.real, THREADS: threads, SPACING: spacing },
        bindings: [
          { operand: from.operand },
          { operand: { kind: "packed", name: "weights" } },
          { operand: { kind: "packed", name: "bias" } },
          { operand: residualOf(placed) },
          { operand: { kind: "output", index: 0 }, write: true },
        ],
        params: words(
          ...[y.z, y.y, y.x, x.z, x.y, x.x, kz, ky, kx, x.blocks, y.blocks, stride],
          ...before,
          voxels,
        ),
        workgroups: [groupsFor(voxels, ROWS * threads), y.blocks / 4, 1],
      };
      return {
        scratch: from.scratch,
        packed: { weights: weights.bytes, bias: packedBiasBytes(co) },
        prepare: [weights.launch, packBias(co)],
        launches: [...from.launches, launch],
      };
    },
  };
}

/** Forward. */
export const windowsVariant: Variant = windowed(({ call, inputs: [x] }) => {
  const [stride, ...before] = windowWords(x, call.inputs[1].shape, call.attributes);
  return { stride, before, spacing: 1 };
});

/** The convolution of dy with flipped weights that gives dx: windows of dy, spread by the stride, that end where x's began. */
export const windowsInputGrad: Variant = windowed(({ call, outputs: [dx] }) => {
  const kernel = call.inputs[1].shape;
  const [spacing, ...before] = windowWords(dx, kernel, call.attributes);
  return { stride: 1, before: before.map((n, axis) => kernel[axis] - 1 - n), spacing };
});

/** Gradient of the weights; `plan` leaves that of the bias to the caller. */
export const windowsWeightGrad: Variant = {
  name: "windows",
  supports: ({ inputs }, profile) =>
    isReadable(inputs[0], inputs[1], profile) && fits([inputs[1]], profile) &&
    inputs.every(({ real }) => real === "f32") &&
    inputs[1].blocks % LANES === 0,
  plan({ call, inputs: [given, dy] }, profile): Plan {
    const x = read(given, dy);
    const kernel = kernelAttribute(call.attributes);
    const [taps, ci, co] = [kernel[0] * kernel[1] * kernel[2], x.channels, dy.channels];
    const rows = dy.batch * dy.z * dy.y;
    const bytes = taps * 16 * x.blocks * dy.blocks * 4;
    const threads = taps * x.blocks;
    const chunks = dy.blocks / LANES;
    const splits = splitsOf(rows, 8, { bytes, threads: threads * chunks }, profile);
    const label = `conv3d_weight_grad windows ${kernel.join("x")} ${ci}->${co}`;
    const parts = { kind: "scratch", name: "parts" } as const;
    const from = readable(label, given, x);
    const launch: Launch = {
      label,
      source: weightGrad,
      constants: {},
      bindings: [
        { operand: from.operand },
        { operand: { kind: "input", index: 1 } },
        { operand: parts, write: true },
      ],
      params: words(
        ...[dy.z, dy.y, dy.x, x.z, x.y, x.x, ...kernel, x.blocks, dy.blocks],
        ...windowWords(x, kernel, call.attributes),
        ...[rows, splits.size],
      ),
      workgroups: [groupsFor(threads), chunks, splits.count],
    };
    const padded = [4 * x.blocks, 4 * dy.blocks] as const;
    const y = { kind: "output", index: 0 } as const;
    const sum = sumParts(label, { parts, y }, splits, [taps, ci, co], padded);
    return {
      scratch: { ...from.scratch, parts: splits.count * bytes },
      packed: {},
      prepare: [],
      launches: [...from.launches, launch, sum],
    };
  },
};
