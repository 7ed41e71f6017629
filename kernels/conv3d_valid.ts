/**
 * Convolutions of 3x3x3 taps without padding by the kernels for SAME ones: forward the frame of one voxel that sees padding is
 * dropped afterwards; backward it is put around dy beforehand, as zeros.
 */
import { conv3dAttributes } from "../engine/ops/conv3d.ts";
import type { Call } from "../engine/ops/op.ts";
import { windowsOf } from "../engine/ops/windows.ts";
import { hasMargin } from "./conv3d_call.ts";
import { fitsShift, shiftVoxels } from "./crop.ts";
import type { Launch, Operand, PlacedCall, Plan, Variant } from "./kernel.ts";
import { blockedLayout, type Layout, sizeBytes } from "./layout.ts";

const WIDE: Operand = { kind: "scratch", name: "valid" };

/** Voxels of the frame at each face. */
const FRAME = 1;

function isValid3x3x3({ attributes }: Call, kernel: readonly number[]): boolean {
  const { stride, valid } = windowsOf(attributes);
  return valid && stride === 1 && kernel.slice(0, 3).every((n) => n === 3);
}

/** Layout of as many channels in the box of another array. */
function inBoxOf(box: Layout, { channels, real }: Layout): Layout {
  return blockedLayout([box.batch, box.z, box.y, box.x, channels], real === "f16");
}

/** The plan with an operand of the call replaced by the wide array. */
function onWide(plan: Plan, kind: Operand["kind"], index: number): Launch[] {
  return plan.launches.map((launch) => ({
    ...launch,
    bindings: launch.bindings.map((binding) => {
      const { operand } = binding;
      const isIt = operand.kind === kind && "index" in operand && operand.index === index;
      return isIt ? { ...binding, operand: WIDE } : binding;
    }),
  }));
}

/** The convolution of SAME padding, which leaves residual and ReLU of the output to the crop. */
function sameCall({ call, inputs, outputs: [y] }: PlacedCall): PlacedCall {
  const [x, weights, bias] = call.inputs;
  const shape = [...x.shape.slice(0, 4), y.channels];
  const attributes = { reluInput: conv3dAttributes(call.attributes).reluInput };
  const outputs = [{ ...call.outputs[0], shape }];
  return {
    call: { ...call, inputs: [x, weights, bias], outputs, attributes },
    inputs: inputs.slice(0, 3),
    outputs: [inBoxOf(inputs[0], y)],
  };
}

/** A forward convolution without padding. */
export function croppedVariant(variant: Variant): Variant {
  return {
    name: `cropped ${variant.name}`,
    supports: (placed, profile) =>
      isValid3x3x3(placed.call, placed.call.inputs[1].shape) && !hasMargin(placed) &&
      sizeBytes(sameCall(placed).outputs[0]) <= profile.maxBindingBytes &&
      fitsShift(placed.outputs[0], profile) && variant.supports(sameCall(placed), profile),
    plan(placed, profile): Plan {
      const same = sameCall(placed);
      const plan = variant.plan(same, profile);
      const { residual, reluOutput } = conv3dAttributes(placed.call.attributes);
      const crop = shiftVoxels(
        `conv3d ${variant.name} crop`,
        { operand: WIDE, layout: same.outputs[0] },
        { operand: { kind: "output", index: 0 }, layout: placed.outputs[0] },
        FRAME,
        {
          reluOutput,
          ...residual &&
            { added: { operand: { kind: "input", index: 3 }, layout: placed.inputs[3] } },
        },
      );
      return {
        ...plan,
        scratch: { ...plan.scratch, valid: sizeBytes(same.outputs[0]) },
        launches: [...onWide(plan, "output", 0), crop],
      };
    },
  };
}

/** The call on a dy, its input number `index`, that has zeros where padding would be seen. */
function embeddedCall({ call, inputs, outputs }: PlacedCall, index: number): PlacedCall {
  const box = index === 0 ? outputs[0] : inputs[0];
  const dy = inBoxOf(box, inputs[index]);
  const shape = [box.batch, box.z, box.y, box.x, dy.channels];
  const { padding: _valid, size: _size, ...attributes } = call.attributes;
  return {
    call: {
      ...call,
      inputs: call.inputs.map((v, i) => i === index ? { ...v, shape } : v),
      attributes,
    },
    inputs: inputs.map((layout, i) => i === index ? dy : layout),
    outputs,
  };
}

/** A gradient of a convolution without padding; `index` is the number of dy among its inputs. */
export function embeddedVariant(index: number): (variant: Variant) => Variant {
  return (variant) => ({
    name: `embedded ${variant.name}`,
    supports(placed, profile) {
      const { call } = placed;
      const kernel = index === 0 ? call.inputs[1].shape : call.outputs[0].shape;
      if (!isValid3x3x3(call, kernel)) return false;
      const embedded = embeddedCall(placed, index);
      return sizeBytes(embedded.inputs[index]) <= profile.maxBindingBytes &&
        fitsShift(embedded.inputs[index], profile) && variant.supports(embedded, profile);
    },
    plan(placed, profile): Plan {
      const embedded = embeddedCall(placed, index);
      const layout = embedded.inputs[index];
      const plan = variant.plan(embedded, profile);
      const embed = shiftVoxels(
        `${placed.call.op.name} ${variant.name} embed`,
        { operand: { kind: "input", index }, layout: placed.inputs[index] },
        { operand: WIDE, layout },
        -FRAME,
      );
      return {
        ...plan,
        scratch: { ...plan.scratch, valid: sizeBytes(layout) },
        launches: [embed, ...onWide(plan, "input", index)],
      };
    },
  });
}
