/**
 * How soon the page of `ffn view` answers, on the threads of the browser; and the ten largest neurites of the whole demo.
 * The browser runs already; commands are started as a user would start them. Needs libnss3.
 */
/// <reference lib="dom" />
import { join } from "node:path";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { createHdf5 } from "../../engine/volumes/hdf5_writer.ts";
import { open } from "../../engine/volumes/open.ts";
import { spatialSize, wholeBox } from "../../engine/volumes/volume.ts";
import { intersectionOverUnion, largestObjects, writeDemoVolume } from "../support/demo_volume.ts";
import { acceptedLabels, openView } from "../support/open_view.ts";
import { openTab, type ViewTab } from "../support/view_tab.ts";
import type { AcceptanceContext } from "./program.ts";

export const description = "The page of ffn view: first picture, scrolling, first growth, memory";

const TIMES = 20;
const LARGE: Zyx = [1024, 1024, 1024];
/** Sections that are scrolled through, there and back. */
const SECTIONS = 40;

export async function run(context: AcceptanceContext): Promise<void> {
  const { fib25, folder, check } = context;
  await using tab = await openTab();
  const image = join(fib25, "training_sample2", "grayscale_maps.h5:raw");
  const small = await firstPictures(image, tab, context);
  check(
    "first picture on 250³, seconds, median of 20",
    small.seconds,
    "at most 2",
    small.seconds <= 2,
  );
  const large = await writeLarge(image, join(folder, "large.h5"));
  const { seconds, mebibytes } = await firstPictures(large, tab, context);
  check("first picture on 1024³, seconds, median of 20", seconds, "at most 3", seconds <= 3);
  check("  memory of the server, MiB at most", mebibytes, "at most 1024", mebibytes <= 1024);
  await clickNeurites(tab, context);
}

/** The command's time from its start to the first whole picture, and its most memory. */
async function firstPictures(volume: string, tab: ViewTab, { root, folder }: AcceptanceContext) {
  const seconds: number[] = [];
  let mebibytes = 0;
  for (let i = 0; i < TIMES; i++) {
    const startedMs = Date.now();
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", join(root, "cli.ts"), "view", volume, "--quiet"],
      cwd: folder,
      stdout: "piped",
    }).spawn();
    try {
      const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
      const { value } = await reader.read();
      await tab.page.goto(value!.trim());
      await tab.until("[data-picture]");
      const pictureMs = Number(await tab.page.getAttribute("html", "data-picture"));
      seconds.push((pictureMs - startedMs) / 1000);
      const status = await Deno.readTextFile(`/proc/${child.pid}/status`);
      mebibytes = Math.max(mebibytes, Number(/VmHWM:\s+(\d+)/.exec(status)![1]) / 1024);
      await reader.cancel();
    } finally {
      child.kill("SIGTERM");
      await child.status;
    }
  }
  return { seconds: round(median(seconds)), mebibytes: Math.round(mebibytes) };
}

/** Fills 1024³ voxels, in chunks, with copies of a smaller volume. */
async function writeLarge(spec: string, path: string): Promise<string> {
  await using volume = await open(spec);
  const [depth, height, width] = spatialSize(volume);
  const tile = await volume.read(wholeBox(volume)) as Uint8Array;
  const slab = 64;
  await using writer = await createHdf5(path, { dataset: "raw", shape: LARGE, dtype: "uint8" });
  for (let from = 0; from < LARGE[0]; from += slab) {
    const data = new Uint8Array(slab * LARGE[1] * LARGE[2]);
    for (let z = 0; z < slab; z++) {
      for (let y = 0; y < LARGE[1]; y++) {
        const row = ((from + z) % depth * height + y % height) * width;
        for (let x = 0; x < LARGE[2]; x += width) {
          const part = tile.subarray(row, row + Math.min(width, LARGE[2] - x));
          data.set(part, (z * LARGE[1] + y) * LARGE[2] + x);
        }
      }
    }
    await writer.write({ start: [from, 0, 0], size: [slab, LARGE[1], LARGE[2]] }, data);
  }
  await writer.commit();
  return `${path}:raw`;
}

/** Scrolls through the demo, then clicks its ten largest neurites, twice, so that there are 20 first growths. */
async function clickNeurites(tab: ViewTab, { folder, check, print }: AcceptanceContext) {
  const demo = await writeDemoVolume(folder);
  const output = join(folder, "view");
  await using view = await openView({ volume: demo.image, request: demo.request, output });
  await tab.open(view.url);
  await scroll(tab);
  const rate = round(await scroll(tab));
  check("sections per second, chunks cached", rate, "at least 20", rate >= 20);
  const neurites = await largestObjects(demo, 10);
  const waits: number[] = [];
  for (const { middle } of neurites) {
    for (const last of [false, true]) {
      await tab.click(middle);
      await tab.until(":not([data-flood=growing])");
      waits.push(await tab.firstGrowthMs());
      await tab.page.keyboard.press(last ? "a" : "u");
      await tab.until("[data-flood=ready]");
    }
  }
  const wait = Math.round(median(waits));
  check(
    "milliseconds from a click to the first growth, median of 20",
    wait,
    "at most 300",
    wait <= 300,
  );
  const labels = await acceptedLabels(view);
  const scores = neurites.map(({ label }, i) =>
    intersectionOverUnion(labels, i + 1, demo.truth, label)
  );
  print(`IoU of the ten largest neurites: ${scores.map((score) => score.toFixed(3)).join(" ")}`);
  const middle = round(median(scores)), least = round(Math.min(...scores));
  check("median IoU", middle, "at least 0.9", middle >= 0.9);
  check("least IoU", least, "at least 0.7", least >= 0.7);
}

/** Scrolls down and up, a section for each frame; gives frames per second. */
async function scroll(tab: ViewTab): Promise<number> {
  await tab.page.focus("#pane-z");
  return await tab.page.evaluate(async (sections) => {
    const pane = document.querySelector("#pane-z")!;
    const startedMs = performance.now();
    for (let i = 0; i < 2 * sections; i++) {
      const key = i < sections ? "PageDown" : "PageUp";
      pane.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
      // The first frame draws, the second begins when that is on the screen.
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    }
    return 2000 * sections / (performance.now() - startedMs);
  }, SECTIONS);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b), half = sorted.length / 2;
  return (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2;
}

function round(value: number): number {
  return Math.round(100 * value) / 100;
}
