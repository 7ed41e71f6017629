/** A drawing made into probabilities: what a network shall see, with edges as soft as those of its own object maps. */
import { volumeOf, type Zyx } from "../geometry/vectors.ts";

/** A mask is cut off here and at one minus this, so that logits are finite. */
const LEAST = 0.05;
/** Standard deviations at which a Gaussian is cut off, as SciPy does. */
const TRUNCATE = 4;

/**
 * Dilates a drawing by a ball, blurs it, and keeps it within 0.05 to 0.95.
 *
 * @param drawn `[z, y, x]` of `size`, above 0 where something is drawn.
 * @param radius Of the ball, in voxels; 0 for none.
 * @param sigma Standard deviation of the blur; beyond the faces the mask is mirrored, its border voxels twice.
 * @returns probabilities `[z, y, x]`.
 */
export function softMask(
  drawn: ArrayLike<number | bigint>,
  size: Zyx,
  radius: number,
  sigma: number,
): Float32Array {
  let values = dilated(drawn, size, radius);
  if (sigma > 0) {
    const weights = gaussianWeights(sigma);
    const strides = [size[1] * size[2], size[2], 1];
    for (const [axis, stride] of strides.entries()) {
      values = blurred(values, size[axis], stride, weights);
    }
  }
  return Float32Array.from(values, (v) => Math.min(1 - LEAST, Math.max(LEAST, v)));
}

function dilated(drawn: ArrayLike<number | bigint>, size: Zyx, radius: number): Float64Array {
  const reach = Math.floor(radius);
  const ball: Zyx[] = [];
  for (let z = -reach; z <= reach; z++) {
    for (let y = -reach; y <= reach; y++) {
      for (let x = -reach; x <= reach; x++) {
        if (z * z + y * y + x * x <= radius * radius) ball.push([z, y, x]);
      }
    }
  }
  const [depth, height, width] = size;
  const result = new Float64Array(volumeOf(size));
  for (let i = 0; i < result.length; i++) {
    if (!(drawn[i] > 0)) continue;
    const at = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
    for (const [dz, dy, dx] of ball) {
      const [z, y, x] = [at[0] + dz, at[1] + dy, at[2] + dx];
      const isInside = z >= 0 && z < depth && y >= 0 && y < height && x >= 0 && x < width;
      if (isInside) result[(z * height + y) * width + x] = 1;
    }
  }
  return result;
}

/** Half of the filter, the centre first. */
function gaussianWeights(sigma: number): Float64Array {
  const radius = Math.floor(TRUNCATE * sigma + 0.5);
  const weights = Float64Array.from(
    { length: radius + 1 },
    (_, i) => Math.exp(-0.5 * (i / sigma) ** 2),
  );
  const sum = weights.reduce((total, w, i) => total + (i === 0 ? w : 2 * w), 0);
  return weights.map((w) => w / sum);
}

/** One axis, of `n` voxels that lie `stride` apart. */
function blurred(
  values: Float64Array,
  n: number,
  stride: number,
  weights: Float64Array,
): Float64Array {
  const result = new Float64Array(values.length);
  const mirrored = (i: number) => {
    const m = ((i % (2 * n)) + 2 * n) % (2 * n);
    return m < n ? m : 2 * n - 1 - m;
  };
  for (let i = 0; i < values.length; i++) {
    const at = Math.floor(i / stride) % n;
    const first = i - at * stride;
    let sum = weights[0] * values[i];
    for (let d = 1; d < weights.length; d++) {
      sum += weights[d] *
        (values[first + mirrored(at - d) * stride] + values[first + mirrored(at + d) * stride]);
    }
    result[i] = sum;
  }
  return result;
}
