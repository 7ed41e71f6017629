/**
 * Maximum over windows: y[b, p, c] = max over taps t of x[b, p * stride + t - lo, c], where only voxels of x count. The
 * gradient goes to the first maximum of a window in the order z, y, x.
 */
import { elementCount } from "../formats/nd_array.ts";
import type { Attributes, Call, GraphWriter, Host, Op, Shape, Value } from "./op.ts";
import { describeShape, reals, requireRank, workOf } from "./op.ts";
import { kernelAttribute, spansOf, windowsOf } from "./windows.ts";

function pooledShape(x: Shape, attributes: Attributes): Shape {
  requireRank("pool", x, 5);
  const spans = spansOf(x.slice(1, 4), kernelAttribute(attributes), windowsOf(attributes));
  return [x[0], ...spans.map(({ count }) => count), x[4]];
}

/** Calls `use` with the number of each output element and of its first maximum in x. */
function eachMaximum(
  x: Host,
  attributes: Attributes,
  use: (output: number, maximum: number) => void,
): void {
  const data = reals(x);
  const [, depth, height, width, channels] = x.shape;
  const kernel = kernelAttribute(attributes);
  const { stride } = windowsOf(attributes);
  const spans = spansOf([depth, height, width], kernel, windowsOf(attributes));
  const [batch, ...counts] = pooledShape(x.shape, attributes);
  const inside = (axis: number, p: number) => {
    const first = p * stride - spans[axis].before;
    return [Math.max(first, 0), Math.min(first + kernel[axis], x.shape[1 + axis])];
  };
  for (let at = 0; at < batch * elementCount(counts); at++) {
    const c = at % channels, voxel = Math.floor(at / channels);
    const row = Math.floor(voxel / counts[2]), slice = Math.floor(row / counts[1]);
    const b = Math.floor(slice / counts[0]);
    const [[z0, z1], [y0, y1], [x0, x1]] = [slice % counts[0], row % counts[1], voxel % counts[2]]
      .map((p, axis) => inside(axis, p));
    let maximum = -1;
    for (let z = z0; z < z1; z++) {
      for (let y = y0; y < y1; y++) {
        for (let u = x0; u < x1; u++) {
          const from = (((b * depth + z) * height + y) * width + u) * channels + c;
          if (maximum < 0 || data[from] > data[maximum]) maximum = from;
        }
      }
    }
    use(at, maximum);
  }
}

/** Inputs x and dy, attributes as in `pool3d`; output dx. */
export const pool3dGrad: Op = {
  name: "pool3d_grad",
  shapes([x, dy]: readonly Shape[], attributes: Attributes): Shape[] {
    const wanted = pooledShape(x, attributes);
    if (describeShape(wanted) === describeShape(dy)) return [x];
    throw new RangeError(
      `Cannot compute the gradient of a pooling of ${describeShape(x)}: dy must have shape ${
        describeShape(wanted)
      }, current shape is ${describeShape(dy)}`,
    );
  },
  reference(inputs: readonly Host[], outputs: readonly Host[], attributes: Attributes): void {
    const [dy, dx] = [reals(inputs[1]), reals(outputs[0])];
    const sums = new Float64Array(dx.length);
    eachMaximum(inputs[0], attributes, (output, maximum) => sums[maximum] += dy[output]);
    dx.set(sums);
  },
  work: (call: Call) =>
    workOf(
      call,
      elementCount(call.inputs[1].shape) * elementCount(kernelAttribute(call.attributes)),
    ),
};

/**
 * Input x `[batch, z, y, x, channel]`, attributes `kernel` (zyx) and the windows' `stride` and `padding`; output `[batch, z,
 * y, x, channel]`.
 */
export const pool3d: Op = {
  name: "pool3d",
  shapes: ([x]: readonly Shape[], attributes: Attributes): Shape[] => [pooledShape(x, attributes)],
  reference(inputs: readonly Host[], outputs: readonly Host[], attributes: Attributes): void {
    const [x, y] = [reals(inputs[0]), reals(outputs[0])];
    eachMaximum(inputs[0], attributes, (output, maximum) => y[output] = x[maximum]);
  },
  gradient: (call: Call, [dy]: readonly Value[], graph: GraphWriter): (Value | null)[] =>
    graph.call(pool3dGrad, [call.inputs[0], dy], call.attributes),
  work: (call: Call) =>
    workOf(
      call,
      elementCount(call.outputs[0].shape) * elementCount(kernelAttribute(call.attributes)),
    ),
};

/** Appends the maximum over windows of `edge`³ voxels, `stride` apart, with SAME padding. */
export function appendMaxPool(graph: GraphWriter, x: Value, edge: number, stride: number): Value {
  return graph.call(pool3d, [x], { kernel: [edge, edge, edge], stride })[0];
}
