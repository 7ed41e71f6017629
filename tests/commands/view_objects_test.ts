/** What somebody does to accepted objects in `ffn view`: splits them, and goes on with them in another canvas. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { loadSegmentation } from "../../engine/segmentation/load_segmentation.ts";
import { packObject } from "../../engine/viewers/accepted_object.ts";
import { rootsOf } from "../../engine/viewers/page/accepted_objects.ts";
import { continuationCommands } from "../../engine/viewers/page/continuation.ts";
import { canvasAt } from "../../engine/viewers/view_description.ts";
import { ffn } from "../support/cli.ts";
import { acceptedLabels, grow, type OpenView, openView } from "../support/open_view.ts";
import { VIEWED_SIZE as SIZE, viewedRun } from "../support/viewed_run.ts";

/** In the middle of two bars. */
const FIRST: Zyx = [3, 4, 16], SECOND: Zyx = [15, 16, 8];

function voxelIndex([z, y, x]: Zyx): number {
  return (z * SIZE[1] + y) * SIZE[2] + x;
}

/** The voxels of an object with the lowest and the highest x. */
function farthestOf(labels: Uint8Array, id: number): [Zyx, Zyx] {
  const own: Zyx[] = [];
  labels.forEach((label, i) => {
    const [, height, width] = SIZE;
    if (label !== id) return;
    own.push([Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width]);
  });
  own.sort((a, b) => a[2] - b[2]);
  return [own[0], own.at(-1)!];
}

Deno.test("an object that was split stays split, and run-inference goes on from its sides", async () => {
  await using run = await viewedRun();
  let left: Zyx, right: Zyx;
  const split = async (view: OpenView, id: number, sides: unknown) => {
    const response = await view.get(`objects/${id}/split`, {
      method: "POST",
      body: JSON.stringify(sides),
    });
    return [response.status, await response.text()] as const;
  };
  let whole: Uint8Array;
  {
    await using view = await openView(run.options);
    const canvas = await view.canvas();
    for (const seed of [FIRST, SECOND]) {
      await grow(canvas, seed);
      await canvas.accept(0.6);
    }
    whole = await acceptedLabels(view);
    [left, right] = farthestOf(whole, 1);
    for (
      const [sides, reason] of [
        [[[left], []], "each of two sides must have marks, positions zyx"],
        [[[left], [SECOND]], `(${SECOND.join(", ")}) (zyx) is not in it`],
        [[[left], [left]], `(${left}) (zyx) is a mark of both sides`],
      ]
    ) {
      deepStrictEqual(await split(view, 1, sides), [400, `Cannot split object 1: ${reason}\n`]);
    }
    strictEqual((await split(view, 7, [[left], [right]]))[0], 404);
    strictEqual((await split(view, 1, [[left], [right]]))[0], 200);
    // Both sides are there, and nothing else of the whole.
    const labels = await acceptedLabels(view);
    labels.forEach((label, i) =>
      ok(whole[i] === 1 ? label === 3 || label === 4 : label === whole[i], `${i}: ${label}`)
    );
    deepStrictEqual([labels[voxelIndex(left)], labels[voxelIndex(right)]], [3, 4]);
    // The tab that is open has them too.
    await canvas.refresh();
    strictEqual((await grow(canvas, right)).done.remark, "the seed is inside object 4");
    // One side again, and back.
    strictEqual((await split(view, 4, farthestOf(labels, 4).map((mark) => [mark])))[0], 200);
    const refused = await view.get("objects/3", { method: "DELETE" });
    ok(/its sides was split again/.test(await refused.text()));
    strictEqual((await view.get("objects/6", { method: "DELETE" })).status, 200);
    deepStrictEqual(await acceptedLabels(view), labels);
  }
  {
    await using view = await openView(run.options);
    deepStrictEqual((await view.objects()).map(({ id, start }) => [id, start]), [
      [2, SECOND],
      [3, left],
      [4, right],
    ]);
  }
  const { code, stderr } = await ffn(
    ...["run-inference", "--request", run.of("view", "request.pbtxt")],
    ...["--backend", "wasm", "--threads", "1", "--kernel-process", "off"],
  );
  strictEqual(code, 0, stderr);
  const result = await loadSegmentation(run.of("view", "results"), [0, 0, 0], { splitCc: false });
  const saved = await loadSegmentation(run.of("view", "accepted"), [0, 0, 0], { splitCc: false });
  const counts = new Map<number, number>();
  saved.labels.forEach((label: number | bigint, i: number) => {
    counts.set(Number(label), (counts.get(Number(label)) ?? 0) + 1);
    if (Number(label) > 0) strictEqual(Number(result.labels[i]), Number(label));
  });
  deepStrictEqual([...counts.keys()].sort(), [0, 2, 3, 4]);
  // A kill while the split is made, or taken back, leaves the whole with or without its sides.
  const of = (name: string) => run.of("view", "objects", name);
  await Deno.copyFile(of("1.split"), of("1.object"));
  {
    await using view = await openView(run.options);
    deepStrictEqual((await view.objects()).map(({ id }) => id), [1, 2]);
    deepStrictEqual(await acceptedLabels(view), whole);
  }
});

