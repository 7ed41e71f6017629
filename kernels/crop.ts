/** Activations moved in a box of another size: crops, embeddings, and what convolutions without padding need. */
import { marginOf } from "../engine/ops/crop.ts";
import {
  type DeviceProfile,
  groupsFor,
  type Launch,
  type Launcher,
  type Operand,
  words,
} from "./kernel.ts";
import { type Layout, layoutWords, paddedVolume } from "./layout.ts";
import source from "./shift_voxels.wgsl" with { type: "text" };

/** An array of a launch. */
interface Placed {
  readonly operand: Operand;
  readonly layout: Layout;
}

/** Whether a dispatch can span an array, halo included. */
export function fitsShift(y: Layout, profile: DeviceProfile): boolean {
  return groupsFor(paddedVolume(y)) <= profile.maxWorkgroups;
}

/** y[p] = act(x[p + offset] + added[p]), with x 0 outside; halo and padding of y become 0. */
export function shiftVoxels(
  label: string,
  x: Placed,
  y: Placed,
  offset: number,
  { added, reluOutput = false }: { added?: Placed; reluOutput?: boolean } = {},
): Launch {
  const add = added ?? x;
  return {
    label,
    source,
    constants: {
      ADD: added !== undefined,
      RELU_OUTPUT: reluOutput,
      RealX: x.layout.real,
      RealA: add.layout.real,
      RealY: y.layout.real,
    },
    bindings: [
      { operand: x.operand },
      { operand: add.operand },
      { operand: y.operand, write: true },
    ],
    params: words(
      ...[y.layout.z, y.layout.y, y.layout.x, x.layout.z, x.layout.y, x.layout.x],
      ...[x.layout.channels, offset],
      ...[x.layout, add.layout, y.layout].flatMap(layoutWords),
    ),
    workgroups: [
      groupsFor(paddedVolume(y.layout)),
      y.layout.blocks * y.layout.block,
      y.layout.batch,
    ],
  };
}

function launcher(name: string, direction: 1 | -1): Launcher {
  return {
    variants: [{
      name: "generic",
      supports: ({ outputs: [y] }, profile) => fitsShift(y, profile),
      plan: ({ call, inputs: [x], outputs: [y] }) => ({
        scratch: {},
        packed: {},
        prepare: [],
        launches: [shiftVoxels(
          name,
          { operand: { kind: "input", index: 0 }, layout: x },
          { operand: { kind: "output", index: 0 }, layout: y },
          direction * marginOf(call.attributes),
        )],
      }),
    }],
  };
}

/** The middle of an activation. */
export const cropLauncher: Launcher = launcher("crop", 1);

/** An activation in the middle of zeros. */
export const embedLauncher: Launcher = launcher("embed", -1);
