/** Pictures of training for an event file: the middle z planes of several cubes side by side. */
import type { SummaryValue } from "../../formats/event_file.ts";
import { encodePng } from "../../formats/png.ts";

/** Samples of a batch of which pictures are kept. */
const MAX_SAMPLES = 3;

/** The cube of `edge` voxels in the middle of every cube of `from` voxels; both `[batch, z, y, x]`. */
export function centreOfCubes(data: Float32Array, from: number, edge: number): Float32Array {
  const count = data.length / from ** 3;
  const first = (from - edge) / 2;
  const result = new Float32Array(count * edge ** 3);
  let at = 0;
  for (let b = 0; b < count; b++) {
    for (let z = 0; z < edge; z++) {
      for (let y = 0; y < edge; y++) {
        const row = ((b * from + z + first) * from + y + first) * from + first;
        result.set(data.subarray(row, row + edge), at);
        at += edge;
      }
    }
  }
  return result;
}

/**
 * The panels of a tag, one picture per sample: cubes `[batch, edge, edge, edge]` side by side along x, as TensorFlow scales
 * pictures of floats and names them.
 */
export function panels(
  tag: string,
  cubes: readonly Float32Array[],
  edge: number,
): SummaryValue[] {
  const samples = Math.min(MAX_SAMPLES, cubes[0].length / edge ** 3);
  return Array.from({ length: samples }, (_, sample) => {
    const width = edge * cubes.length;
    const plane = new Float32Array(width * edge);
    cubes.forEach((data, column) => {
      const middle = (sample * edge + (edge >> 1)) * edge * edge;
      for (let y = 0; y < edge; y++) {
        const row = data.subarray(middle + y * edge, middle + (y + 1) * edge);
        plane.set(row, y * width + column * edge);
      }
    });
    const png = encodePng({ width, height: edge, channels: 1, data: greyValues(plane) });
    return {
      tag: `${tag}/image/${sample}`,
      image: { width, height: edge, channels: 1, png },
    };
  });
}

/** TensorFlow's rule: values from 0 up to the largest become 0 to 255; with negative ones 0 becomes 128. */
export function greyValues(values: Float32Array): Uint8Array {
  const [low, high] = values.reduce(
    ([low, high], v) => [Math.min(low, v), Math.max(high, v)],
    [0, 0],
  );
  const [largest, range, offset] = low < 0 ? [Math.max(-low, high), 127, 128] : [high, 255, 0];
  const scale = largest < 1e-6 ? 0 : range / largest;
  return Uint8Array.from(values, (v) => Math.trunc(v * scale + offset));
}
