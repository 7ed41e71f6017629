import type { Zyx } from "../../geometry/vectors.ts";
import { gradientPlanes } from "../../../wasm/images/gradient_planes.ts";
import type { Pace } from "../../../wasm/images/pace.ts";

/**
 * Half of the Gaussian of sigma 49/6 cut at radius 33, the centre first. Constants, because the sum that normalises
 * them differs in the last bit between libraries, and seeds depend on it.
 */
export const THRESHOLD_WEIGHTS: Float64Array = Float64Array.of(
  0.04885205372013979,
  0.04848718531187988,
  0.04740884969748369,
  0.04566465258663671,
  0.04333005036606476,
  0.04050293786752505,
  0.03729684997844425,
  0.03383343383099323,
  0.03023488335163619,
  0.026616982143676676,
  0.02308328560641135,
  0.019720809272122834,
  0.016597402903679635,
  0.013760804866487656,
  0.0112392111976393,
  0.009043074816249181,
  0.0071677807348922845,
  0.005596823293770637,
  0.004305135004247837,
  0.0032622726164175694,
  0.0024352414222699285,
  0.00179082063478156,
  0.0012973299776001491,
  0.0009258425005917889,
  0.0006508966984321476,
  0.00045079108656054684,
  0.0003075578864350856,
  0.00020671248659292308,
  0.00013686577178280489,
  8.92711822241749e-05,
  5.736090803106504e-05,
  3.6308561670799516e-05,
  2.264072702346249e-05,
  1.3907849675045035e-05,
);

/**
 * Marks the voxels whose gradient is above its local average.
 *
 * @param image `[z, y, x]` of `size`.
 * @param masks Volumes `[z, y, x]` whose nonzero voxels become edges too; null ones are skipped.
 * @returns `[z, y, x]`, 1 on edges.
 */
export async function imageEdges(
  image: Float32Array,
  size: Zyx,
  masks: readonly (Uint8Array | null)[],
  perSlice: boolean,
  pace: Pace,
): Promise<Uint8Array> {
  const edge = new Uint8Array(image.length);
  const count = size[1] * size[2];
  for await (
    const { z, gradient, smoothed } of gradientPlanes(image, size, THRESHOLD_WEIGHTS, perSlice)
  ) {
    const plane = edge.subarray(z * count, (z + 1) * count);
    for (let i = 0; i < count; i++) plane[i] = gradient[i] > smoothed[i] ? 1 : 0;
    await pace.breathe();
  }
  for (const mask of masks) {
    if (mask === null) continue;
    for (let i = 0; i < edge.length; i++) if (mask[i] !== 0) edge[i] = 1;
  }
  return edge;
}
