import { deepStrictEqual, notDeepStrictEqual, ok, throws } from "node:assert/strict";
import { createHash } from "node:crypto";
import { splitDisconnectedComponents } from "../../engine/segmentation/components.ts";
import { syntheticTissue, withFrame } from "../../engine/volumes/synthetic_tissue.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";

const SIZE: Zyx = [40, 48, 56];

/** Mean of the values at which `where` holds. */
function meanWhere(values: Uint8Array, where: (i: number) => boolean): number {
  let [sum, count] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    if (!where(i)) continue;
    sum += values[i];
    count++;
  }
  return sum / count;
}

Deno.test("syntheticTissue() gives the same bytes on every machine", () => {
  const { image, labels } = syntheticTissue({ size: SIZE, seed: 7 });
  const digest = createHash("sha256").update(image).update(labels).digest("hex");
  deepStrictEqual(digest.slice(0, 16), "57bbe13e9f92a077");
});

Deno.test("syntheticTissue() gives another volume for another seed", () => {
  const [a, b] = [1, 2].map((seed) => syntheticTissue({ size: [16, 16, 16], seed }));
  notDeepStrictEqual(a.image, b.image);
});

Deno.test("syntheticTissue() fills 96³ with at least 20 processes, membranes dark between them", async () => {
  const size: Zyx = [96, 96, 96];
  const { image, labels, count } = syntheticTissue({ size, seed: 3 });
  ok(count >= 20, `${count} processes`);
  deepStrictEqual(new Set(labels), new Set(Array.from({ length: count + 1 }, (_, i) => i)));
  const inside = labels.filter((id) => id > 0).length / labels.length;
  ok(inside > 0.75 && inside < 0.9, `share of labelled voxels ${inside}`);
  const cytoplasm = meanWhere(image, (i) => labels[i] > 0);
  const membrane = meanWhere(image, (i) => labels[i] === 0);
  ok(cytoplasm - membrane > 30, `cytoplasm ${cytoplasm}, membranes ${membrane}`);
  // A process may leave the volume and come back, but does not fall to pieces.
  const pieces = (await splitDisconnectedComponents(labels, size)).count;
  ok(pieces <= 1.2 * count, `${pieces} pieces of ${count} processes`);
});

Deno.test("syntheticTissue() separates touching processes everywhere by a membrane", () => {
  const { labels } = syntheticTissue({ size: SIZE, seed: 5 });
  const [, height, width] = SIZE;
  for (let i = 0; i < labels.length; i++) {
    const neighbours = [
      (i + 1) % width ? i + 1 : i,
      Math.floor(i / width + 1) % height ? i + width : i,
      i + width * height < labels.length ? i + width * height : i,
    ];
    for (const n of neighbours) {
      ok(labels[i] === labels[n] || labels[i] === 0 || labels[n] === 0, `voxels ${i} and ${n}`);
    }
  }
});

Deno.test("syntheticTissue() refuses sizes and seeds it cannot use", () => {
  throws(() => syntheticTissue({ size: [96, 15, 96], seed: 1 }), {
    name: "RangeError",
    message: "Cannot make tissue: each axis of size (zyx) must be a whole number from 16, " +
      "current size is (96, 15, 96)",
  });
  throws(() => syntheticTissue({ size: [16, 16, 16], seed: -1 }), {
    name: "RangeError",
    message:
      "Cannot make tissue: seed must be a whole number from 0 to 4294967295, current seed is -1",
  });
});

Deno.test("withFrame() puts empty voxels around tissue", () => {
  const tissue = syntheticTissue({ size: [16, 17, 18], seed: 2 });
  const { size, image, labels, count } = withFrame(tissue, 3);
  deepStrictEqual([size, count], [[22, 23, 24], tissue.count]);
  for (let z = 0, i = 0; z < 22; z++) {
    for (let y = 0; y < 23; y++) {
      for (let x = 0; x < 24; x++, i++) {
        const [tz, ty, tx] = [z - 3, y - 3, x - 3];
        const inside = tz >= 0 && ty >= 0 && tx >= 0 && tz < 16 && ty < 17 && tx < 18;
        const from = (tz * 17 + ty) * 18 + tx;
        deepStrictEqual(image[i], inside ? tissue.image[from] : 0);
        deepStrictEqual(labels[i], inside ? tissue.labels[from] : 0);
      }
    }
  }
});
