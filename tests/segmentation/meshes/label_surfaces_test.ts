import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { Zyx } from "../../../engine/geometry/vectors.ts";
import {
  type LabelSurface,
  labelSurfaces,
} from "../../../engine/segmentation/meshes/label_surfaces.ts";
import { seededRandom } from "../../support/random.ts";
import { enclosedVolume, eulerNumber, type Solid } from "../../support/solids.ts";

/** Labels `[z, y, x]` by a rule, with a border of 0. */
function block(size: Zyx, label: (z: number, y: number, x: number) => number): Uint32Array {
  const [depth, height, width] = size;
  return Uint32Array.from({ length: depth * height * width }, (_, i) => {
    const [z, y, x] = [Math.floor(i / height / width), Math.floor(i / width) % height, i % width];
    const isBorder = [[z, depth], [y, height], [x, width]].some(([n, end]) =>
      n === 0 || n === end - 1
    );
    return isBorder ? 0 : label(z, y, x);
  });
}

/** As the checks take it: voxels, xyz. */
function solid({ vertices, triangles }: LabelSurface): Solid {
  const positions = vertices.map((_, i) => vertices[i - i % 3 + 2 - i % 3] / 2);
  return { positions, triangles };
}

const count = (labels: Uint32Array, label = 1) => labels.filter((l) => l === label).length;

Deno.test("labelSurfaces() closes a ball, with Euler number 2 and its volume", () => {
  const size: Zyx = [27, 27, 27];
  const labels = block(size, (z, y, x) => Math.hypot(z - 13, y - 13, x - 13) <= 10.3 ? 1 : 0);
  const ball = labelSurfaces(labels, size, 2).get(1)!;
  strictEqual(eulerNumber(solid(ball)), 2);
  const share = enclosedVolume(solid(ball)) / count(labels);
  ok(share > 0.98 && share < 1, `${share}`);
});

Deno.test("labelSurfaces() leaves a ring its hole: Euler number 0", () => {
  const size: Zyx = [15, 35, 35];
  const labels = block(
    size,
    (z, y, x) => Math.hypot(Math.hypot(y - 17, x - 17) - 10, z - 7) <= 4.2 ? 1 : 0,
  );
  const ring = labelSurfaces(labels, size, 2).get(1)!;
  strictEqual(eulerNumber(solid(ring)), 0);
  const share = enclosedVolume(solid(ring)) / count(labels);
  ok(share > 0.97 && share < 1, `${share}`);
});

Deno.test("labelSurfaces() puts the sides of a block half way to the next voxels", () => {
  const size: Zyx = [5, 6, 7];
  const { vertices } = labelSurfaces(block(size, () => 1), size, 2).get(1)!;
  for (const [axis, n] of size.entries()) {
    const places = vertices.filter((_, i) => i % 3 === axis);
    strictEqual(Math.min(...places), 1);
    strictEqual(Math.max(...places), 2 * (n - 1) - 1);
  }
});

Deno.test("labelSurfaces() keeps voxels that share an edge or a corner apart", () => {
  const size: Zyx = [4, 4, 4];
  for (const other of [[1, 2, 2], [2, 2, 2]]) {
    const labels = block(
      size,
      (...at) => at.every((n) => n === 1) || `${at}` === `${other}` ? 1 : 0,
    );
    strictEqual(count(labels), 2);
    strictEqual(eulerNumber(solid(labelSurfaces(labels, size, 2).get(1)!)), 4);
  }
});

const NOISE: Zyx = [13, 15, 17];
const noiseOf = (labels: number) => {
  const random = seededRandom(5);
  return block(NOISE, () => Math.floor(labels * random()));
};
const noise = noiseOf(4);

// Of two labels, so that next to every case of the table occurs, and of more that meet.
for (const labels of [2, 4]) {
  Deno.test(`labelSurfaces() closes every label of noise of ${labels}`, () => {
    const voxels = noiseOf(labels);
    const surfaces = labelSurfaces(voxels, NOISE, labels);
    deepStrictEqual([...surfaces.keys()], [1, 2, 3].slice(0, labels - 1));
    for (const [label, surface] of surfaces) {
      eulerNumber(solid(surface));
      const share = enclosedVolume(solid(surface)) / count(voxels, label);
      ok(share > 0.1 && share < 1, `${share}`);
    }
  });
}

/** Triangles by the places of their vertices, each from its smallest place on. */
function places({ vertices, triangles }: LabelSurface, start: Zyx): string[] {
  const place = (v: number) =>
    start.map((n, axis) => String(vertices[3 * v + axis] + 2 * n).padStart(3)).join();
  const all: string[] = [];
  for (let t = 0; t < triangles.length; t += 3) {
    const corners = triangles.slice(t, t + 3).map(place);
    const first = corners.indexOf([...corners].sort()[0]);
    all.push([0, 1, 2].map((i) => corners[(first + i) % 3]).join(" "));
  }
  return all;
}

Deno.test("labelSurfaces() of blocks with a plane in common are the surfaces of the whole", () => {
  const whole = labelSurfaces(noise, NOISE, 4);
  const found = new Map<number, string[]>([[1, []], [2, []], [3, []]]);
  const [, height, width] = NOISE;
  const cuts = NOISE.map((n) => [[0, 6], [5, n]]);
  for (const [z0, z1] of cuts[0]) {
    for (const [y0, y1] of cuts[1]) {
      for (const [x0, x1] of cuts[2]) {
        const size: Zyx = [z1 - z0, y1 - y0, x1 - x0];
        const part = Uint32Array.from({ length: size[0] * size[1] * size[2] }, (_, i) => {
          const [z, y, x] = [
            Math.floor(i / size[1] / size[2]),
            Math.floor(i / size[2]) % size[1],
            i % size[2],
          ];
          return noise[((z0 + z) * height + y0 + y) * width + x0 + x];
        });
        for (const [label, surface] of labelSurfaces(part, size, 4)) {
          found.get(label)!.push(...places(surface, [z0, y0, x0]));
        }
      }
    }
  }
  for (const [label, surface] of whole) {
    deepStrictEqual(found.get(label)!.sort(), places(surface, [0, 0, 0]).sort());
  }
});
