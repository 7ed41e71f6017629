import type { Zyx } from "../../engine/geometry/vectors.ts";
import { KernelMemory } from "./kernel_memory.ts";

interface SobelKernel {
  pad_plane(source: number, padded: number, height: number, width: number): void;
  sobel_plane_3d(
    previous: number,
    current: number,
    next: number,
    scratch: number,
    output: number,
    height: number,
    width: number,
  ): void;
  sobel_plane_2d(
    padded: number,
    row: number,
    output: number,
    height: number,
    width: number,
  ): void;
}

type InPlane = (
  plane: number,
  reflected: number,
  weights: number,
  radius: number,
  scratch: number,
  output: number,
  height: number,
  width: number,
) => void;

interface GaussianKernel {
  gaussian_z(table: number, weights: number, radius: number, output: number, count: number): void;
  gaussian_yx_f32: InPlane;
  gaussian_yx_f64: InPlane;
}

/** One plane of a filtered volume; both arrays are `[y, x]` and valid until the next plane is asked for. */
export interface GradientPlane {
  readonly z: number;
  /** Sobel gradient magnitude of the image. */
  readonly gradient: Float32Array;
  /** Gaussian of the magnitude. */
  readonly smoothed: Float32Array;
}

/** Index inside `0 … n - 1` that stands for any `i`: the image continues mirrored, its border element twice. */
export function reflect(i: number, n: number): number {
  const m = ((i % (2 * n)) + 2 * n) % (2 * n);
  return m < n ? m : 2 * n - 1 - m;
}

/**
 * Gradient magnitude of an image and its Gaussian, plane by plane from z = 0. Memory: as many planes as the Gaussian
 * has taps, whatever the depth.
 *
 * @param image `[z, y, x]` of `size`.
 * @param weights Half of the symmetric Gaussian, the centre first.
 * @param perSlice Treats every z as an image of its own: no gradient and no smoothing along z.
 */
export async function* gradientPlanes(
  image: Float32Array,
  size: Zyx,
  weights: Float64Array,
  perSlice = false,
): AsyncGenerator<GradientPlane> {
  const [depth, height, width] = size;
  const count = height * width;
  const radius = weights.length - 1;
  const taps = 2 * radius + 1;
  const ringLength = perSlice ? 1 : Math.min(depth, taps);

  const memory = new KernelMemory();
  const staging = memory.reserve(4 * count);
  const padded = [0, 1, 2].map(() => memory.reserve(4 * (height + 2) * (width + 2)));
  const sobelScratch = memory.reserve(4 * (height + 4) * (width + 2) + 256);
  const ring = Array.from({ length: ringLength }, () => memory.reserve(4 * count));
  const table = memory.reserve(4 * taps);
  const kernelWeights = memory.reserve(8 * weights.length);
  const smoothedZ = memory.reserve(8 * count);
  const reflected = memory.reserve(4 * (height + width + 4 * radius));
  const scratch = memory.reserve(4 * (taps + 1) + 8 * (width + 2 * radius));
  const output = memory.reserve(4 * count);
  const sobel = await memory.load<SobelKernel>("sobel");
  const gaussian = await memory.load<GaussianKernel>("gaussian");

  memory.f64(kernelWeights, weights.length).set(weights);
  const mirrored = (n: number) =>
    Array.from({ length: n + 2 * radius }, (_, i) => reflect(i - radius, n));
  memory.u32(reflected, height + width + 4 * radius).set([...mirrored(height), ...mirrored(width)]);

  const stage = memory.f32(staging, count);
  const planes = memory.u32(table, taps);
  const slot = (z: number) => padded[z % 3];
  const pad = (z: number) => {
    stage.set(image.subarray(z * count, (z + 1) * count));
    sobel.pad_plane(staging, slot(z), height, width);
  };
  const tail = [kernelWeights, radius, scratch, output, height, width] as const;
  const result = (z: number): GradientPlane => ({
    z,
    gradient: memory.f32(ring[z % ringLength], count),
    smoothed: memory.f32(output, count),
  });

  if (perSlice) {
    for (let z = 0; z < depth; z++) {
      pad(z);
      sobel.sobel_plane_2d(slot(z), sobelScratch, ring[0], height, width);
      gaussian.gaussian_yx_f32(ring[0], reflected, ...tail);
      yield result(z);
    }
    return;
  }

  // Gradient planes 0 … ready - 1 have been made; the ring holds the last of them.
  let ready = 0;
  pad(0);
  for (let z = 0; z < depth; z++) {
    for (; ready <= Math.min(z + radius, depth - 1); ready++) {
      if (ready + 1 < depth) pad(ready + 1);
      const previous = slot(Math.max(ready - 1, 0));
      const next = slot(Math.min(ready + 1, depth - 1));
      const to = ring[ready % ringLength];
      sobel.sobel_plane_3d(previous, slot(ready), next, sobelScratch, to, height, width);
    }
    for (let j = 0; j < taps; j++) {
      planes[j] = ring[reflect(z + j - radius, depth) % ringLength];
    }
    gaussian.gaussian_z(table, kernelWeights, radius, smoothedZ, count);
    gaussian.gaussian_yx_f64(smoothedZ, reflected, ...tail);
    yield result(z);
  }
}
