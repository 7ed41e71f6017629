/** A browser tab that shows `ffn view`, driven as somebody at a mouse and a keyboard would. */
import { join } from "node:path";
import type { Page } from "npm:playwright-core@1.65.1";
import { cacheFolder } from "../../engine/backends/measured_choices.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import type { FloodEvent } from "../../engine/viewers/page/flood_messages.ts";
import { launchChromium } from "./chromium.ts";

/** Makes WebGPU of Chromium's own software adapter: 256 invocations per workgroup and no f16. */
export const SOFTWARE_WEBGPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

const PATIENCE_MS = 120_000;

/** A tab; disposing it closes the browser. */
export interface ViewTab extends AsyncDisposable {
  readonly page: Page;
  /** What the page wrote to its console, and errors that nobody caught. */
  readonly said: readonly string[];
  /** Opens an address, or the same one again, and waits for the picture and the network. */
  open(url: string): Promise<void>;
  /**
   * Waits until the page's state, attributes of its root, matches a selector such as `[data-flood=grown]`; two minutes at
   * most unless given.
   */
  until(selector: string, patienceMs?: number): Promise<void>;
  /** Clicks a voxel in the section across z. */
  click(voxel: Zyx): Promise<void>;
  /** Time from the last click to the first growth that the page was told of after it. */
  firstGrowthMs(): Promise<number>;
  /** Centres of the fields of view of the last object, in their order. */
  path(): Promise<Zyx[]>;
}

/** What the page notes down for the test. */
interface Heard {
  heard: FloodEvent[];
  clickedMs: number;
  grownMs: number | undefined;
}

/** Opens a headless browser. */
export async function openTab(flags: readonly string[] = []): Promise<ViewTab> {
  const cache = join(cacheFolder() ?? "/tmp", "browsers");
  const browser = await launchChromium(cache, ["--no-sandbox", ...flags]);
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const said: string[] = [];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(String(error)));
  // Listens to what the engine's worker tells the page.
  await page.addInitScript(() => {
    const scope = globalThis as unknown as Heard & { Worker: typeof Worker };
    scope.heard = [];
    scope.Worker = class extends Worker {
      constructor(url: string | URL, options?: WorkerOptions) {
        super(url, options);
        this.addEventListener("message", ({ data }) => {
          if (data.type === "grown") scope.grownMs ??= performance.now();
          scope.heard.push(data);
        });
      }
    };
    addEventListener("pointerup", () => {
      scope.clickedMs = performance.now();
      scope.grownMs = undefined;
    }, { capture: true });
  });
  const until = async (selector: string, timeout = PATIENCE_MS) => {
    const options = { state: "attached", timeout } as const;
    await page.waitForSelector(`html${selector}`, options).catch(async (error) => {
      const status = await page.textContent("#status");
      throw new Error(`${error.message}\nstatus: ${status}\n${said.join("\n")}`);
    });
  };
  const stateOf = async (name: string) =>
    (await page.getAttribute("html", `data-${name}`))!.split(",").map(Number);
  return {
    page,
    said,
    until,
    async open(url) {
      await page.goto(url);
      await until("[data-picture]");
      await until(":not([data-flood=opening])");
    },
    async click([z, y, x]) {
      await page.focus("#pane-z");
      const [from] = await stateOf("position");
      const key = z > from ? "PageDown" : "PageUp";
      for (let away = Math.abs(z - from); away > 0; away -= away >= 10 ? 10 : 1) {
        await page.keyboard.press(away >= 10 ? `Shift+${key}` : key);
      }
      await until(`[data-position^="${z},"]`);
      const [zoom] = await stateOf("zoom"), [, middleY, middleX] = await stateOf("centre");
      const bounds = (await page.locator("#pane-z").boundingBox())!;
      await page.mouse.click(
        bounds.x + bounds.width / 2 + (x - middleX) * zoom,
        bounds.y + bounds.height / 2 + (y - middleY) * zoom,
      );
      await until(`[data-position="${z},${y},${x}"]`);
    },
    async firstGrowthMs() {
      return await page.evaluate(() => {
        const { clickedMs, grownMs } = globalThis as unknown as Heard;
        return grownMs! - clickedMs;
      });
    },
    async path() {
      const events = await page.evaluate(() => {
        const { heard } = globalThis as unknown as Heard;
        return heard.map((event) =>
          event.type === "grown" ? event.path : event.type === "begun" ? "begun" : null
        );
      });
      const last = events.lastIndexOf("begun");
      return events.slice(last + 1).flatMap((path) =>
        path === null || path === "begun" ? [] : path
      );
    },
    async [Symbol.asyncDispose]() {
      await browser.close();
    },
  };
}
