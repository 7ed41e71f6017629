/** The library in somebody else's page: nothing of `ffn view` is there. */
/// <reference lib="dom" />
import { deepStrictEqual, match, ok, rejects } from "node:assert/strict";
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
import { openTab, SOFTWARE_WEBGPU } from "../support/view_tab.ts";

/** What a page gets from one click. */
interface Grown {
  readonly path: Zyx[];
  /** SHA-256 of the object map `[z, y, x]`. */
  readonly hash: string;
  readonly size: Zyx;
  readonly ran: string;
}

/** What a page is told to do. */
interface Wanted {
  /** Address of the library, and of the folder with everything else. */
  readonly library: string;
  readonly base: string;
  readonly seed: Zyx;
  readonly backend: "wasm" | "webgpu";
  /** Fields of view after which it stops. */
  readonly most: number;
}

/** Grows an object as a page would; its text is run in the browser, so that it refers to nothing outside of itself. */
async function growObject(
  { library, base, seed, backend, most }: Wanted,
): Promise<Grown> {
  const ffn: typeof import("../../browser.ts") = await import(library);
  const text = await (await fetch(`${base}/request.pbtxt`)).text();
  await using flood = await ffn.openPageFlood({
    request: ffn.resolveRequest(ffn.parseInferenceRequest(text)),
    image: await ffn.open(`${base}/tissue.zarr`),
    checkpoint: await ffn.openCheckpoint(`${base}/model.ckpt`),
    backend,
  });
  const path: Zyx[] = [];
  const stop = new AbortController();
  const onStep = (position: Zyx) => {
    if (path.push(position) === most) stop.abort("enough");
  };
  await flood.canvas.segmentAt(seed, { onStep, signal: stop.signal }).catch((reason) => {
    if (reason !== "enough") throw reason;
  });
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
  await using tab = await openTab(SOFTWARE_WEBGPU);
  await using served = serveFolder(folder.path, true);
  const wanted = { seed: middle, backend: "wasm", most: 1000 } as const;
  const inPage = async (origin: string, more: Partial<Wanted> = {}) => {
    await tab.page.goto(`${origin}/page.html`);
    const options = { ...wanted, library: `${origin}/ffn.js`, base: origin, ...more };
    return await tab.page.evaluate(growObject, options);
  };
  const there = await inPage(served.origin);
  const library = import.meta.resolve("../../browser.ts");
  const here = await growObject({ ...wanted, library, base: served.origin });
  match(there.ran, /^WebAssembly, \d+ threads?$/);
  deepStrictEqual({ ...there, ran: "" }, { ...here, ran: "" });
  ok(here.path.length > 10, `${here.path.length}`);
  // A page that shares no memory is told what it lacks, and needs none where there is WebGPU.
  await using other = serveFolder(folder.path, false);
  await rejects(inPage(other.origin), /Cannot grow objects here: this page has no shared memory/);
  const onGpu = await inPage(other.origin, { backend: "webgpu", most: 3 });
  match(onGpu.ran, /WebGPU on .*swiftshader/i);
  deepStrictEqual(onGpu.path.slice(0, 3), here.path.slice(0, 3));
  deepStrictEqual(tab.said, []);
});