Deno.test("an object that leaves its canvas goes on in the next one as a part of the first", async () => {
  // Just more voxels than one canvas may have, in canvases of 256 voxels along x.
  await using run = await viewedRun({}, [24, 24, 42_000]);
  await using view = await openView(run.options);
  const first = await view.canvas([12, 12, 100]);
  const { done } = await grow(first, [3, 4, 253]);
  const exits = done.weak.filter(({ isExit }) => isExit);
  ok(exits.length > 0);
  for (const { position } of exits) {
    strictEqual(position[2], 255);
    deepStrictEqual(canvasAt(view.view.image.size, position).start, [0, 0, 160]);
  }
  const accept = async (corner: number, from: number, to: number, z = 3) => {
    const box = { start: [z, 4, from - corner], size: [2, 2, to - from] };
    const object = {
      corner: [0, 0, corner],
      start: [z, 4, from - corner],
      box,
      steps: 1,
      seconds: 1,
    };
    const body = packObject(object, new Uint8Array(4 * (to - from)).fill(250));
    const response = await view.get("objects", { method: "POST", body });
    return (await response.json()).continues;
  };
  deepStrictEqual(await accept(0, 180, 256), []);
  deepStrictEqual(await accept(160, 181, 400), [1]);
  deepStrictEqual(await accept(320, 330, 576), [2]);
  // Another object, beside those; and one that only touches the third.
  deepStrictEqual(await accept(160, 170, 400, 15), []);
  deepStrictEqual(await accept(480, 575, 700), []);
  const objects = await view.objects();
  deepStrictEqual([...rootsOf(objects)], [[2, 1], [3, 1]]);
  // Without the first, the second is where it begins.
  deepStrictEqual([...rootsOf(objects.slice(1))], [[3, 2]]);
  // Each canvas is one that a run goes on from, and keeps its labels.
  strictEqual((await view.get("save", { method: "POST" })).status, 200);
  const commands = continuationCommands(run.of("view"), view.view.image.size, objects);
  strictEqual(commands.length, 4);
  const box = "start { x: 320 y: 0 z: 0 } size { x: 256 y: 24 z: 24 }";
  const request = run.of("view", "request.pbtxt");
  strictEqual(commands[2], `ffn run-inference --request ${request} --bounding-box '${box}'`);
  deepStrictEqual(continuationCommands("out", [200, 200, 200], [{ corner: [0, 0, 0] }]), [
    "ffn run-inference --request out/request.pbtxt",
  ]);
  const { code, stderr } = await ffn(
    ...["run-inference", "--request", request, "--bounding-box", box],
    ...["--backend", "wasm", "--threads", "1", "--kernel-process", "off"],
  );
  strictEqual(code, 0, stderr);
  ok(/Going on from/.test(stderr), stderr);
  const { labels } = await loadSegmentation(run.of("view", "results"), [0, 0, 320], {
    splitCc: false,
  });
  for (const x of [330, 575]) strictEqual(Number(labels[(3 * 24 + 4) * 256 + x - 320]), 3);
});
