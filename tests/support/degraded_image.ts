/** An image as another microscope might have taken it: blurred, with correlated noise and uneven illumination. */
import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import { Random } from "../../engine/training/random.ts";

/** How much worse. */
export interface Degradation {
  /** Standard deviations in voxels. */
  readonly blur: number;
  readonly noiseBlur: number;
  /** Standard deviation of the noise in grey values. */
  readonly noise: number;
  /** Contrast and brightness differ by up to these from place to place. */
  readonly gain: number;
  readonly shift: number;
  /** Distance in voxels from bright to dark. */
  readonly period: number;
}

/** Gaussian filter of `[z, y, x]`, mirrored at the faces. */
export function blurred(data: Float32Array, size: Zyx, sigma: number): Float32Array {
  const radius = Math.ceil(3 * sigma);
  const weights = Array.from(
    { length: 2 * radius + 1 },
    (_, i) => Math.exp(-0.5 * ((i - radius) / sigma) ** 2),
  );
  const total = weights.reduce((a, b) => a + b, 0);
  let from = data;
  for (const [axis, stride] of [size[1] * size[2], size[2], 1].entries()) {
    const to = new Float32Array(from.length);
    const n = size[axis];
    for (let i = 0; i < from.length; i++) {
      const place = Math.floor(i / stride) % n;
      let sum = 0;
      for (let k = -radius; k <= radius; k++) {
        let other = place + k;
        if (other < 0) other = -other;
        else if (other >= n) other = 2 * (n - 1) - other;
        sum += weights[k + radius] * from[i + (other - place) * stride];
      }
      to[i] = sum / total;
    }
    from = to;
  }
  return from;
}

/** The image `[z, y, x]`, 0 to 255, degraded; the same seed gives the same result. */
export function degraded(
  image: Uint8Array,
  size: Zyx,
  { blur, noiseBlur, noise, gain, shift, period }: Degradation,
  seed: number,
): Uint8Array<ArrayBuffer> {
  const random = new Random(seed);
  const phases = Array.from({ length: 6 }, () => 2 * Math.PI * random.uniform());
  const grain = blurred(
    Float32Array.from({ length: volumeOf(size) }, () => random.normal()),
    size,
    noiseBlur,
  );
  const spread = Math.sqrt(grain.reduce((sum, v) => sum + v * v, 0) / grain.length);
  const soft = blurred(Float32Array.from(image), size, blur);
  const wave = (z: number, y: number, x: number, first: number) =>
    [z, y, x].reduce(
      (sum, n, axis) => sum + Math.sin(Math.PI * n / period + phases[first + axis]),
      0,
    ) /
    3;
  return Uint8Array.from(soft, (value, i) => {
    const x = i % size[2], y = Math.floor(i / size[2]) % size[1];
    const z = Math.floor(i / (size[1] * size[2]));
    const contrast = 0.7 * (1 + gain * wave(z, y, x, 0));
    const lit = 128 + contrast * (value - 128) + shift * wave(z, y, x, 3);
    return Math.min(Math.max(Math.round(lit + noise * grain[i] / spread), 0), 255);
  });
}

/** Grey values with the mean and the spread of a reference. */
export function affineMatched(image: Uint8Array, reference: Uint8Array): Uint8Array<ArrayBuffer> {
  const moments = (data: Uint8Array) => {
    const mean = data.reduce((a, b) => a + b, 0) / data.length;
    return { mean, spread: Math.sqrt(data.reduce((s, v) => s + (v - mean) ** 2, 0) / data.length) };
  };
  const [own, wanted] = [moments(image), moments(reference)];
  return Uint8Array.from(image, (v) => {
    const matched = (v - own.mean) * wanted.spread / own.spread + wanted.mean;
    return Math.min(Math.max(Math.round(matched), 0), 255);
  });
}

/** Grey values of the same ranks in a reference. */
export function rankMatched(image: Uint8Array, reference: Uint8Array): Uint8Array<ArrayBuffer> {
  const shares = (data: Uint8Array) => {
    const counts = new Float64Array(256);
    for (const v of data) counts[v] += 1 / data.length;
    for (let i = 1; i < 256; i++) counts[i] += counts[i - 1];
    return counts;
  };
  const [own, wanted] = [shares(image), shares(reference)];
  const table = Array.from(own, (share) => {
    const found = wanted.findIndex((w) => w >= share - 1e-9);
    return found < 0 ? 255 : found;
  });
  return Uint8Array.from(image, (v) => table[v]);
}
