/** Whitening and colouring: linear maps that take the covariance of features away, and that give one to them. */
import { CholeskyDecomposition, EVD, inverse, Matrix } from "npm:ml-matrix@6.12.1";

/** Names that `--whitening` takes. */
export const WHITENING_NAMES = ["zca", "pca", "cholesky", "zca_cor", "pca_cor"] as const;

/** One of them. */
export type WhiteningName = (typeof WHITENING_NAMES)[number];

/** Added to eigenvalues before they divide. */
const FUDGE = 1e-8;

/** Mean `[p]` and covariance `[p, p]` of features, in C order. */
export interface FeatureMoments {
  readonly mean: Float64Array;
  readonly covariance: Float64Array;
}

/** Eigenvalues, the largest first, and eigenvectors as columns, with signs such that the diagonal is not negative. */
function eigen(matrix: Matrix): { readonly values: readonly number[]; readonly vectors: Matrix } {
  const { realEigenvalues, eigenvectorMatrix } = new EVD(matrix, { assumeSymmetric: true });
  const order = realEigenvalues.map((_, i) => i).sort((a, b) =>
    realEigenvalues[b] - realEigenvalues[a]
  );
  const vectors = Matrix.zeros(matrix.rows, matrix.rows);
  order.forEach((from, column) => {
    const vector = eigenvectorMatrix.getColumn(from);
    const sign = vector[column] < 0 ? -1 : 1;
    vectors.setColumn(column, vector.map((v) => sign * v));
  });
  return { values: order.map((i) => Math.max(0, realEigenvalues[i])), vectors };
}

/** Standard deviations, and the correlation matrix. */
function correlation(covariance: Matrix): { readonly stds: number[]; readonly matrix: Matrix } {
  const stds = covariance.diagonal().map((v) => Math.sqrt(v));
  const constant = stds.findIndex((v) => !(v > 0));
  if (constant >= 0) {
    throw new RangeError(
      `Cannot whiten by correlations: feature ${constant} must not be constant; use --whitening zca`,
    );
  }
  const scale = Matrix.diag(stds.map((v) => 1 / v));
  return { stds, matrix: scale.mmul(covariance).mmul(scale) };
}

/** The lower factor L with L Lᵀ the matrix. */
function cholesky(matrix: Matrix): Matrix {
  // What was computed is symmetric but for the last digits.
  const found = new CholeskyDecomposition(Matrix.add(matrix, matrix.transpose()).mul(0.5));
  if (found.isPositiveDefinite()) return found.lowerTriangularMatrix;
  throw new RangeError(
    "Cannot whiten by Cholesky's factors: features must not depend on each other linearly; use --whitening zca",
  );
}

/**
 * The map W `[p, p]` with W Σ Wᵀ = 1.
 *
 * @param covariance Σ, `[p, p]` in C order.
 */
export function whiteningMatrix(covariance: Float64Array, name: WhiteningName): Matrix {
  const sigma = square(covariance);
  if (name === "cholesky") {
    cholesky(sigma);
    return cholesky(inverse(sigma)).transpose();
  }
  const isCor = name.endsWith("_cor");
  const cor = isCor ? correlation(sigma) : null;
  const { values, vectors } = eigen(cor?.matrix ?? sigma);
  const turned = Matrix.diag(values.map((v) => 1 / Math.sqrt(v + FUDGE))).mmul(vectors.transpose());
  const white = name.startsWith("zca") ? vectors.mmul(turned) : turned;
  return cor ? white.mmul(Matrix.diag(cor.stds.map((v) => 1 / v))) : white;
}

/** The map C `[p, p]` with C Cᵀ = Σ, for features whose covariance is 1. */
export function colouringMatrix(covariance: Float64Array, name: WhiteningName): Matrix {
  const sigma = square(covariance);
  if (name === "cholesky") return cholesky(sigma);
  const isCor = name.endsWith("_cor");
  const cor = isCor ? correlation(sigma) : null;
  const { values, vectors } = eigen(cor?.matrix ?? sigma);
  const scaled = vectors.mmul(Matrix.diag(values.map((v) => Math.sqrt(v))));
  const coloured = name.startsWith("zca") ? scaled.mmul(vectors.transpose()) : scaled;
  return cor ? Matrix.diag(cor.stds).mmul(coloured) : coloured;
}

/**
 * C W (f - mean of the content) + mean of the style, in float64 and in place.
 *
 * @returns a function of features `[…, p]`.
 */
export function whiteningTransfer(
  content: FeatureMoments,
  style: FeatureMoments,
  name: WhiteningName,
): (features: Float32Array) => void {
  const map = colouringMatrix(style.covariance, name)
    .mmul(whiteningMatrix(content.covariance, name));
  const count = content.mean.length;
  const rows = Float64Array.from(map.to1DArray());
  const shift = Float64Array.from(style.mean, (mean, i) => {
    let sum = mean;
    for (let j = 0; j < count; j++) sum -= rows[i * count + j] * content.mean[j];
    return sum;
  });
  const before = new Float64Array(count);
  return (features) => {
    for (let at = 0; at < features.length; at += count) {
      for (let i = 0; i < count; i++) before[i] = features[at + i];
      for (let i = 0; i < count; i++) {
        let sum = shift[i];
        for (let j = 0; j < count; j++) sum += rows[i * count + j] * before[j];
        features[at + i] = sum;
      }
    }
  };
}

function square(values: Float64Array): Matrix {
  return Matrix.from1DArray(Math.sqrt(values.length), Math.sqrt(values.length), values);
}
