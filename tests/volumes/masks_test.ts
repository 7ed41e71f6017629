import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert/strict";
import { arrayConstructor, type DType, type NdArray } from "../../engine/formats/nd_array.ts";
import type { MaskChannelConfig, MaskConfig } from "../../engine/formats/protobuf/masks.ts";
import type { Box } from "../../engine/geometry/box.ts";
import { buildMask, checkMaskConfigs, type MaskSources } from "../../engine/volumes/masks.ts";
import { memoryVolume } from "../../engine/volumes/memory.ts";

/** `(2, 4, 5, 6)`: channel 0 is 10 z + y, channel 1 is x. */
function documentedVolume(dtype: DType = "uint8"): NdArray {
  const values: number[] = [];
  for (let c = 0; c < 2; c++) {
    for (let z = 0; z < 4; z++) {
      for (let y = 0; y < 5; y++) for (let x = 0; x < 6; x++) values.push(c ? x : 10 * z + y);
    }
  }
  const isBig = /64/.test(dtype) && dtype !== "float64";
  const elements = dtype === "float16"
    ? new Uint16Array(Float16Array.from(values).buffer)
    : isBig
    ? values.map(BigInt)
    : values;
  return { dtype, shape: [2, 4, 5, 6], data: new (arrayConstructor(dtype))(elements as never) };
}

const WHOLE: Box = { start: [0, 0, 0], size: [4, 5, 6] };

const sourcesOf = (array: NdArray): MaskSources => ({
  openVolume: () => Promise.resolve(memoryVolume(array, "mask.h5:m")),
});

const ofVolume = (...channels: MaskChannelConfig[]): MaskConfig => ({
  volume: { mask: { hdf5: "mask.h5:m" }, channels },
});

/** Indices of the voxels that are set. */
async function voxels(configs: MaskConfig[], box = WHOLE, array = documentedVolume()) {
  const mask = await buildMask(configs, box, sourcesOf(array));
  return [...mask!.keys()].filter((i) => mask![i]);
}

Deno.test("buildMask() gives the documented counts for every element type", async () => {
  for (const dtype of ["uint8", "int64", "float16", "float32", "uint16"] as const) {
    const array = documentedVolume(dtype);
    const count = async (...configs: MaskConfig[]) => (await voxels(configs, WHOLE, array)).length;
    const range: MaskChannelConfig = { channel: 0, minValue: 10, maxValue: 12 };
    strictEqual((await voxels([ofVolume(range)], WHOLE, array))[0], 30, "first voxel (1, 0, 0)");
    strictEqual(await count(ofVolume(range)), 18);
    strictEqual(await count(ofVolume({ ...range, invert: true })), 102);
    strictEqual(await count({ ...ofVolume(range), invert: true }), 102);
    strictEqual(await count(ofVolume({ channel: 1, values: [2n, 5n] })), 40);
    strictEqual(await count(ofVolume({ channel: 1 })), 20);
    const notTwo = { ...ofVolume({ channel: 1, values: [2n] }), invert: true };
    strictEqual(await count(notTwo, { coordinateExpression: { expression: "x == 2" } }), 120);
  }
});

Deno.test("buildMask() places volumes that the box leaves on any side", async () => {
  const boxes: Box[] = [
    { start: [-1, -2, -3], size: [3, 4, 5] },
    { start: [2, 3, 4], size: [4, 4, 4] },
    { start: [-1, 1, -1], size: [6, 2, 8] },
    { start: [9, 9, 9], size: [2, 2, 2] },
  ];
  for (const box of boxes) {
    const mask = (await buildMask(
      [ofVolume({ channel: 0, minValue: 10, maxValue: 12 })],
      box,
      sourcesOf(documentedVolume()),
    ))!;
    let i = 0;
    for (let z = box.start[0]; z < box.start[0] + box.size[0]; z++) {
      for (let y = box.start[1]; y < box.start[1] + box.size[1]; y++) {
        for (let x = box.start[2]; x < box.start[2] + box.size[2]; x++) {
          const inside = z >= 0 && z < 4 && y >= 0 && y < 5 && x >= 0 && x < 6;
          const value = inside ? 10 * z + y : 0;
          strictEqual(mask[i++], value >= 10 && value <= 12 ? 1 : 0, `${z},${y},${x}`);
        }
      }
    }
  }
});

