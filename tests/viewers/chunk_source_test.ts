/** Which chunks the page of `ffn view` asks for. */
/// <reference lib="dom" />
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { encodeNpy } from "../../engine/formats/npy.ts";
import { createVolume } from "../../engine/volumes/create.ts";
import { wholeBox } from "../../engine/volumes/volume.ts";
import { openView } from "../support/open_view.ts";
import { testWith } from "../support/resources.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { openTab } from "../support/view_tab.ts";

/** Voxels along y and x; along z fewer. */
const EDGE = 512, DEPTH = 16;
/** Grey values of the levels, so that a picture tells which one it shows; the first two set black and white. */
const GREYS = [0, 100, 150, 200];

testWith("browser", "the page reads coarser levels where somebody zooms out", async () => {
  await using folder = await temporaryFolder();
  const volume = folder.of("em.zarr");
  {
    await using writer = await createVolume(volume, {
      ...{ shape: [DEPTH, EDGE, EDGE], dtype: "uint8", type: "image", voxelSizeNm: [32, 8, 8] },
      levels: GREYS.length,
    });
    const levels = [writer, ...writer.pyramid!.volumes];
    for (const [i, level] of levels.entries()) {
      const box = wholeBox(level);
      const data = new Uint8Array(box.size.reduce((product, n) => product * n)).fill(GREYS[i]);
      // Black and white are those of a chunk: a line of white.
      if (i === 0) data.forEach((_, at) => at % 64 === 0 && (data[at] = 255));
      await level.write!(box, data);
    }
    await writer.commit();
  }
  await using view = await openView({ volume, output: folder.of("view") });
  deepStrictEqual(
    view.view.image.coarser.map(({ factors }) => factors.join()),
    ["1,2,2", "1,4,4", "2,8,8"],
  );
  await using tab = await openTab();
  let asked: string[] = [];
  tab.page.on("request", (request) => {
    const [, level] = /data\/image\/([^/]+)\//.exec(request.url()) ?? [];
    if (level !== undefined) asked.push(level);
  });
  await tab.open(view.url);
  deepStrictEqual([...new Set(asked)], ["full"]);
  await tab.page.focus("#pane-z");
  // Each press takes a fifth away: 0.5 after three of them, 0.21 after seven, 0.11 after ten.
  for (const [presses, level, grey] of [[4, "1_2_2", 100], [3, "1_4_4", 150], [9, "2_8_8", 200]]) {
    asked = [];
    for (let i = 0; i < Number(presses); i++) await tab.page.keyboard.press("-");
    await tab.page.waitForFunction((grey) => {
      const pane = document.querySelector<HTMLCanvasElement>("#pane-z")!;
      const copy = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true })!;
      copy.drawImage(pane, -pane.width / 2 - 9, -pane.height / 2 - 9);
      const [red] = copy.getImageData(0, 0, 1, 1).data;
      return red === grey;
    }, grey);
    ok(asked.includes(`${level}`), asked.join());
  }
  // As far out as the coarsest level reaches, and all of it came in few requests.
  strictEqual(await tab.page.getAttribute("html", "data-zoom"), String(0.5 / 8));
  ok(asked.filter((level) => level === "2_8_8").length <= 4, asked.join());
  deepStrictEqual(tab.said, []);
});

testWith(
  "browser",
  "the page asks again, now and then, for a chunk that cannot be had",
  async () => {
    await using folder = await temporaryFolder();
    const volume = folder.of("em.npy");
    const shape = [8, 8, 130];
    const parts = encodeNpy({ dtype: "uint8", shape, data: new Uint8Array(8 * 8 * 130) });
    await Deno.writeFile(volume, new Blob(parts as BlobPart[]).stream());
    await using view = await openView({ volume, output: folder.of("view") });
    await using tab = await openTab();
    let isBroken = true, asked = 0;
    await tab.page.route("**/data/image/full/64-*", async (route) => {
      asked++;
      if (isBroken) await route.fulfill({ status: 500, body: "Cannot read: the disk is gone\n" });
      else await route.continue();
    });
    await tab.page.goto(view.url);
    const status = (hasText: string) => tab.page.locator("#status", { hasText }).waitFor();
    await status("the disk is gone");
    // The others are there; what is said next stays.
    await tab.page.evaluate(() => document.querySelector("#status")!.textContent = "another thing");
    await tab.page.focus("#pane-z");
    for (let i = 0; i < 3; i++) await tab.page.keyboard.press("ArrowUp");
    await tab.page.waitForTimeout(1000);
    strictEqual(await tab.page.textContent("#status"), "another thing");
    strictEqual(asked, 1);
    isBroken = false;
    await tab.until("[data-picture]");
    strictEqual(asked, 2);
    await status("What could not be had is there now");
    // Nobody answers at all.
    await tab.page.route("**/data/image/**", (route) => route.abort());
    await tab.page.reload();
    await status("Cannot reach ffn view: is it still running?");
  },
);
