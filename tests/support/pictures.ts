/** The screenshots of the documentation: `deno task pictures` takes them anew, with the demo as it is now. */
/// <reference lib="dom" />
import { join } from "node:path";
import { command as inference } from "../../engine/commands/run_inference.ts";
import { largestObjects, writeDemoVolume } from "./demo_volume.ts";
import { startRun } from "./live_run.ts";
import { openView } from "./open_view.ts";
import { openTab } from "./view_tab.ts";

const IMAGES = new URL("../../docs/images/", import.meta.url).pathname;
/** Paths are shown: they are those of `ffn demo`. */
const FOLDER = "demo_output";
/** Objects that are accepted in the picture of `ffn view`, and fields of view of the one that grows. */
const ACCEPTED = 6, STEPS = 60;
/** Objects that a run has found in the picture of its page. */
const FOUND = 25;

/** The page of `ffn view` with accepted objects while another one grows. */
async function takeView(volume: string, request: string, path: string): Promise<void> {
  await using view = await openView({ volume, request, output: "view_output" });
  await using tab = await openTab();
  await tab.open(view.url);
  const neurites = await largestObjects(demo, ACCEPTED + 1);
  for (const { middle } of neurites.slice(0, ACCEPTED)) {
    await tab.click(middle);
    await tab.until("[data-flood=grown]");
    await tab.page.keyboard.press("a");
    await tab.until("[data-flood=ready]");
  }
  await tab.click(neurites[ACCEPTED].middle);
  await tab.page.waitForFunction(
    (steps) => Number(document.documentElement.dataset.steps) >= steps,
    STEPS,
  );
  await tab.page.screenshot({ path });
}

/** The page of a run in its middle. */
async function takeLive(request: string, path: string): Promise<void> {
  await using tab = await openTab();
  const run = await startRun(inference, {
    ...{ request, backend: "wasm", threads: 1, kernelProcess: "off", preview: false },
  });
  await tab.page.setViewportSize({ width: 1000, height: 860 });
  await tab.page.goto(run.url);
  await tab.page.waitForSelector("figure[data-loads]:not([hidden]) img");
  await tab.page.waitForFunction(
    (found) => {
      const [, count] = /Objects(\d+)/.exec(document.querySelector("#figures")!.textContent!) ?? [];
      return Number(count) >= found;
    },
    FOUND,
  );
  await tab.page.screenshot({ path });
  await run.stop();
}

const folder = await Deno.makeTempDir({ prefix: "ffn-pictures-" });
Deno.chdir(folder);
await Deno.mkdir(FOLDER);
const demo = await writeDemoVolume(FOLDER);
await takeView(demo.image, demo.request, join(IMAGES, "view.png"));
await takeLive(demo.request, join(IMAGES, "live.png"));
Deno.chdir("..");
await Deno.remove(folder, { recursive: true });
