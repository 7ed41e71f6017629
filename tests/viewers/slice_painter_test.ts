import { deepStrictEqual, strictEqual } from "node:assert/strict";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { labelColour } from "../../engine/viewers/label_colour.ts";
import type { Chunk } from "../../engine/viewers/page/chunk_source.ts";
import { GrowingObject } from "../../engine/viewers/page/growing_object.ts";
import {
  describeVoxel,
  type PaintedVolume,
  paintSlice,
  type SliceContents,
} from "../../engine/viewers/page/slice_painter.ts";
import { projectionSize, projectObjects } from "../../engine/viewers/page/projection.ts";
import { SparseLabels } from "../../engine/viewers/sparse_labels.ts";

const SIZE: Zyx = [6, 7, 8];
const EDGE = 4;

/** A volume in chunks of `EDGE`, of a function of the position; `lacks` tells chunks that are not there. */
function volumeOf(
  at: (z: number, y: number, x: number) => number,
  { size = SIZE, offset = [0, 0, 0], factors = [1, 1, 1], lacks = () => false }: {
    size?: Zyx;
    offset?: Zyx;
    factors?: Zyx;
    lacks?: (start: Zyx) => boolean;
  } = {},
): PaintedVolume {
  return {
    volume: { size, offset, chunkSize: [EDGE, EDGE, EDGE], factors },
    coarser: [],
    at(...voxel): Chunk | null {
      const start = voxel.map((v) => v - v % EDGE) as unknown as Zyx;
      if (lacks(start)) return null;
      const extent = start.map((s, axis) => Math.min(EDGE, size[axis] - s)) as unknown as Zyx;
      const data = new Float32Array(extent[0] * extent[1] * extent[2]);
      for (let i = 0; i < data.length; i++) {
        const z = Math.floor(i / (extent[1] * extent[2])),
          y = Math.floor(i / extent[2]) % extent[1];
        data[i] = at(start[0] + z, start[1] + y, start[2] + i % extent[2]);
      }
      return { start, size: extent, data };
    },
  };
}

const grey = (z: number, y: number, x: number) => 10 * z + 7 * y + 3 * x;
const contents: SliceContents = {
  image: volumeOf(grey),
  labels: null,
  accepted: new SparseLabels(),
  roots: new Map<number, number>(),
  growing: null,
  ...{ low: 20, high: 100, opacity: 0.5, threshold: 154, showsUncertainty: false },
};
/** Across each axis, over the rim of the volume. */
const grid = { index: 3, top: -1, left: -2, height: 9, width: 11 };
const ABSENT = [0x30, 0x30, 0x30, 255];

/** Colours of a slice, and the voxel of each pixel. */
function painted(more: Partial<SliceContents>, axis: number, step = 1) {
  const pixels = new Uint32Array(grid.height * grid.width);
  const isComplete = paintSlice(
    { ...contents, ...more },
    { ...grid, axis, steps: [step, step] },
    pixels,
  );
  const bytes = new Uint8Array(pixels.buffer);
  const places = Array.from({ length: pixels.length }, (_, i): Zyx => {
    const row = grid.top + Math.floor(i / grid.width) * step;
    const column = grid.left + i % grid.width * step;
    const place = [row, column];
    place.splice(axis, 0, grid.index);
    return place as unknown as Zyx;
  });
  return {
    isComplete,
    places,
    colours: places.map((_, i) => [...bytes.subarray(4 * i, 4 * i + 4)]),
  };
}

const isInside = (place: Zyx) => place.every((p, axis) => p >= 0 && p < SIZE[axis]);
const greyOf = (place: Zyx) => Math.max(0, Math.min(255, (grey(...place) - 20) * 255 / 80));

Deno.test("paintSlice() shows grey between black and white, across each axis and with steps", () => {
  for (const [axis, step] of [[0, 1], [1, 1], [2, 1], [0, 2], [2, 3]]) {
    const { isComplete, places, colours } = painted({}, axis, step);
    strictEqual(isComplete, true);
    places.forEach((place, i) => {
      const level = Math.floor(greyOf(place));
      deepStrictEqual(
        colours[i],
        isInside(place) ? [level, level, level, 255] : ABSENT,
        `${place}`,
      );
    });
  }
});

