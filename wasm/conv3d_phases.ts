/**
 * The gradient of the input of a convolution with a stride falls into phases: the voxels q of dx with one remainder of (q + lo)
 * by the stride see the same taps, and are a convolution of dy, with stride 1, with these taps in reverse order. Along an axis,
 * with q = first + m * stride and taps t = firstTap + j * stride,
 *
 *   dx[q] = sum over j of dy[m + e - j] * w[t],   e = (first + lo - firstTap) / stride.
 */
import type { Zyx } from "../engine/geometry/vectors.ts";
import type { Call } from "../engine/ops/op.ts";
import { spansOf, windowsOf } from "../engine/ops/windows.ts";
import { type Halo, spatialShape } from "./layout.ts";

/** Voxels of dx that one convolution gives. */
export interface Phase {
  /** Voxels from one of dx to the next, and from one tap to the next. */
  readonly stride: number;
  /** First voxel of dx. */
  readonly first: Zyx;
  /** Number of voxels of dx. */
  readonly size: Zyx;
  /** First tap of the convolution whose gradient this is. */
  readonly firstTap: Zyx;
  /** Taps that are kept; 0 where the voxels are seen by none. */
  readonly taps: Zyx;
  /** Padding of dy before its first voxel; negative where the first tap lies behind it. */
  readonly before: Zyx;
}

type AxisPhase = { [Key in Exclude<keyof Phase, "stride">]: number };

function axisPhases(extent: number, taps: number, stride: number, lo: number): AxisPhase[] {
  return Array.from({ length: Math.min(stride, extent) }, (_, first) => {
    const firstTap = (first + lo) % stride;
    const kept = Math.max(0, Math.ceil((taps - firstTap) / stride));
    const e = (first + lo - firstTap) / stride;
    const size = Math.ceil((extent - first) / stride);
    return { first, size, firstTap, taps: kept, before: kept - 1 - e };
  });
}

/** Phases of the gradient of an input, of which a convolution with stride 1 has one. */
export function phasesOf(call: Call): Phase[] {
  const [, weights] = call.inputs;
  const size = spatialShape(call.outputs[0].shape);
  const windows = windowsOf(call.attributes);
  const spans = spansOf(size, weights.shape, windows);
  const [zs, ys, xs] = spans.map(({ before }, axis) =>
    axisPhases(size[axis], weights.shape[axis], windows.stride, before)
  );
  return zs.flatMap((z) =>
    ys.flatMap((y) =>
      xs.map((x): Phase => {
        const zyx = (key: keyof AxisPhase): Zyx => [z[key], y[key], x[key]];
        return {
          stride: windows.stride,
          first: zyx("first"),
          size: zyx("size"),
          firstTap: zyx("firstTap"),
          taps: zyx("taps"),
          before: zyx("before"),
        };
      })
    )
  );
}

/** Zeros around dy that all phases together see. */
export function gradHalo(call: Call): Halo {
  const phases = phasesOf(call).filter(({ taps }) => !taps.includes(0));
  const dy = spatialShape(call.inputs[0].shape);
  const most = (of: (phase: Phase, axis: number) => number) =>
    [0, 1, 2].map((axis) => Math.max(0, ...phases.map((phase) => of(phase, axis))));
  const [bz, by, bx] = most(({ before }, axis) => before[axis]);
  const [az, ay, ax] = most(({ before, size, taps }, axis) =>
    size[axis] + taps[axis] - 1 - before[axis] - dy[axis]
  );
  return { before: [bz, by, bx], after: [az, ay, ax] };
}
