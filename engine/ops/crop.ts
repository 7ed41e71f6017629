/**
 * The middle of an activation, for skips around convolutions without padding, and its inverse: `crop` drops `margin` voxels
 * on each of the six faces, `embed` puts as many zeros there. Each is the gradient of the other.
 */
import type { Attributes, Call, GraphWriter, Host, Op, Shape, Value } from "./op.ts";
import { describeShape, reals, requireRank, workOf } from "./op.ts";

/** Voxels at each face, of a crop, an embedding, or a residual that stands in the middle. */
export function marginOf({ margin = 0 }: Attributes): number {
  if (typeof margin === "number" && Number.isSafeInteger(margin) && margin >= 0) return margin;
  throw new RangeError(
    `Cannot crop: margin must be an integer from 0 on, current value is ${margin}`,
  );
}

/** Shape with `margin` voxels more (or, where negative, less) at each face. */
export function widened([batch, z, y, x, channels]: Shape, margin: number): Shape {
  return [batch, z + 2 * margin, y + 2 * margin, x + 2 * margin, channels];
}

/** Calls `use` with the numbers of a voxel of the small shape and of its place in the wide one. */
function eachVoxel(
  small: Shape,
  margin: number,
  use: (inner: number, outer: number) => void,
): void {
  const [batch, depth, height, width] = small;
  const [, d, h, w] = widened(small, margin);
  for (let b = 0, inner = 0; b < batch; b++) {
    for (let z = margin; z < depth + margin; z++) {
      for (let y = margin; y < height + margin; y++) {
        for (let x = margin; x < width + margin; x++, inner++) {
          use(inner, ((b * d + z) * h + y) * w + x);
        }
      }
    }
  }
}

/** Input x `[batch, z, y, x, channel]`, attribute `margin`; the output has `2 * margin` voxels less per axis. */
export const crop: Op = {
  name: "crop",
  shapes([x]: readonly Shape[], attributes: Attributes): Shape[] {
    requireRank("crop", x, 5);
    const margin = marginOf(attributes);
    if (Math.min(...x.slice(1, 4)) > 2 * margin) return [widened(x, -margin)];
    throw new RangeError(
      `Cannot crop ${margin} voxels off each face of ${describeShape(x)}: nothing is left`,
    );
  },
  reference(inputs: readonly Host[], outputs: readonly Host[], attributes: Attributes): void {
    const [x, y] = [reals(inputs[0]), reals(outputs[0])];
    const channels = outputs[0].shape[4];
    eachVoxel(outputs[0].shape, marginOf(attributes), (inner, outer) => {
      for (let c = 0; c < channels; c++) y[inner * channels + c] = x[outer * channels + c];
    });
  },
  gradient: (call: Call, [dy]: readonly Value[], graph: GraphWriter): (Value | null)[] =>
    graph.call(embed, [dy], call.attributes),
  work: (call: Call) => workOf(call, 0),
};

/** Input x `[batch, z, y, x, channel]`, attribute `margin`; the output has `2 * margin` voxels more per axis. */
export const embed: Op = {
  name: "embed",
  shapes([x]: readonly Shape[], attributes: Attributes): Shape[] {
    requireRank("embed", x, 5);
    return [widened(x, marginOf(attributes))];
  },
  reference(inputs: readonly Host[], outputs: readonly Host[], attributes: Attributes): void {
    const [x, y] = [reals(inputs[0]), reals(outputs[0])];
    const channels = outputs[0].shape[4];
    y.fill(0);
    eachVoxel(inputs[0].shape, marginOf(attributes), (inner, outer) => {
      for (let c = 0; c < channels; c++) y[outer * channels + c] = x[inner * channels + c];
    });
  },
  gradient: (call: Call, [dy]: readonly Value[], graph: GraphWriter): (Value | null)[] =>
    graph.call(crop, [dy], call.attributes),
  work: (call: Call) => workOf(call, 0),
};

/** Appends x `[batch, z, y, x, channel]` without `margin` voxels at each face. */
export function appendCrop(graph: GraphWriter, x: Value, margin: number): Value {
  return graph.call(crop, [x], { margin })[0];
}
