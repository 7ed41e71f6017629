/** What the page of `ffn view` looks like: with and without a request, with voxels that are no cubes, with long names. */
/// <reference lib="dom" />
import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { openView } from "../support/open_view.ts";
import { testWith } from "../support/resources.ts";
import { viewedRun } from "../support/viewed_run.ts";
import { openTab } from "../support/view_tab.ts";

testWith(
  "browser",
  "the page has room for what it says, and shows only what there is",
  async () => {
    await using run = await viewedRun();
    await using tab = await openTab();
    const { page } = tab;
    const volume = run.of("a".repeat(60), "em.npz");
    await Deno.mkdir(run.of("a".repeat(60)));
    await Deno.copyFile(run.of("em.npz"), volume);
    {
      await using view = await openView({ volume: `${volume}:raw`, output: run.of("looked") });
      await tab.open(view.url);
      match((await page.textContent("#notes"))!, /No request was given/);
      deepStrictEqual(await page.locator("canvas:visible").count(), 3);
      ok(!/grows/.test(await page.locator("#keys").innerText()));
      // Nothing is cut off, in a narrow window too.
      for (const width of [1280, 640, 320]) {
        await page.setViewportSize({ width, height: 430 });
        const [inner, outer] = await page.evaluate(() => {
          const { scrollWidth } = document.querySelector("#side")!;
          return [Math.max(scrollWidth, document.body.scrollWidth), innerWidth];
        });
        ok(inner <= outer, `${inner} of ${outer}`);
        const side = await page.evaluate(() => {
          const { scrollWidth, clientWidth } = document.querySelector("#side")!;
          return scrollWidth - clientWidth;
        });
        strictEqual(side, 0);
      }
      await page.setViewportSize({ width: 1280, height: 860 });
    }
    await using view = await openView({ ...run.options, voxelSize: "40,8,8" });
    await tab.open(view.url);
    deepStrictEqual(await page.locator("canvas:visible").count(), 4);
    const solid = async (axis: string) => {
      await page.selectOption("#projection", axis);
      // A new picture may have to wait for its turn.
      await page.waitForTimeout(500);
      return await page.evaluate(() => {
        const { height, width } = document.querySelector<HTMLCanvasElement>("#solid")!;
        return [height, width];
      });
    };
    // Of a volume of 24 × 24 × 32 voxels, five times as long along z.
    deepStrictEqual(await solid("0"), [24, 32]);
    deepStrictEqual(await solid("1"), [120, 32]);
    deepStrictEqual(await solid("2"), [120, 24]);
    // Copying the commands moves nothing, and what is said moves no button.
    await page.focus("#pane-z");
    await page.keyboard.press("ArrowRight");
    await tab.until('[data-position="12,12,17"]');
    await page.keyboard.press("Meta+c");
    await page.keyboard.press("Control+c");
    const top = async () => (await page.locator("#accept").boundingBox())!.y;
    const before = await top();
    strictEqual(await page.getAttribute("html", "data-centre"), "12,12,16");
    await page.keyboard.press("c");
    await tab.until('[data-centre="12,12,17"]');
    await page.evaluate(() => {
      document.querySelector("#status")!.textContent = "so many words ".repeat(6);
      document.querySelector("#object")!.textContent = "so many words ".repeat(4);
    });
    strictEqual(await top(), before);
    deepStrictEqual(tab.said, []);
  },
);
