/** The fill by which the specs define variables and inputs without files. */
import { crc32c } from "../../engine/formats/crc32c.ts";
import { elementCount } from "../../engine/formats/nd_array.ts";
import type { Shape } from "../../engine/ops/op.ts";

/** Values `[z, y, x, …]` of an input (index -1) or of the variable with this number. */
export type Fill = (name: string, shape: Shape, index: number) => Float32Array;

/** Deterministic fill of the spec, element i: a mixed counter that starts at the CRC of the name. */
function mixed(i: number, start: number): number {
  let x = (Math.imul(i, 0x9e3779b1) + start) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
}

function uniform(name: string, count: number): Float64Array {
  const start = crc32c(new TextEncoder().encode(name));
  return Float64Array.from({ length: count }, (_, i) => mixed(i, start));
}

/** Weights, scales and biases of vector 13.14; input channel 0 is the image, channel 1 the seed. */
export const fillLayerNorm: Fill = (name, shape) => {
  const count = elementCount(shape);
  if (name === "image" || name === "seed") {
    const u = uniform("ln_input", 2 * count);
    const channel = name === "image" ? 0 : 1;
    return Float32Array.from({ length: count }, (_, i) => 2 * u[2 * i + channel] - 1);
  }
  const short = name.replace("params/", "");
  const u = uniform(short, count);
  const [kz, ky, kx, ci, co] = shape;
  const limit = Math.sqrt(6 / (kz * ky * kx * (ci + co)));
  const kinds: Record<string, (u: number) => number> = {
    kernel: (v) => (2 * v - 1) * limit,
    scale: (v) => 1 + (2 * v - 1) * 0.1,
    bias: (v) => (2 * v - 1) * 0.1,
  };
  return Float32Array.from(u, kinds[short.split("/")[1]]);
};

/** Weights, scales and biases of the golden cases of SECGAN, and inputs, all by their whole names. */
export const fillSecgan: Fill = (name, shape) => {
  const [ci, co] = shape.slice(-2);
  const taps = elementCount(shape.slice(0, -2));
  const kinds: Record<string, readonly [scale: number, centre: number]> = {
    weights: [Math.sqrt(6 / (taps * (ci + co))), 0],
    gamma: [0.1, 1],
    biases: [0.1, 0],
    beta: [0.1, 0],
  };
  const [scale, centre] = kinds[name.split("/").at(-1)!] ?? [1, 0];
  const data = new Float32Array(elementCount(shape));
  const start = crc32c(new TextEncoder().encode(name));
  // A loop, since case C has a hundred million of them.
  for (let i = 0; i < data.length; i++) data[i] = centre + (2 * mixed(i, start) - 1) * scale;
  return data;
};
