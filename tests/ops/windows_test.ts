/** Convolutions and poolings with strides and without padding: shapes, values worked out by hand, and gradients. */
import { deepEqual, throws } from "node:assert/strict";
import { appendConv3d, conv3d } from "../../engine/ops/conv3d.ts";
import { conv3dInputGrad } from "../../engine/ops/conv3d_grad.ts";
import type { Op, Shape } from "../../engine/ops/op.ts";
import { pool3d, pool3dGrad } from "../../engine/ops/pool3d.ts";
import { windowsAlong } from "../../engine/ops/windows.ts";
import { checkByDifferences } from "../support/finite_differences.ts";

Deno.test("windowsAlong() pads as TensorFlow does, the larger half behind", () => {
  const along = (extent: number, taps: number, stride: number, valid = false) =>
    windowsAlong(extent, taps, { stride, valid });
  deepEqual(along(65, 7, 2), { count: 33, before: 3, after: 3 });
  deepEqual(along(17, 3, 2), { count: 9, before: 1, after: 1 });
  deepEqual(along(16, 3, 2), { count: 8, before: 0, after: 1 });
  deepEqual(along(9, 1, 2), { count: 5, before: 0, after: 0 });
  deepEqual(along(6, 4, 1), { count: 6, before: 1, after: 2 });
  deepEqual(along(97, 3, 1, true), { count: 95, before: 0, after: 0 });
  deepEqual(along(8, 3, 2, true), { count: 3, before: 0, after: 0 });
  throws(() => along(2, 3, 1, true), /must have 3 or more, current number is 2/);
});

/** Values along one axis of a call on lines of voxels with one channel. */
function run(op: Op, inputs: number[][], attributes: Record<string, unknown>): number[] {
  const line = (data: number[]): Shape => [1, 1, 1, data.length, 1];
  const shapes = inputs.map((data, i) =>
    op === conv3d && i > 0 ? (i === 1 ? [1, 1, data.length, 1, 1] : [1]) : line(data)
  );
  const [shape] = op.shapes(shapes, attributes as never);
  const output = { shape, data: new Float32Array(shape.reduce((a, b) => a * b)) };
  const hosts = inputs.map((data, i) => ({ shape: shapes[i], data: Float32Array.from(data) }));
  op.reference(hosts, [output], attributes as never);
  return [...output.data];
}

Deno.test("conv3d.reference() steps by its stride and stays inside without padding", () => {
  const [x, w] = [[1, 2, 3, 4, 5], [1, 10, 100]];
  deepEqual(run(conv3d, [x, w, [0]], { padding: "valid" }), [321, 432, 543]);
  deepEqual(run(conv3d, [x, w, [0]], { padding: "valid", stride: 2 }), [321, 543]);
  deepEqual(run(conv3d, [x, w, [0]], { stride: 2 }), [210, 432, 54]);
  deepEqual(run(conv3d, [x.slice(1), w, [0]], { stride: 2 }), [432, 54]);
});

Deno.test("pool3d.reference() takes what is inside, pool3d_grad the first maximum", () => {
  const attributes = { kernel: [1, 1, 3], stride: 2 };
  const x = [-1, -5, -3, 7, 7];
  deepEqual(run(pool3d, [x], attributes), [-1, 7, 7]);
  deepEqual(run(pool3dGrad, [x, [1, 10, 100]], attributes), [1, 0, 0, 110, 0]);
});

Deno.test("conv3d_input_grad.shapes() needs a size that the convolution takes to dy", () => {
  const shapes = [[1, 3, 3, 3, 2], [3, 3, 3, 4, 2]];
  const at = (size: unknown) =>
    conv3dInputGrad.shapes(shapes, { stride: 2, ...size ? { size } : {} } as never);
  deepEqual(at([5, 6, 5]), [[1, 5, 6, 5, 4]]);
  throws(() => at([5, 7, 5]), /an input of size \[5, 7, 5\] has an output of size \[3, 4, 3\]/);
  throws(() => at(null), /size must be the three extents zyx/);
});

const WINDOWS: [number[], Record<string, number | string>][] = [
  [[3, 3, 3], { padding: "valid" }],
  [[3, 3, 3], { stride: 2 }],
  [[1, 1, 1], { stride: 2 }],
  [[2, 3, 5], { stride: 2, padding: "valid" }],
  [[5, 4, 3], { stride: 3 }],
];

Deno.test("conv3d gradients equal differences of the loss, with strides and without padding", () => {
  for (const [kernel, attributes] of WINDOWS) {
    checkByDifferences(
      { x: [2, 5, 4, 6, 2], w: [...kernel, 2, 3], b: [3] },
      (graph, { x, w, b }) => appendConv3d(graph, x, w, b, attributes),
    );
  }
});

Deno.test("pool3d gradients equal differences of the loss", () => {
  for (const attributes of [{ stride: 2, padding: "same" }, { stride: 1, padding: "valid" }]) {
    checkByDifferences(
      { x: [2, 5, 4, 6, 2] },
      (graph, { x }) => graph.call(pool3d, [x], { kernel: [3, 3, 3], ...attributes })[0],
    );
  }
});
