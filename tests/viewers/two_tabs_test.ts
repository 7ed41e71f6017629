/** Two tabs of `ffn view` on one canvas, in two browsers. */
import { deepStrictEqual, match, ok } from "node:assert/strict";
import { largestObjects, writeDemoVolume } from "../support/demo_volume.ts";
import { acceptedLabels, openView } from "../support/open_view.ts";
import { testWith } from "../support/resources.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { openTab } from "../support/view_tab.ts";

testWith("browser", "two tabs show the same objects and lose none", async () => {
  await using folder = await temporaryFolder();
  const demo = await writeDemoVolume(folder.path, 24);
  const output = folder.of("view");
  await using view = await openView({ volume: demo.image, request: demo.request, output });
  await using one = await openTab();
  await using other = await openTab();
  await Promise.all([one.open(view.url), other.open(view.url)]);
  const [first, second] = await largestObjects(demo, 2);
  // What one accepts is there for the other, which cannot grow it again.
  await one.click(first.middle);
  await one.until("[data-flood=grown]");
  await one.page.keyboard.press("a");
  await Promise.all([one, other].map((tab) => tab.until('[data-objects="1"][data-flood=ready]')));
  await other.click(first.middle);
  await other.until("[data-flood=ready]");
  await other.page.locator("#status", { hasText: "the seed is inside object 1" }).waitFor();
  // Both grow the same: it goes to whoever accepts it first, and the other one is told and may drop it.
  for (const tab of [one, other]) {
    await tab.click(second.middle);
    await tab.until("[data-flood=grown]");
  }
  await Promise.all([one, other].map((tab) => tab.page.keyboard.press("a")));
  await Promise.all([one, other].map((tab) => tab.until('[data-objects="2"]')));
  await Promise.any(
    [one, other].map((tab) =>
      tab.page.locator("#status", { hasText: "none of its voxels is free" }).waitFor()
    ),
  );
  await Promise.any([one, other].map((tab) => tab.until("[data-flood=ready]")));
  const states = await Promise.all(
    [one, other].map((tab) => tab.page.getAttribute("html", "data-flood")),
  );
  deepStrictEqual(states.sort(), ["grown", "ready"]);
  const labels = await acceptedLabels(view);
  ok([1, 2].every((label) => labels.includes(label)));
  // A tab that is closed takes nothing with it.
  await one.page.close();
  match((await other.page.textContent("#objects"))!, /^Object 1: \d+ voxelsObject 2: \d+ voxels$/);
  await other.open(view.url);
  await other.until('[data-objects="2"]');
  deepStrictEqual([...one.said, ...other.said.filter((text) => !/400/.test(text))], []);
});