Deno.test("paintSlice() takes the level whose voxels are as large as pixels are apart", () => {
  const offset: Zyx = [1, 5, 3], factors: Zyx = [1, 2, 3];
  // A level begins at whole multiples of its voxels, with the first one that the volume reaches into.
  const begins = offset.map((n, axis) => Math.floor(n / factors[axis])) as unknown as Zyx;
  const size = SIZE.map((n, axis) =>
    Math.ceil((offset[axis] + n) / factors[axis]) - begins[axis]
  ) as unknown as Zyx;
  const level = volumeOf((z, y, x) => 20 + 11 * z + 5 * y + 2 * x, {
    size,
    offset: begins,
    factors,
  });
  const image = { ...volumeOf(grey, { offset, lacks: () => true }), coarser: [level] };
  const inLevel = (place: Zyx) =>
    place.map((n, axis) => Math.floor((n + offset[axis]) / factors[axis]) - begins[axis]);
  // Across z the level fits from steps of 2 and 3 on; before, the finest is asked, which is not there.
  strictEqual(painted({ image }, 0, 2).isComplete, false);
  const { isComplete, places, colours } = painted({ image }, 0, 3);
  strictEqual(isComplete, true);
  places.forEach((place, i) => {
    if (!isInside(place)) return deepStrictEqual(colours[i], ABSENT, `${place}`);
    const [z, y, x] = inLevel(place);
    const level = Math.floor(Math.max(0, Math.min(255, (11 * z + 5 * y + 2 * x) * 255 / 80)));
    deepStrictEqual(colours[i], [level, level, level, 255], `${place}`);
  });
});

Deno.test("paintSlice() says that chunks are not there, and shows the others", () => {
  let wishes = 0;
  const lacks = ([, , x]: Zyx) => x === 4 && ++wishes > 0;
  const image = volumeOf(grey, { lacks });
  const { isComplete, places, colours } = painted({ image }, 0);
  strictEqual(isComplete, false);
  places.forEach((place, i) => {
    const isThere = isInside(place) && place[2] < 4;
    strictEqual(colours[i].join() === ABSENT.join(), !isThere, `${place}`);
  });
  // Once for each row of the volume, not for each of its voxels.
  strictEqual(wishes, SIZE[1]);
});

Deno.test("paintSlice() puts labels over the image where their offset says, accepted objects first", () => {
  const accepted = new SparseLabels();
  accepted.add({ start: [3, 2, 2], size: [1, 1, 2] }, Uint8Array.of(1, 1), 9);
  // Their first voxel lies at (1, 1, 2) of the image.
  const labels = volumeOf((z, y, x) => 100 * z + 10 * y + x, {
    size: [4, 3, 5],
    offset: [1, 1, 2],
  });
  // It is a part of object 4.
  const roots = new Map([[9, 4]]);
  const { isComplete, places, colours } = painted({ accepted, labels, roots }, 0);
  strictEqual(isComplete, true);
  places.forEach((place, i) => {
    if (!isInside(place)) return;
    const [z, y, x] = place;
    const isLabelled = y >= 1 && y < 4 && x >= 2 && x < 7;
    const own = z === 3 && y === 2 && (x === 2 || x === 3);
    const label = own ? 4 : isLabelled ? 100 * (z - 1) + 10 * (y - 1) + x - 2 : 0;
    const level = greyOf(place);
    const wanted = label === 0
      ? [level, level, level]
      : labelColour(label).map((c) => level + 0.5 * (c * (0.4 + 0.6 * level / 255) - level));
    deepStrictEqual(colours[i].slice(0, 3), wanted.map(Math.floor), `${place}`);
  });
  const late = volumeOf(() => 1, { lacks: () => true });
  strictEqual(painted({ labels: late }, 0).isComplete, false);
});

Deno.test("paintSlice() shows the growing object from the threshold on, or how unsure it is", () => {
  const growing = new GrowingObject([3, 3, 3], { start: [2, 2, 2], size: [3, 4, 5] });
  growing.grow({ start: [3, 3, 2], size: [1, 1, 3] }, Uint8Array.of(153, 154, 128), [], 1);
  growing.grow({ start: [3, 3, 5], size: [1, 1, 1] }, Uint8Array.of(230), [], 1);
  const shown = painted({ growing }, 0), unsure = painted({ growing, showsUncertainty: true }, 0);
  const plain = painted({}, 0);
  const at = (x: number) => shown.places.findIndex((place) => `${place}` === `3,3,${x}`);
  const change = (colours: number[][], x: number) =>
    `${colours[at(x)]}` === `${plain.colours[at(x)]}` ? "same" : "other";
  deepStrictEqual([2, 3, 4].map((x) => change(shown.colours, x)), ["same", "other", "same"]);
  // One half is the least sure, 154 a little surer; both are seen, the former more.
  const red = (x: number) => unsure.colours[at(x)][0] - unsure.colours[at(x)][1];
  strictEqual(red(4) > red(3) && red(3) > 0, true);
  // Of this one it is sure.
  deepStrictEqual(unsure.colours[at(5)], shown.colours[at(5)]);
  strictEqual(change(unsure.colours, 5), "other");
});

