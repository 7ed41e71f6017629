import { deepStrictEqual, rejects, throws } from "node:assert/strict";
import type { Box } from "../../../engine/geometry/box.ts";
import { SubBoxes } from "../../../engine/geometry/sub_boxes.ts";
import type { Zyx } from "../../../engine/geometry/vectors.ts";
import {
  assertFinished,
  assertSameSubvolumes,
  listSubvolumes,
  subvolumeTiers,
} from "../../../engine/segmentation/assembly/subvolumes.ts";
import { writeSubvolume } from "../../support/inference_results.ts";
import { temporaryFolder } from "../../support/temporary_folder.ts";

/** Sizes of the tiers of 12³ boxes with overlap 4 in a hull. */
function tierSizes(hull: Zyx): number[] {
  const boxes = [
    ...new SubBoxes({ start: [0, 0, 0], size: hull }, {
      size: [12, 12, 12],
      overlap: [4, 4, 4],
    }),
  ];
  return subvolumeTiers(boxes).map((tier) => tier.length);
}

Deno.test("subvolumeTiers() gives the recorded tiers (T5)", () => {
  // The vectors are xyz; sets that the reference's assertion refuses have tiers too.
  deepStrictEqual(tierSizes([12, 12, 20]), [1, 1]);
  deepStrictEqual(tierSizes([12, 12, 28]), [2, 1]);
  deepStrictEqual(tierSizes([12, 20, 20]), [1, 1, 1, 1]);
  deepStrictEqual(tierSizes([20, 20, 20]), [1, 1, 1, 1, 1, 1, 1, 1]);
  deepStrictEqual(tierSizes([28, 28, 28]), [8, 4, 4, 2, 4, 2, 2, 1]);
});

Deno.test("listSubvolumes() and assertFinished() see what a run left", async () => {
  await using folder = await temporaryFolder();
  await rejects(() => listSubvolumes(folder.path), { name: "NotFoundError" });
  const boxes: Box[] = [
    { start: [0, 0, 64], size: [3, 4, 5] },
    { start: [0, 32, 0], size: [6, 2, 1] },
    { start: [16, 0, 0], size: [1, 1, 2] },
  ];
  for (const box of boxes) {
    const [z, y, x] = box.size;
    await writeSubvolume(folder.path, box, new Uint16Array(z * y * x));
  }
  deepStrictEqual(await listSubvolumes(folder.path), boxes);
  await assertFinished(folder.path);
  await Deno.mkdir(folder.of("0", "64"));
  await rejects(() => assertFinished(folder.path), {
    name: "NotFoundError",
    message: /no segmentation in ".*0.64"; finish the inference first/,
  });
  await Deno.remove(folder.of("0", "64"));
  await Deno.writeTextFile(folder.of("0", "0", "seg-0_0_48.cpoint"), "");
  await rejects(() => assertFinished(folder.path), { message: /only a checkpoint ".*seg-0_0_48/ });
});

Deno.test("assertSameSubvolumes() names the first difference", () => {
  const box = (x: number): Box => ({ start: [0, 0, x], size: [8, 8, 8] });
  const one = { dir: "a", boxes: [box(0), box(4)] };
  assertSameSubvolumes([one, { dir: "b", boxes: [box(0), box(4)] }]);
  throws(() => assertSameSubvolumes([one, { dir: "b", boxes: [box(0)] }]), {
    message: 'Cannot combine "a" with "b": they have 2 and 1 subvolumes',
  });
  throws(() => assertSameSubvolumes([one, { dir: "b", boxes: [box(0), box(5)] }]), {
    message: /subvolume 1 is start zyx \(0, 0, 4\).* in one and start zyx \(0, 0, 5\)/,
  });
});
