/** What ops refuse, and how they say it. */
import { deepEqual, equal, throws } from "node:assert/strict";
import { binary } from "../../engine/ops/binary.ts";
import { concatChannels } from "../../engine/ops/concat_channels.ts";
import { conv3d } from "../../engine/ops/conv3d.ts";
import { GraphBuilder } from "../../engine/ops/graph.ts";
import { layerNorm } from "../../engine/ops/layer_norm.ts";
import { reals } from "../../engine/ops/op.ts";
import { unary } from "../../engine/ops/unary.ts";

const X = [1, 4, 5, 6, 2];
const W = [3, 3, 3, 2, 8];

Deno.test("conv3d.shapes() keeps the size and takes the channels of the weights", () => {
  deepEqual(conv3d.shapes([X, W, [8]], {}), [[1, 4, 5, 6, 8]]);
  deepEqual(conv3d.shapes([X, W, [8], [1, 4, 5, 6, 8]], { residual: true }), [[1, 4, 5, 6, 8]]);
});

Deno.test("conv3d.shapes() names both values that do not fit", () => {
  throws(
    () => conv3d.shapes([[1, 4, 5, 6, 3], W, [8]], {}),
    /x \[1, 4, 5, 6, 3\]: the weights \[3, 3, 3, 2, 8\] take 2 channels, current number is 3/,
  );
  throws(
    () => conv3d.shapes([X, W, [7]], {}),
    /bias must have shape \[8\].*current shape is \[7\]/,
  );
  throws(() => conv3d.shapes([X, W], {}), /needs 3 inputs.*current number is 2/);
  throws(
    () => conv3d.shapes([X, W, [8], X], { residual: true }),
    /residual must have the shape of the output \[1, 4, 5, 6, 8\], current shape is \[1, 4, 5, 6, 2\]/,
  );
  throws(() => conv3d.shapes([[4, 5, 6, 2], W, [8]], {}), /must have 5 axes/);
  throws(() => conv3d.shapes([[1, 0, 5, 6, 2], W, [8]], {}), /of 1 or more/);
});

Deno.test("element-wise ops refuse unknown functions and unequal shapes", () => {
  throws(
    () => unary.shapes([[3]], { function: "cosh" }),
    /"cosh": known functions are relu, leaky_relu, sigmoid, tanh/,
  );
  throws(() => unary.shapes([[3]], {}), /known functions are/);
  throws(() => binary.shapes([[3], [4]], { function: "add" }), /\[3\] and \[4\]/);
  throws(() => binary.shapes([[3]], { function: "add" }), /takes 2 inputs, current number is 1/);
});

Deno.test("concat_channels.shapes() adds channels and refuses other sizes", () => {
  deepEqual(concatChannels.shapes([X, [1, 4, 5, 6, 3]], {}), [[1, 4, 5, 6, 5]]);
  throws(
    () => concatChannels.shapes([X, [1, 4, 5, 7, 2]], {}),
    /\[1, 4, 5, 6, 2\] and \[1, 4, 5, 7, 2\]/,
  );
  throws(() => concatChannels.shapes([], {}), /1 or more inputs/);
});

Deno.test("layer_norm.shapes() wants one scale and bias per channel", () => {
  deepEqual(layerNorm.shapes([X, [2], [2]], {}), [X]);
  throws(
    () => layerNorm.shapes([X, [3], [2]], {}),
    /scale must have shape \[2\], current shape is \[3\]/,
  );
  throws(() => layerNorm.shapes([X, [2], [2]], { epsilon: 0 }), /epsilon 0/);
});

Deno.test("reals() takes float arrays only", () => {
  throws(() => reals({ shape: [1], data: new Uint8Array(1) }), /Uint8Array/);
});

Deno.test("conv3d.work() counts a multiplication and an addition per tap and channel", () => {
  const graph = new GraphBuilder();
  const [y] = graph.call(conv3d, [
    graph.input("x", X),
    graph.parameter("w", W),
    graph.parameter("b", [8]),
  ]);
  graph.output("y", y);
  const [call] = graph.build().calls;
  const { flops, bytes } = conv3d.work(call);
  equal(flops, 2 * 27 * 2 * 8 * 120);
  equal(bytes, 4 * (120 * 2 + 27 * 16 + 8 + 120 * 8));
});

Deno.test("GraphBuilder refuses names that are taken and outputs that nothing computes", () => {
  const graph = new GraphBuilder();
  const x = graph.input("x", X);
  throws(() => graph.parameter("x", [1]), /has a value of that name/);
  throws(() => graph.output("y", x), /must be the result of a call/);
});
