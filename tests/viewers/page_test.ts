/** The page of `ffn view` in a headless browser: clicks and keys, as somebody in front of it would use them. */
import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { dirname, join } from "node:path";
import AxeBuilder from "npm:@axe-core/playwright@4.10.2";
import { cacheFolder } from "../../engine/backends/measured_choices.ts";
import { parseInferenceRequest } from "../../engine/formats/protobuf/requests.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { openInference } from "../../engine/inference/open_inference.ts";
import { resolveRequest } from "../../engine/inference/request.ts";
import {
  type DemoVolume,
  intersectionOverUnion,
  largestObjects,
  writeDemoVolume,
} from "../support/demo_volume.ts";
import { acceptedLabels, grow, type OpenView, openView } from "../support/open_view.ts";
import { testWith } from "../support/resources.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { openTab, SOFTWARE_WEBGPU, type ViewTab } from "../support/view_tab.ts";

/** Edge of the tissue of `ffn demo` in voxels: its ten largest neurites take 2891 fields of view. */
const EDGE = 96;

/** Clicks a voxel, waits until its object has grown and accepts it. */
async function growAndAccept(tab: ViewTab, voxel: Zyx, count: number): Promise<void> {
  await tab.click(voxel);
  // On the software adapter of a busy machine it takes minutes.
  await tab.until(":not([data-flood=growing])", 600_000);
  const flood = await tab.page.getAttribute("html", "data-flood");
  strictEqual(flood, "grown", `${voxel}: ${await tab.page.textContent("#status")}`);
  await tab.page.keyboard.press("a");
  await tab.until(`[data-objects="${count}"][data-flood=ready]`);
}

/** What `ffn run-inference` fills from one seed. */
async function segmentSeed(request: string, seed: Zyx): Promise<Int32Array> {
  const message = {
    ...parseInferenceRequest(await Deno.readTextFile(request)),
    seedPolicy: "PolicyManual",
    seedPolicyArgs: JSON.stringify({ coords: [seed] }),
  };
  await using inference = await openInference(resolveRequest(message), { name: "wasm" });
  return (await inference.runner.run(inference.imageBox))!.segmentation;
}

/** Keeps a picture for somebody to look at, where there is a cache. */
async function keep(tab: ViewTab, name: string): Promise<void> {
  const folder = cacheFolder();
  if (folder === null) return;
  const path = join(folder, "acceptance", `view_${name}.png`);
  await Deno.mkdir(dirname(path), { recursive: true });
  await tab.page.screenshot({ path });
}

async function demoView(folder: string, edge: number, backend: "wasm" | "webgpu") {
  const demo: DemoVolume = await writeDemoVolume(folder, edge);
  const output = join(folder, "view");
  const view = await openView({ volume: demo.image, request: demo.request, output, backend });
  return { demo, view, [Symbol.asyncDispose]: () => view[Symbol.asyncDispose]() };
}

/**
 * Grows the ten largest neurites from a click each, the smallest first: it grows as if it were alone. Gives the labels.
 *
 * @param paths Centres of the fields of view that each must take, where that is known.
 */
async function fillNeurites(
  tab: ViewTab,
  { demo, view }: { demo: DemoVolume; view: OpenView },
  paths: readonly Zyx[][] = [],
): Promise<Uint8Array> {
  const neurites = await smallestFirst(demo);
  for (const [i, { middle }] of neurites.entries()) {
    await growAndAccept(tab, middle, i + 1);
    if (paths.length > 0) deepStrictEqual(await tab.path(), paths[i]);
  }
  const labels = await acceptedLabels(view);
  const scores = neurites.map(({ label }, i) =>
    intersectionOverUnion(labels, i + 1, demo.truth, label)
  );
  const sorted = scores.toSorted((a, b) => a - b);
  ok(
    sorted[0] >= 0.7 && (sorted[4] + sorted[5]) / 2 >= 0.9,
    scores.map((s) => s.toFixed(3)).join(),
  );
  return labels;
}

async function smallestFirst(demo: DemoVolume) {
  return (await largestObjects(demo, 10)).reverse();
}

