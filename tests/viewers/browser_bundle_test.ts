/** The library in somebody else's page: nothing of `ffn view` is there. */
/// <reference lib="dom" />
import { deepStrictEqual, match, ok } from "node:assert/strict";
import { join } from "node:path";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import { bundleBrowser } from "../../engine/viewers/browser_bundle.ts";
import { PAGE_HEADERS } from "../../engine/viewers/page_files.ts";
import { createVolume } from "../../engine/volumes/create.ts";
import { open } from "../../engine/volumes/open.ts";
import { wholeBox } from "../../engine/volumes/volume.ts";
import { largestObjects, writeDemoVolume } from "../support/demo_volume.ts";
import { testWith } from "../support/resources.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { openTab } from "../support/view_tab.ts";

/** What a page gets from one click. */
interface Grown {
  readonly path: Zyx[];
  /** SHA-256 of the object map `[z, y, x]`. */
  readonly hash: string;
  readonly size: Zyx;
  readonly ran: string;
}

/** Grows an object as a page would; its text is run in the browser, so that it refers to nothing outside of itself. */
async function growObject(
  { library, base, seed }: { library: string; base: string; seed: Zyx },
): Promise<Grown> {
  const ffn: typeof import("../../browser.ts") = await import(library);
  const text = await (await fetch(`${base}/request.pbtxt`)).text();
  await using flood = await ffn.openPageFlood({
    request: ffn.resolveRequest(ffn.parseInferenceRequest(text)),
    image: await ffn.open(`${base}/tissue.zarr`),
    checkpoint: await ffn.openCheckpoint(`${base}/model.ckpt`),
    backend: "wasm",
  });
  const path: Zyx[] = [];
  await flood.canvas.segmentAt(seed, { onStep: (position) => path.push(position) });
  const logits = await flood.canvas.objectMap();
  const digest = await crypto.subtle.digest("SHA-256", Uint8Array.from(logits, (l) => +(l > 0.4)));
  const hash = Array.from(new Uint8Array(digest)).join();
  return { path, hash, size: [...flood.box.size], ran: flood.backendDescription };
}

/** Serves the files of a folder, to pages that may share memory where `isIsolated`. */
function serveFolder(folder: string, isIsolated: boolean) {
  const types: Record<string, string> = { js: "text/javascript", html: "text/html" };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { pathname } = new URL(request.url);
    const body = await Deno.readFile(join(folder, pathname)).catch(() => null);
    if (body === null) return new Response("", { status: 404 });
    const type = types[pathname.split(".").at(-1)!] ?? "application/octet-stream";
    return new Response(body, {
      headers: { ...isIsolated ? PAGE_HEADERS : {}, "content-type": type },
    });
  });
  return {
    origin: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

testWith("browser", "openPageFlood() grows in any page what it grows here", async () => {
  await using folder = await temporaryFolder();
  const demo = await writeDemoVolume(folder.path, 24);
  await bundleBrowser(folder.path);
  await Deno.writeTextFile(folder.of("page.html"), "<!DOCTYPE html><title>Any page</title>");
  {
    await using image = await open(demo.image);
    // Its chunks are packed: the page must unpack without node:zlib.
    await using copy = await createVolume(folder.of("tissue.zarr"), {
      ...{ shape: image.shape, dtype: image.dtype, type: "image" },
    });
    const box = wholeBox(image);
    await copy.write(box, await image.read(box));
    await copy.commit();
  }
  const [{ middle }] = await largestObjects(demo, 1);
  await using tab = await openTab();
  await using served = serveFolder(folder.path, true);
  const base = served.origin, seed = middle;
  await tab.page.goto(`${base}/page.html`);
  const there = await tab.page.evaluate(growObject, { library: `${base}/ffn.js`, base, seed });
  const here = await growObject({ library: import.meta.resolve("../../browser.ts"), base, seed });
  match(there.ran, /^WebAssembly, \d+ threads?$/);
  deepStrictEqual({ ...there, ran: "" }, { ...here, ran: "" });
  ok(here.path.length > 5, `${here.path.length}`);
  // A page that shares no memory is told what it lacks.
  await using other = serveFolder(folder.path, false);
  await tab.page.goto(`${other.origin}/page.html`);
  const there2 = { library: `${other.origin}/ffn.js`, base: other.origin, seed };
  const refusal = await tab.page.evaluate(growObject, there2).catch(String);
  match(`${refusal}`, /Cannot grow objects here: this page has no shared memory/);
  deepStrictEqual(tab.said, []);
});