/** Bytes of a pixel of a projection along z. */
function projected(accepted: SparseLabels, growing: GrowingObject | null, size: Zyx) {
  const { height, width, pixels } = projectObjects(accepted, new Map(), growing, size, 0, 154);
  deepStrictEqual([height, width], [size[1], size[2]]);
  const bytes = new Uint8Array(pixels.buffer);
  return (
    y: number,
    x: number,
  ) => [...bytes.subarray(4 * (y * width + x), 4 * (y * width + x) + 3)];
}

Deno.test("projectObjects() sees what is nearest, darker the further away", () => {
  const accepted = new SparseLabels();
  accepted.add({ start: [4, 1, 2], size: [1, 1, 2] }, Uint8Array.of(1, 1), 5);
  accepted.add({ start: [4, 5, 3], size: [1, 1, 1] }, Uint8Array.of(1), 5);
  const growing = new GrowingObject([1, 1, 3], { start: [0, 0, 0], size: SIZE });
  growing.grow({ start: [1, 5, 3], size: [1, 1, 1] }, Uint8Array.of(200), [], 1);
  const colour = projected(accepted, growing, SIZE);
  const light = (z: number) => 1 - 0.75 * z / 6;
  deepStrictEqual(colour(1, 2), labelColour(5).map((c) => Math.floor(c * light(4))));
  deepStrictEqual(colour(5, 3), [255, 190, 0].map((c) => Math.floor(c * light(1))));
  deepStrictEqual(colour(0, 0), [0, 0, 0]);
});

Deno.test("projectObjects() shows what is turned away darker", () => {
  const size: Zyx = [64, 8, 16];
  const accepted = new SparseLabels();
  // Flat along y; along x flat to the middle, then two voxels deeper with each.
  for (let x = 0; x < 16; x++) {
    const start: Zyx = [x < 8 ? 20 : 20 + 2 * (x - 7), 0, x];
    accepted.add({ start, size: [1, 8, 1] }, new Uint8Array(8).fill(1), 5);
  }
  const colour = projected(accepted, null, size);
  const wanted = (z: number, slope: number) =>
    labelColour(5).map((c) =>
      Math.floor(Math.floor(c * (1 - 0.75 * z / 64)) / Math.hypot(1, slope / 2))
    );
  deepStrictEqual(colour(3, 4), wanted(20, 0));
  deepStrictEqual(colour(3, 12), wanted(30, 2));
});

Deno.test("describeVoxel() names position, grey value, accepted object and label", () => {
  const accepted = new SparseLabels();
  accepted.add({ start: [3, 2, 2], size: [1, 1, 2] }, Uint8Array.of(1, 1), 9);
  const labels = volumeOf(() => 7, { size: [4, 3, 5], offset: [1, 1, 2] });
  const image = contents.image;
  strictEqual(
    describeVoxel({ image, labels, accepted }, [3, 2, 3]),
    `z 3, y 2, x 3; grey ${grey(3, 2, 3)}; object 9; label 7`,
  );
  const far = { image, labels: volumeOf(() => 2 ** 53, { size: SIZE }), accepted };
  strictEqual(describeVoxel(far, [1, 2, 3]), `z 1, y 2, x 3; grey ${grey(1, 2, 3)}`);
  const absent = { ...image, at: () => null };
  strictEqual(describeVoxel({ image: absent, labels: null, accepted }, [0, 0, 1]), "z 0, y 0, x 1");
});

Deno.test("projectionSize() gives pictures the shape of voxels that are no cubes", () => {
  const voxels = [40, 10, 20] as const;
  // Across z, rows are y and columns x; across x, rows are z and columns y.
  deepStrictEqual(projectionSize({ height: 30, width: 50 }, 0, voxels), [30, 100]);
  deepStrictEqual(projectionSize({ height: 30, width: 50 }, 2, voxels), [120, 50]);
  deepStrictEqual(projectionSize({ height: 1, width: 512 }, 1, [1, 9, 90]), [1, 1024]);
  deepStrictEqual(projectionSize({ height: 512, width: 512 }, 1, [4, 9, 1]), [1024, 256]);
});
