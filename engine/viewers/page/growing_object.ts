import type { Box } from "../../geometry/box.ts";
import { volumeOf, type Zyx } from "../../geometry/vectors.ts";

/** The object that grows, or has grown and waits to be accepted. */
export class GrowingObject {
  readonly start: Zyx;
  /** Box of its canvas in the volume. */
  readonly canvas: Box;
  /** Quantised probabilities `[z, y, x]` of the canvas; 0 where never predicted. */
  readonly prob: Uint8Array;
  /** Centres of its fields of view, positions of the volume. */
  readonly path: Zyx[] = [];
  steps = 0;

  constructor(start: Zyx, canvas: Box) {
    this.start = start;
    this.canvas = canvas;
    this.prob = new Uint8Array(volumeOf(canvas.size));
  }

  /** Takes over a part `[z, y, x]` of `box`, a box of the volume inside the canvas. */
  grow({ start, size }: Box, prob: Uint8Array, path: readonly Zyx[], steps: number): void {
    const { start: corner, size: [, height, width] } = this.canvas;
    for (let z = 0, from = 0; z < size[0]; z++) {
      for (let y = 0; y < size[1]; y++, from += size[2]) {
        const row = (start[0] + z - corner[0]) * height + start[1] + y - corner[1];
        this.prob.set(
          prob.subarray(from, from + size[2]),
          row * width + start[2] - corner[2],
        );
      }
    }
    this.path.push(...path);
    this.steps = steps;
  }

  /** Byte of a voxel of the volume; 0 outside of the canvas. */
  at(z: number, y: number, x: number): number {
    const { start, size } = this.canvas;
    z -= start[0], y -= start[1], x -= start[2];
    if (z < 0 || y < 0 || x < 0 || z >= size[0] || y >= size[1] || x >= size[2]) return 0;
    return this.prob[(z * size[1] + y) * size[2] + x];
  }
}
