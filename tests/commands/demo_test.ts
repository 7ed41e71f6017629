import { deepStrictEqual, ok, rejects } from "node:assert/strict";
import { runDemo } from "../../engine/commands/run_demo.ts";
import { parsePngHeader } from "../../engine/formats/png.ts";
import { open } from "../../engine/volumes/open.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const SIZE = [32, 40, 48] as const;
const backend = { name: "wasm", threads: 1 } as const;

Deno.test("runDemo() segments tissue and leaves volume, truth, request, results and picture", async () => {
  await using parent = await temporaryFolder();
  const folder = parent.of("new");
  const reports: number[] = [];
  const result = await runDemo({
    folder,
    seed: 5,
    size: SIZE,
    backend,
    report: ({ steps }) => reports.push(steps),
  });
  ok(result.metrics.segments > 0 && result.steps > 0);
  // The frame has no truth, so only tissue counts.
  ok(result.metrics.all.voxels < SIZE[0] * SIZE[1] * SIZE[2]);
  ok(result.metrics.all.total < 1.5, `VI ${result.metrics.all.total}`);
  const png = parsePngHeader(await Deno.readFile(result.picturePath), result.picturePath);
  deepStrictEqual([png.width, png.height], [48 + 16 + 1 + 32 + 16, 40 + 16 + 1 + 32 + 16]);
  await using truth = await open(result.truthSpec, { labels: true });
  deepStrictEqual(truth.shape, [48, 56, 64]);
  const stored = Array.from(Deno.readDirSync(folder), (entry) => entry.name).sort();
  deepStrictEqual(stored, [
    "demo.png",
    "model.ckpt.data-00000-of-00001",
    "model.ckpt.index",
    "request.pbtxt",
    "results",
    "tissue.h5",
  ]);
  // Again in the same folder: the same numbers.
  const again = await runDemo({ folder, seed: 5, size: SIZE, backend });
  deepStrictEqual(again.metrics, result.metrics);
});

Deno.test("runDemo() leaves a folder of other files alone", async () => {
  await using temporary = await temporaryFolder();
  const folder = temporary.path;
  await Deno.writeTextFile(temporary.of("thesis.txt"), "precious");
  await rejects(runDemo({ folder, seed: 5, size: SIZE, backend }), {
    name: "UsageError",
    message:
      `Cannot write the demo into "${folder}": it holds other files; name a new folder with --output`,
  });
  deepStrictEqual(Array.from(Deno.readDirSync(folder), (entry) => entry.name), ["thesis.txt"]);
});
