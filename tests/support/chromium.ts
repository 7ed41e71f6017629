/** A browser for acceptance programs: a headless Chromium from the npm registry, drawing without a GPU. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "npm:playwright-core@1.65.1";

const VERSION = "153.0.0";

/** Drawing takes its time where other programs have the processor. */
const PATIENCE_MS = 180_000;

/** WebGL 2 on a software renderer. */
const FLAGS = [
  "--no-sandbox",
  "--use-gl=angle",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
  "--ignore-gpu-blocklist",
];

/** What a page is asked for. */
export interface Shot {
  readonly url: string;
  readonly width: number;
  readonly height: number;
  /** JavaScript that is true when the page shows everything. */
  readonly isReady: string;
  /** JavaScript whose value comes back, JSON. */
  readonly measure: string;
}

/** A picture of a page, as PNG. */
export interface Picture {
  readonly png: Uint8Array;
  readonly measured: unknown;
}

/**
 * Opens pages one after another and takes a picture of each when it is ready. Downloads about 70 MB on the first call and
 * keeps the browser in `cache`. Needs libnss3 of the system.
 *
 * @throws {Error} with what the page wrote to its console, where it does not get ready.
 */
export async function takePictures(shots: readonly Shot[], cache: string): Promise<Picture[]> {
  const browser = await launchChromium(cache, FLAGS);
  try {
    const pictures: Picture[] = [];
    for (const { url, width, height, isReady, measure } of shots) {
      const page = await browser.newPage({ viewport: { width, height } });
      const said: string[] = [];
      page.on("console", (message) => said.push(message.text()));
      page.on("pageerror", (error) => said.push(String(error)));
      await page.goto(url);
      await page.waitForFunction(isReady, undefined, { timeout: PATIENCE_MS }).catch((error) => {
        throw new Error(`Cannot take a picture of "${url}": ${error.message}\n${said.join("\n")}`);
      });
      // What became ready is drawn with the next frame.
      await page.waitForTimeout(500);
      const measured = await page.evaluate(measure);
      pictures.push({ png: await page.screenshot({ timeout: PATIENCE_MS }), measured });
      await page.close();
    }
    return pictures;
  } finally {
    await browser.close();
  }
}

/** Starts a browser; it is the caller's to close. Downloads and needs as `takePictures` does. */
export async function launchChromium(cache: string, flags: readonly string[]): Promise<Browser> {
  const executablePath = await install(cache);
  const { chromium } = await import("npm:playwright-core@1.65.1");
  return await chromium.launch({ executablePath, args: [...flags] });
}

/** Unpacks the browser, once. */
async function install(cache: string): Promise<string> {
  const folder = join(cache, `chromium-${VERSION}`);
  const executable = join(folder, "chromium");
  if (existsSync(executable)) return executable;
  const { default: packed } = await import("npm:@sparticuz/chromium@153.0.0");
  await Deno.mkdir(cache, { recursive: true });
  const partial = await Deno.makeTempDir({ dir: cache, prefix: "chromium-" });
  const before = Deno.env.get("TMPDIR");
  // The library unpacks into the temporary folder, and nowhere else.
  Deno.env.set("TMPDIR", partial);
  try {
    await packed.executablePath();
  } finally {
    if (before === undefined) Deno.env.delete("TMPDIR");
    else Deno.env.set("TMPDIR", before);
  }
  await Deno.rename(partial, folder);
  return executable;
}