/** Paths and labels of the same neurites from the page's own canvas without a browser, on threads. */
async function fillOnThreads(demo: DemoVolume, output: string) {
  await using view = await openView({ volume: demo.image, request: demo.request, output });
  const canvas = await view.canvas();
  const paths: Zyx[][] = [];
  for (const { middle } of await smallestFirst(demo)) {
    const { events } = await grow(canvas, middle);
    paths.push(events.flatMap((event) => event.type === "grown" ? event.path : []));
    await canvas.accept(view.view.flood!.options.segmentThreshold);
  }
  return { paths, labels: await acceptedLabels(view) };
}

testWith(
  "browser",
  "the page fills the ten largest neurites of the demo from a click each, on threads",
  async () => {
    await using folder = await temporaryFolder();
    await using opened = await demoView(folder.path, EDGE, "wasm");
    const { demo, view } = opened;
    await using tab = await openTab();
    await tab.open(view.url);
    strictEqual(await tab.page.evaluate("crossOriginIsolated"), true);
    ok(/WebAssembly/.test((await tab.page.textContent("#notes"))!));
    const labels = await fillNeurites(tab, opened);
    const [{ middle }] = await smallestFirst(demo);
    const run = await segmentSeed(demo.request, middle);
    strictEqual(run.findIndex((label, i) => (label > 0) !== (labels[i] === 1)), -1);
    await keep(tab, "neurites");
    // Taken back, it is gone here and on the server; the others are there after a reload.
    await tab.page.keyboard.press("u");
    await tab.until('[data-objects="9"]');
    strictEqual((await view.objects()).length, 9);
    await tab.open(view.url);
    await tab.until('[data-objects="9"]');
    deepStrictEqual(await tab.page.locator("#objects button").count(), 9);
    deepStrictEqual(tab.said, []);
  },
);

testWith("browser", "the page fills the same neurites on WebGPU too, as on threads", async () => {
  await using folder = await temporaryFolder();
  await using opened = await demoView(folder.path, EDGE, "webgpu");
  const expected = await fillOnThreads(opened.demo, join(folder.path, "threads"));
  await using tab = await openTab(SOFTWARE_WEBGPU);
  await tab.open(opened.view.url);
  const notes = (await tab.page.textContent("#notes"))!;
  ok(/WebGPU on .*swiftshader/i.test(notes), notes);
  const labels = await fillNeurites(tab, opened, expected.paths);
  const same = labels.filter((label, i) => label === expected.labels[i]).length;
  ok(same / labels.length >= 0.9999, `${same} of ${labels.length}`);
  await keep(tab, "webgpu");
  deepStrictEqual(tab.said, []);
});

testWith("browser", "the page falls back where WebGPU is missing, and says so", async () => {
  await using folder = await temporaryFolder();
  await using opened = await demoView(folder.path, 24, "webgpu");
  await using tab = await openTab();
  await tab.open(opened.view.url);
  strictEqual(await tab.page.getAttribute("html", "data-flood"), "ready");
  const notes = (await tab.page.textContent("#notes"))!;
  ok(/This browser runs no WebGPU: .*The network runs here: WebAssembly/s.test(notes), notes);
  // Without shared memory too the volume can be looked at.
  await tab.page.addInitScript("delete globalThis.SharedArrayBuffer");
  await tab.page.route("**/flood_worker.js", async (route) => {
    const response = await route.fetch();
    const body = `delete globalThis.SharedArrayBuffer;\n${await response.text()}`;
    await route.fulfill({ response, body });
  });
  await tab.open(opened.view.url);
  await tab.until("[data-flood=absent][data-picture]");
  ok(/no shared memory/.test((await tab.page.textContent("#status"))!));
});

testWith("browser", "the page offers the seed of an object whose tab was closed", async () => {
  await using folder = await temporaryFolder();
  await using opened = await demoView(folder.path, 32, "wasm");
  await using tab = await openTab();
  await tab.open(opened.view.url);
  const [{ middle }] = await largestObjects(opened.demo, 1);
  await tab.click(middle);
  await tab.until("[data-steps]");
  // The same as closing and opening it: everything of the page is gone.
  await tab.page.goto("about:blank");
  await tab.open(opened.view.url);
  await tab.until(`[data-position="${middle}"]`);
  ok(/neither accepted nor dropped/.test((await tab.page.textContent("#notes"))!));
  await tab.page.keyboard.press("g");
  await tab.until("[data-steps]");
  await tab.page.keyboard.press("Escape");
  await tab.until("[data-flood=grown]");
  await tab.page.keyboard.press("u");
  await tab.until("[data-flood=ready]");
  await tab.open(opened.view.url);
  ok(!/neither accepted/.test((await tab.page.textContent("#notes"))!));
  deepStrictEqual(await opened.view.objects(), []);
});

