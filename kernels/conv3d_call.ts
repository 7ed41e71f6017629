/** What the variants of conv3d have in common: switches, bindings, and the padding of the bias. */
import { conv3dAttributes } from "../engine/ops/conv3d.ts";
import type { Attributes } from "../engine/ops/op.ts";
import { keepsSize, spansOf, windowsOf } from "../engine/ops/windows.ts";
import weights from "./conv3d_weights.wgsl" with { type: "text" };
import {
  type DeviceProfile,
  type Launch,
  type Operand,
  type PlacedCall,
  rowsFor,
  type Variant,
  words,
} from "./kernel.ts";
import { isBlocked, type Layout, sizeBytes } from "./layout.ts";

/** The residual where the call has one, else x: every binding of a layout must be filled. */
export function residualOf({ call }: PlacedCall): Operand {
  const index = conv3dAttributes(call.attributes).residual ? 3 : 0;
  return { kind: "input", index };
}

/** Switches of the call as WGSL constants; `ends` picks what a kernel at one end of a chain declares. */
export function switches(
  { call }: PlacedCall,
  ends: "input" | "output" | "both" = "both",
): Record<string, boolean> {
  const { reluInput, reluOutput, residual } = conv3dAttributes(call.attributes);
  return {
    ...(ends !== "output" && { RELU_INPUT: reluInput }),
    ...(ends !== "input" && { RELU_OUTPUT: reluOutput, RESIDUAL: residual }),
  };
}

/** Whether the call is a 3x3x3 convolution between blocked arrays that fit their bindings. */
export function isBlocked3x3x3({ call, inputs, outputs }: PlacedCall, profile: DeviceProfile) {
  const arrays = [inputs[0], outputs[0], ...inputs.slice(3)];
  return call.inputs[1].shape.slice(0, 3).every((n) => n === 3) && arrays.every(isBlocked) &&
    arrays.every((l) => sizeBytes(l) <= profile.maxBindingBytes);
}

/** Orders weights for the direct kernels: `[out / 4][tap][in]` of vec4 in the type of activations, padded to whole vec4. */
export function packWeights(
  { call, outputs: [y] }: PlacedCall,
): { readonly launch: Launch; readonly bytes: number } {
  const [kz, ky, kx, ci, co] = call.inputs[1].shape;
  const taps = kz * ky * kx;
  const vectors = y.blocks * taps * Math.ceil(ci / 4) * 4;
  const launch: Launch = {
    label: "conv3d weights",
    source: weights,
    constants: { Real: y.real },
    bindings: [{ operand: { kind: "input", index: 1 } }, {
      operand: { kind: "packed", name: "weights" },
      write: true,
    }],
    params: words(taps, ci, co),
    workgroups: rowsFor(vectors),
  };
  return { launch, bytes: vectors * (y.real === "f16" ? 8 : 16) };
}

/** Pads a bias `[out]` to whole vec4, as f32. */
export function packBias(co: number): Launch {
  return {
    label: "conv3d bias",
    source: weights,
    constants: { PAD_INPUT: false },
    bindings: [{ operand: { kind: "input", index: 2 } }, {
      operand: { kind: "packed", name: "bias" },
      write: true,
    }],
    params: words(1, 1, co),
    workgroups: rowsFor(Math.ceil(co / 4)),
  };
}

/** Bytes of a packed bias. */
export function packedBiasBytes(co: number): number {
  return Math.ceil(co / 4) * 16;
}

/** `stride, before_z, before_y, before_x` of windows over x: what the kernels for any windows take in their Params. */
export function windowWords(
  x: Layout,
  kernel: readonly number[],
  attributes: Attributes,
): [number, number, number, number] {
  const windows = windowsOf(attributes);
  const [z, y, u] = spansOf([x.z, x.y, x.x], kernel, windows);
  return [windows.stride, z.before, y.before, u.before];
}

/** Whether the residual has another size than the output, which only the CPU's fusions make. */
export function hasMargin({ call }: PlacedCall): boolean {
  return (call.attributes.residualMargin ?? 0) !== 0;
}

/** A variant that knows only stride 1 and SAME padding. */
export function keepingSize(variant: Variant): Variant {
  return {
    ...variant,
    supports: (placed, profile) =>
      keepsSize(placed.call.attributes) && !hasMargin(placed) && variant.supports(placed, profile),
  };
}
