import { ok, throws } from "node:assert/strict";
import { FeatureStatistics } from "../../engine/inference/feature_statistics.ts";
import {
  colouringMatrix,
  WHITENING_NAMES,
  whiteningMatrix,
  whiteningTransfer,
} from "../../engine/inference/whitening.ts";
import { randomFloats } from "../support/small_networks.ts";

/** Of the specification, §13.4. */
const X = Float32Array.of(
  ...[1, 2, 0.5, 2, 1, -1, 0, -1, 3, 4, 0.5, 2, -1, 3, 1, 2.5, -2, 0],
);

function momentsOf(features: Float32Array, channels: number): FeatureStatistics {
  const statistics = new FeatureStatistics(channels);
  statistics.add(features);
  return statistics;
}

function near(a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number, what: string): void {
  for (let i = 0; i < b.length; i++) {
    ok(Math.abs(a[i] - b[i]) <= tolerance, `${what} [${i}]: ${a[i]}, wanted ${b[i]}`);
  }
}

/** Features that depend on each other, `[count, 4]`. */
function mixed(count: number, seed: number, scale: number): Float32Array {
  const raw = randomFloats(4 * count, seed);
  return raw.map((v, i) => scale * (v + 0.7 * raw[i - i % 4] + (i % 4) - 0.3 * raw[i | 3]));
}

Deno.test("whiteningMatrix() and colouringMatrix() give the values of the specification", () => {
  const { covariance } = momentsOf(X, 3);
  const row = (name: "zca" | "pca" | "zca_cor") => whiteningMatrix(covariance, name).getRow(0);
  near(row("zca"), [0.6716179838, 0.1569011759, 0.0961521163], 1e-9, "zca");
  near(row("pca"), [0.3425396430, -0.3687660112, 0.0021794653], 1e-9, "pca");
  near(row("zca_cor"), [0.6723020821, 0.1558143732, 0.1066806559], 1e-9, "zca_cor");
  near(
    colouringMatrix(covariance, "cholesky").diagonal(),
    [1.6435902436, 1.5395388753, 1.2361084876],
    1e-9,
    "cholesky",
  );
});

Deno.test("whiteningMatrix() takes every covariance away, and colouringMatrix() gives it back", () => {
  const { covariance } = momentsOf(mixed(200, 3, 5), 4);
  const one = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
  for (const name of WHITENING_NAMES) {
    const white = whiteningMatrix(covariance, name), coloured = colouringMatrix(covariance, name);
    const square = (values: Float64Array) =>
      [0, 1, 2, 3].map((i) => [...values.subarray(4 * i, 4 * i + 4)]);
    const product = white.mmul(square(covariance) as never).mmul(white.transpose());
    near(product.to1DArray(), one, 1e-6, name);
    near(coloured.mmul(coloured.transpose()).to1DArray(), covariance, 1e-9, name);
  }
});

Deno.test("whiteningTransfer() gives features mean and covariance of the style", () => {
  const content = mixed(500, 5, 2), style = mixed(300, 9, 7);
  const wanted = momentsOf(style, 4);
  for (const name of WHITENING_NAMES) {
    const features = content.slice();
    whiteningTransfer(momentsOf(content, 4), wanted, name)(features);
    const found = momentsOf(features, 4);
    near(found.mean, wanted.mean, 1e-4, name);
    near(found.covariance, wanted.covariance, 1e-2, name);
  }
});

Deno.test("whiteningMatrix() names features that cannot be whitened", () => {
  const constant = Float64Array.of(1, 0, 0, 0);
  throws(() => whiteningMatrix(constant, "zca_cor"), /feature 1 must not be constant/);
  throws(
    () => whiteningMatrix(Float64Array.of(1, 1, 1, 1), "cholesky"),
    /depend on each other linearly; use --whitening zca/,
  );
});