Deno.test("buildMask() counts voxels outside the volume as 0 before the test", async () => {
  const box: Box = { start: [0, 0, 5], size: [1, 1, 3] };
  deepStrictEqual(await voxels([ofVolume({ channel: 1, maxValue: 3 })], box), [1, 2]);
});

Deno.test("buildMask() takes the image, several channels and several masks", async () => {
  const image = Uint8Array.of(5, 6, 7, 8);
  const box: Box = { start: [0, 0, 0], size: [1, 1, 4] };
  const build = (...configs: MaskConfig[]) => buildMask(configs, box, { image });
  const is = (value: number): MaskChannelConfig => ({ values: [BigInt(value)] });
  deepStrictEqual(await build({ image: { channels: [is(5), is(7)] } }), Uint8Array.of(1, 0, 1, 0));
  const first = { image: { channels: [is(5)] }, invert: true };
  deepStrictEqual(await build(first), Uint8Array.of(0, 1, 1, 1));
  const second = { image: { channels: [{ minValue: 4.5, maxValue: 6.5 }] } };
  deepStrictEqual(await build(second, { image: { channels: [is(8)] } }), Uint8Array.of(1, 1, 0, 1));
  deepStrictEqual(await build({ image: {} }), new Uint8Array(4));
  deepStrictEqual(await build({ image: {}, invert: true }), new Uint8Array(4).fill(1));
  strictEqual(await build(), null);
});

Deno.test("buildMask() compares 64-bit labels exactly", async () => {
  const labels = BigUint64Array.of(2n ** 60n, 2n ** 60n + 1n, 7n);
  const array: NdArray = { dtype: "uint64", shape: [1, 1, 1, 3], data: labels };
  const box: Box = { start: [0, 0, 0], size: [1, 1, 3] };
  deepStrictEqual(await voxels([ofVolume({ values: [2n ** 60n + 1n] })], box, array), [1]);
  deepStrictEqual(await voxels([ofVolume({ minValue: 2 ** 60, maxValue: 2 ** 60 })], box, array), [
    0,
  ]);
});

Deno.test("buildMask() refuses volumes without a channel axis and channels that are not there", async () => {
  const flat: NdArray = { dtype: "uint8", shape: [4, 5, 6], data: new Uint8Array(120) };
  await rejects(voxels([ofVolume({})], WHOLE, flat), {
    name: "RangeError",
    message: 'Cannot use "mask.h5:m" as a mask: it must have 4 dimensions (channel, z, y, x), ' +
      "current shape is [4, 5, 6]",
  });
  await rejects(voxels([ofVolume({ channel: 2 })]), {
    name: "RangeError",
    message: 'Cannot use "mask.h5:m" as a mask: its channels go from 0 to 1, current 2',
  });
});

Deno.test("checkMaskConfigs() finds what is wrong without reading", () => {
  const cases: [MaskConfig, string][] = [
    [{}, "Cannot use masks: it needs a source, one of volume, image and coordinate_expression"],
    [{ volume: {} }, 'Cannot use masks: its volume names none, write mask { hdf5: "…" }'],
    [
      { image: { channels: [{ channel: 1 }] } },
      "Cannot use masks: channels of the image go from 0 to 0, current 1",
    ],
    [ofVolume({ channel: -1 }), "Cannot use masks: channels start at 0, current -1"],
    [{ coordinateExpression: {} }, 'Cannot evaluate "": expected a value, found the end, column 1'],
  ];
  for (const [config, message] of cases) {
    throws(() => checkMaskConfigs([config], "masks"), { message });
  }
  checkMaskConfigs([ofVolume({ channel: 3 }), { image: {} }], "masks");
});
