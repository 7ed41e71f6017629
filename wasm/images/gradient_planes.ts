import type { Zyx } from "../../engine/geometry/vectors.ts";
import { GaussianFilter, reflect } from "./gaussian_filter.ts";
import { KernelMemory } from "../kernel_memory.ts";

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

/** Planes that are smoothed along z together, because they share most of their inputs. */
const BATCH = 16;

/** One plane of a filtered volume; both arrays are `[y, x]` and valid until the next plane is asked for. */
export interface GradientPlane {
  readonly z: number;
  /** Sobel gradient magnitude of the image. */
  readonly gradient: Float32Array;
  /** Gaussian of the magnitude. */
  readonly smoothed: Float32Array;
}

/**
 * Gradient magnitude of an image and its Gaussian, plane by plane from z = 0. Memory: some planes more than the
 * Gaussian has taps, whatever the depth.
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
  const batch = perSlice ? 1 : Math.min(BATCH, depth);
  const ringLength = perSlice ? 1 : Math.min(depth, batch + 2 * radius);

  const memory = new KernelMemory();
  const gaussian = await GaussianFilter.over(memory, [height, width], weights, batch);
  const sobel = await memory.load<SobelKernel>("images_sobel");
  const staging = memory.reserve(4 * count);
  const padded = [0, 1, 2].map(() => memory.reserve(4 * (height + 2) * (width + 2)));
  const scratch = memory.reserve(4 * (height + 4) * (width + 2) + 256);
  const ring = Array.from({ length: ringLength }, () => memory.reserve(4 * count));
  const alongZ = Array.from({ length: batch }, () => memory.reserve(4 * count));
  const output = memory.reserve(4 * count);

  const stage = memory.f32(staging, count);
  const slot = (z: number) => padded[z % 3];
  const pad = (z: number) => {
    stage.set(image.subarray(z * count, (z + 1) * count));
    sobel.pad_plane(staging, slot(z), height, width);
  };
  const gradient = (z: number) => ring[z % ringLength];
  const result = (z: number): GradientPlane => ({
    z,
    gradient: memory.f32(gradient(z), count),
    smoothed: memory.f32(output, count),
  });

  if (perSlice) {
    for (let z = 0; z < depth; z++) {
      pad(z);
      sobel.sobel_plane_2d(slot(z), scratch, gradient(z), height, width);
      gaussian.inPlane(gradient(z), output);
      yield result(z);
    }
    return;
  }

  // Gradient planes 0 … ready - 1 have been made; the ring holds the last of them.
  let ready = 0;
  pad(0);
  for (let start = 0; start < depth; start += batch) {
    const planes = Math.min(batch, depth - start);
    for (; ready < Math.min(start + planes + radius, depth); ready++) {
      if (ready + 1 < depth) pad(ready + 1);
      const previous = slot(Math.max(ready - 1, 0));
      const next = slot(Math.min(ready + 1, depth - 1));
      sobel.sobel_plane_3d(previous, slot(ready), next, scratch, gradient(ready), height, width);
    }
    const inputs = Array.from(
      { length: planes + 2 * radius },
      (_, k) => gradient(reflect(start + k - radius, depth)),
    );
    gaussian.acrossPlanes(inputs, alongZ.slice(0, planes));
    for (let k = 0; k < planes; k++) {
      gaussian.inPlane(alongZ[k], output);
      yield result(start + k);
    }
  }
}
