/** Normalisations, means, dense layers, crops, dropout and mean errors: gradients, and what the ops promise. */
import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { appendAffine } from "../../engine/ops/affine.ts";
import { appendBatchNorm, batchNorm } from "../../engine/ops/batch_norm.ts";
import { appendAdd } from "../../engine/ops/binary.ts";
import { appendCrop, crop, embed } from "../../engine/ops/crop.ts";
import { appendDense, dense } from "../../engine/ops/dense.ts";
import { appendDropout, dropout } from "../../engine/ops/dropout.ts";
import type { GraphBuilder } from "../../engine/ops/graph.ts";
import { appendInstanceNorm, instanceNorm } from "../../engine/ops/instance_norm.ts";
import { appendMeanError, meanError } from "../../engine/ops/mean_error.ts";
import type { Value } from "../../engine/ops/op.ts";
import { appendSpatialMean } from "../../engine/ops/spatial_mean.ts";
import { appendLeakyRelu, appendTanh } from "../../engine/ops/unary.ts";
import { checkByDifferences } from "../support/finite_differences.ts";

Deno.test("gradients of instance_norm and batch_norm equal differences of the loss", () => {
  checkByDifferences(
    { x: [2, 2, 3, 2, 3], scale: [3], bias: [3] },
    (graph, { x, scale, bias }) => appendInstanceNorm(graph, x, scale, bias),
  );
  checkByDifferences(
    { x: [2, 2, 3, 2, 3], bias: [3] },
    (graph, { x, bias }) => appendBatchNorm(graph, x, bias),
  );
});

Deno.test("gradients of tanh, leaky_relu, affine, crop and embed equal differences of the loss", () => {
  checkByDifferences(
    { x: [1, 3, 3, 4, 2] },
    (graph, { x }) => appendTanh(graph, appendAffine(graph, appendLeakyRelu(graph, x), 1.5, -0.25)),
  );
  checkByDifferences({ x: [2, 5, 6, 5, 2], y: [2, 1, 2, 1, 2] }, (graph, { x, y }) => {
    const [wide] = graph.call(embed, [appendAdd(graph, appendCrop(graph, x, 2), y)], { margin: 1 });
    return wide;
  });
});

Deno.test("gradients of spatial_mean, dense and dropout equal differences of the loss", () => {
  checkByDifferences(
    { x: [2, 2, 3, 2, 4], w: [4, 3], b: [3] },
    (graph, { x, w, b }) => {
      const kept = appendDropout(graph, x, graph.input("seed", [1]), 7);
      return appendDense(graph, appendSpatialMean(graph, kept), w, b);
    },
  );
});

Deno.test("gradients of weighted mean errors and of their sum equal differences of the loss", () => {
  const sum = (graph: GraphBuilder, y: Value) => {
    const target = graph.input("target", y.shape);
    const squared = appendMeanError(graph, "squared", [y, target], 0.5);
    return appendAdd(graph, squared, appendMeanError(graph, "absolute", [target, y], 2));
  };
  checkByDifferences({ x: [2, 3, 2, 2, 1] }, (graph, { x }) => appendTanh(graph, x), sum);
});

Deno.test("dropout.reference() keeps half of the elements, doubled, others for each seed and stream", () => {
  const x = { shape: [4096], data: new Float32Array(4096).fill(3) };
  const run = (seed: number, stream: number) => {
    const y = { shape: [4096], data: new Float32Array(4096) };
    dropout.reference([x, { shape: [1], data: Float32Array.of(seed) }], [y], { stream });
    ok(y.data.every((value) => value === 0 || value === 6));
    return y.data;
  };
  const masks = [run(1, 0), run(2, 0), run(1, 1)];
  deepEqual(run(1, 0), masks[0]);
  for (const [i, a] of masks.entries()) {
    const kept = a.filter((value) => value > 0).length;
    ok(Math.abs(kept - 2048) < 160, `kept ${kept}`);
    for (const b of masks.slice(0, i)) {
      const equalOnes = a.filter((value, k) => value === b[k]).length;
      ok(Math.abs(equalOnes - 2048) < 160, `equal ${equalOnes}`);
    }
  }
});

Deno.test("meanError.reference() weighs the mean of absolute or squared differences", () => {
  const [a, b] = [[1, 2, 3, -4], [0, 4, 3, 0]].map((data) => ({
    shape: [4],
    data: Float64Array.from(data),
  }));
  const run = (name: string, weight: number) => {
    const y = { shape: [1], data: new Float64Array(1) };
    meanError.reference([a, b], [y], { function: name, weight });
    return y.data[0];
  };
  equal(run("absolute", 1), 7 / 4);
  equal(run("squared", 2), 2 * 21 / 4);
});

Deno.test("ops name the shapes and attributes that do not fit", () => {
  const X = [2, 4, 5, 6, 3];
  throws(() => crop.shapes([X], { margin: 2 }), /2 voxels off each face.*nothing is left/);
  throws(() => crop.shapes([X], { margin: 0.5 }), /margin must be an integer/);
  throws(() => dense.shapes([[2, 3], [4, 1], [1]], {}), /\[3, 1\], \[1\].*\[4, 1\], \[1\]/);
  throws(() => instanceNorm.shapes([X, [3], [2]], {}), /must have shape \[3\].*\[2\]/);
  throws(() => batchNorm.shapes([X, [3]], { epsilon: 0 }), /epsilon 0/);
  throws(() => dropout.shapes([X, [2]], {}), /seed must have shape \[1\]/);
  throws(() => dropout.shapes([X, [1]], { keep: 1 }), /between 0 and 1, current value is 1/);
  throws(() => meanError.shapes([X, X], { function: "cubed" }), /known functions are absolute/);
});
