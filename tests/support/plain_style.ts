/** Encoders and decoders of style transfer as plain loops in float64, written from the specification alone. */
import type { Zyx } from "../../engine/geometry/vectors.ts";

/** Variables by name, in C order. */
export type PlainVariables = ReadonlyMap<string, ArrayLike<number>>;

/** A convolution with zero padding; x is `[z, y, x, in]` of `size`, weights `[k, k, k, in, out]`. */
function conv(
  x: ArrayLike<number>,
  size: Zyx,
  weights: ArrayLike<number>,
  biases: ArrayLike<number>,
): Float64Array {
  const [depth, height, width] = size;
  const voxels = depth * height * width;
  const inputs = x.length / voxels, outputs = biases.length;
  const kernel = Math.round(Math.cbrt(weights.length / inputs / outputs));
  const reach = (kernel - 1) / 2;
  const result = new Float64Array(voxels * outputs);
  for (let i = 0; i < voxels; i++) {
    const [z, y, x0] = [
      Math.floor(i / (height * width)),
      Math.floor(i / width) % height,
      i % width,
    ];
    for (let o = 0; o < outputs; o++) {
      let sum = biases[o];
      for (let tap = 0; tap < kernel ** 3; tap++) {
        const zz = z + Math.floor(tap / kernel ** 2) - reach;
        const yy = y + Math.floor(tap / kernel) % kernel - reach;
        const xx = x0 + tap % kernel - reach;
        if (zz < 0 || yy < 0 || xx < 0 || zz >= depth || yy >= height || xx >= width) continue;
        const from = ((zz * height + yy) * width + xx) * inputs;
        for (let c = 0; c < inputs; c++) {
          sum += x[from + c] * weights[(tap * inputs + c) * outputs + o];
        }
      }
      result[i * outputs + o] = sum;
    }
  }
  return result;
}

const relu = (x: Float64Array) => x.map((v) => Math.max(0, v));

function modules(
  x: Float64Array,
  size: Zyx,
  variables: PlainVariables,
  scope: string,
  depth: number,
  lastSkip: boolean,
): Float64Array {
  const layer = (name: string, value: Float64Array) =>
    conv(
      value,
      size,
      variables.get(`${scope}/${name}/weights`)!,
      variables.get(`${scope}/${name}/biases`)!,
    );
  let y = x;
  for (let i = 0; i < depth; i++) {
    const inner = layer(`conv${i}_a`, i === 0 ? y : relu(y));
    const outer = layer(`conv${i}_b`, relu(inner));
    const before = y;
    y = i > 0 && (lastSkip || i < depth - 1) ? outer.map((v, j) => v + before[j]) : outer;
  }
  return y;
}

/** E(x): image and seed `[z, y, x]` of `size`, the result `[z, y, x, channel]`. */
export function plainEncode(
  image: ArrayLike<number>,
  seed: ArrayLike<number>,
  size: Zyx,
  variables: PlainVariables,
  scope: string,
  layer: number,
): Float64Array {
  const both = new Float64Array(2 * image.length);
  for (let i = 0; i < image.length; i++) [both[2 * i], both[2 * i + 1]] = [image[i], seed[i]];
  return modules(both, size, variables, scope, layer, false);
}

/** D(code), `[z, y, x]`. */
export function plainDecode(
  code: Float64Array,
  size: Zyx,
  variables: PlainVariables,
  layer: number,
): Float64Array {
  const y = relu(modules(code, size, variables, "decoder", layer, true));
  return conv(
    y,
    size,
    variables.get("decoder/conv_decoding/weights")!,
    variables.get("decoder/conv_decoding/biases")!,
  );
}

/** Both losses of one image, without weight. */
export function plainStyleLosses(
  image: ArrayLike<number>,
  seed: ArrayLike<number>,
  size: Zyx,
  variables: PlainVariables,
  scope: string,
  layer: number,
): { pixel: number; encoding: number } {
  const code = plainEncode(image, seed, size, variables, scope, layer);
  const decoded = plainDecode(code, size, variables, layer);
  const again = plainEncode(decoded, seed, size, variables, scope, layer);
  const meanSquare = (a: ArrayLike<number>, b: ArrayLike<number>) => {
    let sum = 0;
    for (let i = 0; i < a.length; i++) sum += (a[i] - b[i]) ** 2;
    return sum / a.length;
  };
  return { pixel: meanSquare(decoded, image), encoding: meanSquare(again, code) };
}