testWith(
  "browser",
  "the page leaves an object that grows for the one that is clicked next",
  async () => {
    await using folder = await temporaryFolder();
    await using opened = await demoView(folder.path, 32, "wasm");
    await using tab = await openTab();
    await tab.open(opened.view.url);
    const [first, second] = await largestObjects(opened.demo, 2);
    await tab.click(first.middle);
    await tab.until("[data-steps]");
    await tab.click(second.middle);
    await tab.until("[data-flood=grown]");
    const [start] = await tab.path();
    deepStrictEqual(start, second.middle);
    await tab.page.keyboard.press("a");
    await tab.until('[data-objects="1"][data-flood=ready]');
    const [object] = await opened.view.objects();
    deepStrictEqual(object.start, second.middle);
    // Nothing was accepted that was not seen: the object has grown to its end.
    const labels = await acceptedLabels(opened.view);
    ok(intersectionOverUnion(labels, 1, opened.demo.truth, second.label) > 0.5);
    deepStrictEqual(tab.said, []);
  },
);

testWith("browser", "the page cuts an object between marks, and joins it again", async () => {
  await using folder = await temporaryFolder();
  await using opened = await demoView(folder.path, 32, "wasm");
  await using tab = await openTab();
  await tab.open(opened.view.url);
  const { keyboard } = tab.page;
  const [{ middle }] = await largestObjects(opened.demo, 1);
  await growAndAccept(tab, middle, 1);
  const whole = await acceptedLabels(opened.view);
  // The middle on one side, and a voxel of the section that is as far from it as there is on the other.
  const [, height, width] = opened.demo.size;
  const distance = ([, y, x]: Zyx) => Math.hypot(y - middle[1], x - middle[2]);
  let far: Zyx = middle;
  for (let i = 0; i < height * width; i++) {
    const voxel = [middle[0], Math.floor(i / width), i % width] as const;
    if (whole[middle[0] * height * width + i] !== 1) continue;
    if (distance(voxel) > distance(far)) far = voxel;
  }
  await keyboard.press("1");
  strictEqual(await tab.page.isDisabled("#cut"), true);
  await tab.page.focus("#pane-z");
  const press = async (key: string, times: number) => {
    for (; times > 0; times--) await keyboard.press(key);
  };
  await press(far[1] < middle[1] ? "ArrowUp" : "ArrowDown", Math.abs(far[1] - middle[1]));
  await press(far[2] < middle[2] ? "ArrowLeft" : "ArrowRight", Math.abs(far[2] - middle[2]));
  await tab.until(`[data-position="${far}"]`);
  await keyboard.press("2");
  await keep(tab, "marks");
  await keyboard.press("x");
  await tab.until('[data-objects="2"]');
  const labels = await acceptedLabels(opened.view);
  const at = ([z, y, x]: Zyx) => labels[(z * height + y) * width + x];
  deepStrictEqual([at(middle), at(far)], [2, 3]);
  deepStrictEqual(labels.map((label) => Number(label > 0)), whole);
  await keep(tab, "split");
  await keyboard.press("u");
  await tab.until('[data-objects="1"]');
  deepStrictEqual(await acceptedLabels(opened.view), whole);
  deepStrictEqual(tab.said, []);
});

testWith(
  "browser",
  "the page has no serious accessibility findings, in light and dark",
  async () => {
    await using folder = await temporaryFolder();
    await using opened = await demoView(folder.path, 24, "wasm");
    await using tab = await openTab();
    await tab.open(opened.view.url);
    const [{ middle }] = await largestObjects(opened.demo, 1);
    await growAndAccept(tab, middle, 1);
    await tab.page.click("summary");
    for (const colorScheme of ["light", "dark"] as const) {
      await tab.page.emulateMedia({ colorScheme });
      const { violations } = await new AxeBuilder({ page: tab.page }).analyze();
      const serious = violations.filter(({ impact }) =>
        impact === "serious" || impact === "critical"
      );
      deepStrictEqual(serious.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), []);
      await keep(tab, colorScheme);
    }
  },
);
