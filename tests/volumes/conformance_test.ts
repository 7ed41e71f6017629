/** What every kind of volume does; the kinds are in `kinds.ts`. */
import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { arrayConstructor } from "../../engine/formats/nd_array.ts";
import type { Box } from "../../engine/geometry/box.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { channelCount, spatialSize, type Volume, wholeBox } from "../../engine/volumes/volume.ts";
import { type Index, type Kind, KINDS, voxelAt } from "./kinds.ts";

/** Voxels of a box, one by one. */
function expectedVoxels(kind: Kind, { start, size }: Box, channel: number) {
  const values: (number | bigint)[] = [];
  for (let z = 0; z < size[0]; z++) {
    for (let y = 0; y < size[1]; y++) {
      for (let x = 0; x < size[2]; x++) {
        const index: Index = [channel, start[0] + z, start[1] + y, start[2] + x];
        values.push(voxelAt(kind.dtype, kind.at?.(index) ?? index));
      }
    }
  }
  return values;
}

/** Boxes at every corner, in the middle, of one voxel and of one row. */
function* boxesIn(size: Zyx): Generator<Box> {
  const half: Zyx = [Math.ceil(size[0] / 2), Math.ceil(size[1] / 2), Math.ceil(size[2] / 2)];
  for (let corner = 0; corner < 8; corner++) {
    const [z, y, x] = half.map((n, axis) => corner >> axis & 1 ? size[axis] - n : 0);
    yield { start: [z, y, x], size: half };
    const [z1, y1, x1] = size.map((n, axis) => corner >> axis & 1 ? n - 1 : 0);
    yield { start: [z1, y1, x1], size: [1, 1, 1] };
  }
  yield { start: [size[0] - 1, 0, 0], size: [1, size[1], size[2]] };
  yield { start: [0, size[1] - 1, 0], size: [1, 1, size[2]] };
  yield { start: [0, 0, size[2] - 1], size: [size[0], size[1], 1] };
}

// Keeps the HDF5 worker for all tests; starting it takes longer than any of them.
let kept: Volume;
Deno.test.beforeAll(async () => {
  kept = await KINDS[0].open("");
});
Deno.test.afterAll(() => kept[Symbol.asyncDispose]() as Promise<void>);

/** Opens a volume of a kind for one test and removes what was written. */
async function withVolume(kind: Kind, test: (volume: Volume) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await using volume = await kind.open(folder);
    await test(volume);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

for (const kind of KINDS) {
  Deno.test(`${kind.name}: open() gives shape and element type`, () =>
    withVolume(kind, (volume) => {
      deepStrictEqual([...volume.shape], kind.shape);
      strictEqual(volume.dtype, kind.dtype);
      return Promise.resolve();
    }));

  Deno.test(`${kind.name}: read() gives the whole volume and any box of it`, () =>
    withVolume(kind, async (volume) => {
      for (let channel = 0; channel < channelCount(volume); channel++) {
        for (const box of [wholeBox(volume), ...boxesIn(spatialSize(volume))]) {
          const data = await volume.read(box, channel);
          strictEqual(data.constructor, arrayConstructor(kind.dtype));
          deepStrictEqual([...data], expectedVoxels(kind, box, channel), JSON.stringify(box));
        }
      }
    }));

  Deno.test(`${kind.name}: read() takes channel 0 unless told, and reads at the same time`, () =>
    withVolume(kind, async (volume) => {
      const boxes = [...boxesIn(spatialSize(volume))];
      const all = await Promise.all(boxes.map((box) => volume.read(box)));
      all.forEach((data, i) => deepStrictEqual([...data], expectedVoxels(kind, boxes[i], 0)));
    }));

  Deno.test(`${kind.name}: read() refuses boxes that are not inside and channels that are not there`, () =>
    withVolume(kind, async (volume) => {
      const [depth, height, width] = spatialSize(volume);
      const bad: Box[] = [
        { start: [-1, 0, 0], size: [1, 1, 1] },
        { start: [0, 0, -1], size: [1, 1, 2] },
        { start: [depth, 0, 0], size: [1, 1, 1] },
        { start: [0, 0, 0], size: [depth + 1, 1, 1] },
        { start: [0, 1, 0], size: [1, height, 1] },
        { start: [0, 0, 1], size: [1, 1, width] },
        { start: [0, 0, 0], size: [0, 1, 1] },
        { start: [0, 0, 0], size: [1, -1, 1] },
        { start: [0.5, 0, 0], size: [1, 1, 1] },
        { start: [0, 0, NaN], size: [1, 1, 1] },
        { start: [0, 0, 0], size: [1, 1, Infinity] },
      ];
      for (const box of bad) await rejects(volume.read(box), { name: "RangeError" });
      for (const channel of [-1, channelCount(volume), 0.5, NaN]) {
        await rejects(volume.read(wholeBox(volume), channel), {
          name: "RangeError",
          message: /^Cannot read ".*": channels go from 0 to/,
        });
      }
    }));

  Deno.test(`${kind.name}: write(), where there is one, changes the box and nothing else`, () =>
    withVolume(kind, async (volume) => {
      if (volume.write === undefined) return;
      const channel = channelCount(volume) - 1;
      const before = await volume.read(wholeBox(volume), channel);
      const [depth, height, width] = spatialSize(volume);
      const box: Box = {
        start: [depth - 1, height - 2, width - 2],
        size: [1, 2, 2],
      };
      const data = before.slice(0, 4);
      await volume.write(box, data, channel);
      deepStrictEqual(await volume.read(box, channel), data);
      const after = await volume.read(wholeBox(volume), channel);
      strictEqual(
        after.filter((v: number | bigint, i: number) => v !== before[i]).length <= 4,
        true,
      );
      await rejects(volume.write({ ...box, start: [depth, 0, 0] }, data), { name: "RangeError" });
      await rejects(volume.write(box, data.slice(1)), { name: "RangeError" });
      await rejects(volume.write(box, new Uint8Array(4)), { name: "TypeError" });
    }));
}
