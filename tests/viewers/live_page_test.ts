/** The page of a run in a headless browser. */
/// <reference lib="dom" />
import { deepStrictEqual, match, ok } from "node:assert/strict";
import { dirname, join } from "node:path";
import AxeBuilder from "npm:@axe-core/playwright@4.10.2";
import { cacheFolder } from "../../engine/backends/measured_choices.ts";
import { command as inference } from "../../engine/commands/run_inference.ts";
import { command as training } from "../../engine/commands/train.ts";
import { writeDemoVolume } from "../support/demo_volume.ts";
import { startRun } from "../support/live_run.ts";
import { testWith } from "../support/resources.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { flags, prepared } from "../support/training_run.ts";
import { openTab, type ViewTab } from "../support/view_tab.ts";

const COMPUTE = { backend: "wasm", threads: 1, kernelProcess: "off" };

/** Findings of axe that are serious, in light and in dark; keeps pictures for somebody to look at, where there is a cache. */
async function seriousFindings({ page }: ViewTab, name: string): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    const { violations } = await new AxeBuilder({ page }).analyze();
    found.push(
      ...violations.filter(({ impact }) => impact === "serious" || impact === "critical")
        .map(({ id, nodes }) => [colorScheme, id, nodes.map(({ html }) => html)]),
    );
    const folder = cacheFolder();
    if (folder === null) continue;
    const path = join(folder, "acceptance", `live_${name}_${colorScheme}.png`);
    await Deno.mkdir(dirname(path), { recursive: true });
    await page.screenshot({ path, fullPage: true });
  }
  return found;
}

testWith("browser", "the page of ffn run-inference --live follows the run", async () => {
  await using folder = await temporaryFolder();
  const { request } = await writeDemoVolume(folder.path, 64);
  await using tab = await openTab();
  const run = await startRun(inference, { ...COMPUTE, request, preview: false });
  await tab.page.goto(run.url);
  await tab.page.waitForSelector("figure[data-loads]:not([hidden]) img");
  // Figures and picture change while the run goes on, without anybody touching the page.
  const stepsOf = () => tab.page.textContent("#figures div:has(dt:text-is('FOV steps')) dd");
  const steps = await stepsOf();
  await tab.page.waitForFunction(
    (before) => !document.querySelector("#figures")!.textContent!.includes(before!),
    steps,
  );
  await tab.page.waitForSelector("figure[data-loads='3']");
  match((await tab.page.getAttribute("figure img", "alt"))!, /^Sections across z, y and x/);
  match((await tab.page.textContent("#status"))!, /^Segmenting start zyx/);
  ok((await tab.page.locator("#events li").count()) > 0);
  deepStrictEqual(await seriousFindings(tab, "inference"), []);
  deepStrictEqual(tab.said, []);
  await run.stop();
  await tab.page.waitForSelector("html[data-live=gone]", { state: "attached" });
  match((await tab.page.textContent("#status"))!, /^The run has ended, or cannot be reached/);
});

testWith("browser", "the page of ffn train --live shows curves and examples", async () => {
  await using folder = await prepared();
  await using tab = await openTab();
  const values = flags(folder, { maxSteps: 100_000, summaryRateSecs: 1, threshold: 0.06 });
  const run = await startRun(training, { ...values, threads: 1 });
  await tab.page.goto(run.url);
  for (const place of [1, 2, 3]) {
    await tab.page.waitForSelector(`figure:nth-child(${place})[data-loads]:not([hidden])`);
  }
  match((await tab.page.getAttribute("figure img", "alt"))!, /^Loss [\d.]+ at step \d+/);
  deepStrictEqual(await seriousFindings(tab, "training"), []);
  deepStrictEqual(tab.said, []);
  await run.stop();
});
