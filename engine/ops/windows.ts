/** How the windows of a convolution or a pooling lie along an axis: stride and padding, as TensorFlow places them. */
import type { Attributes } from "./op.ts";

/** Attributes `stride` (of all three axes, default 1) and `padding` ("same", the default, or "valid"). */
export interface Windows {
  /** Voxels from one window to the next. */
  readonly stride: number;
  /** Whether windows stay inside the input; else one stands at every stride-th voxel and sees padding. */
  readonly valid: boolean;
}

/** Windows of a call with the defaults filled in. */
export function windowsOf({ stride = 1, padding = "same" }: Attributes): Windows {
  if (typeof stride !== "number" || !Number.isSafeInteger(stride) || stride < 1) {
    throw new RangeError(
      `Cannot place windows: stride must be an integer from 1 on, current value is ${stride}`,
    );
  }
  if (padding !== "same" && padding !== "valid") {
    throw new RangeError(
      `Cannot place windows: padding must be "same" or "valid", current value is "${padding}"`,
    );
  }
  return { stride, valid: padding === "valid" };
}

/** Taps of the windows, zyx, of ops without weights that would tell. */
export function kernelAttribute({ kernel }: Attributes): readonly [number, number, number] {
  const isKernel = Array.isArray(kernel) && kernel.length === 3 &&
    kernel.every((n) => Number.isSafeInteger(n) && n >= 1);
  if (isKernel) return kernel as [number, number, number];
  throw new RangeError(
    `Cannot place windows: kernel must be three sizes zyx, current value is ${kernel}`,
  );
}

/** Whether a call has stride 1 and SAME padding, so that its output is as large as its input. */
export function keepsSize(attributes: Attributes): boolean {
  const { stride, valid } = windowsOf(attributes);
  return stride === 1 && !valid;
}

/** Windows along one axis. */
export interface Span {
  /** How many there are. */
  readonly count: number;
  /** Padding before the first voxel. */
  readonly before: number;
  /** Padding after the last voxel that the windows see. */
  readonly after: number;
}

/** Windows of `taps` voxels along an axis of `extent` voxels. */
export function windowsAlong(extent: number, taps: number, { stride, valid }: Windows): Span {
  if (!valid) {
    const count = Math.ceil(extent / stride);
    const total = Math.max((count - 1) * stride + taps - extent, 0);
    const before = Math.floor(total / 2);
    return { count, before, after: total - before };
  }
  if (extent >= taps) {
    return { count: Math.floor((extent - taps) / stride) + 1, before: 0, after: 0 };
  }
  throw new RangeError(
    `Cannot place windows of ${taps} voxels without padding: the axis must have ${taps} or more, current number is ${extent}`,
  );
}

/** Windows along z, y and x. */
export function spansOf(
  size: readonly number[],
  kernel: readonly number[],
  windows: Windows,
): Span[] {
  return [0, 1, 2].map((axis) => windowsAlong(size[axis], kernel[axis], windows));
}
