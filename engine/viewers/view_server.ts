import { NotFoundError } from "../errors/errors.ts";
import type { Box } from "../geometry/box.ts";
import type { Zyx } from "../geometry/vectors.ts";
import type { CanvasSession } from "./canvas_session.ts";
import type { FloodSource } from "./flood_source.ts";
import type { UnfinishedSeeds } from "./unfinished_seeds.ts";
import { notServed, PAGE_HEADERS as HEADERS, readOwnFile } from "./page_files.ts";
import { canvasWithCorner, type ViewDescription } from "./view_description.ts";

/** What a page can ask for. */
export interface ViewSource {
  readonly view: ViewDescription;
  /** Scripts by name; may still be in the making. */
  readonly scripts: Promise<ReadonlyMap<string, Uint8Array<ArrayBuffer>>>;
  /** Answers for chunks of volumes. */
  readonly volumes: (request: Request) => Promise<Response>;
  /** Null where the volume is only looked at. */
  readonly flood: {
    readonly source: FloodSource;
    readonly session: CanvasSession;
    readonly unfinished: UnfinishedSeeds;
  } | null;
  /** Adds a listener to events of the session; returns how to take it away. */
  subscribe(listener: (event: string) => void): () => void;
}

const STATIC: Readonly<Record<string, string>> = {
  "": "text/html; charset=utf-8",
  "page.css": "text/css; charset=utf-8",
};

/** Answers the requests of the page of `ffn view`, below `/TOKEN/`. */
export function viewHandler(
  token: string,
  source: ViewSource,
): (request: Request) => Promise<Response> {
  return async (request) => {
    const path = new URL(request.url).pathname.slice(token.length + 2);
    if (path.startsWith("data/")) return await source.volumes(request);
    try {
      return await answer(request, path, source);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const isRefusal = error instanceof RangeError || error instanceof SyntaxError ||
        error instanceof TypeError;
      const status = error instanceof NotFoundError ? 404 : isRefusal ? 400 : 500;
      return new Response(`${error.message}\n`, { status, headers: HEADERS });
    }
  };
}

async function answer(request: Request, path: string, source: ViewSource): Promise<Response> {
  const { view, scripts, flood } = source;
  const bytes = (body: BodyInit, type = "application/octet-stream") =>
    new Response(body, { headers: { ...HEADERS, "content-type": type } });
  const json = (value: unknown) => Response.json(value, { headers: HEADERS });
  if (request.method === "POST" || request.method === "DELETE") {
    return json(await change(request, path, source));
  }
  if (Object.hasOwn(STATIC, path)) {
    const name = path || "page.html";
    return bytes(await readOwnFile(new URL(`./page/${name}`, import.meta.url)), STATIC[path]);
  }
  if (/^build\/\w+\.wasm$/.test(path)) {
    const module = new URL(`../../wasm/${path}`, import.meta.url);
    return bytes(await readOwnFile(module), "application/wasm");
  }
  if (path === "view") return json(view);
  if (path === "events") return events(source, new URL(request.url).searchParams.get("tab"));
  const script = (await scripts).get(path);
  if (script !== undefined) return bytes(script, "text/javascript; charset=utf-8");
  if (flood === null) throw notServed(path);
  if (path === "objects") return json(flood.session.objects);
  if (path === "unfinished") return json(flood.unfinished.left);
  const [, id] = /^objects\/(\d+)$/.exec(path) ?? [];
  if (id !== undefined) return bytes(await flood.session.prob(Number(id)) as BodyInit);
  if (path === "network") return bytes(await flood.source.variables());
  const [, corner, part] = /^canvas\/(\d+,\d+,\d+)\/(image|mask|labels)$/.exec(path) ?? [];
  if (corner === undefined) throw notServed(path);
  return bytes(await flood.source.canvas(canvasAt(view, corner), part as "image"));
}

/** What changes something; answers with what became of it. */
async function change(request: Request, path: string, { flood }: ViewSource): Promise<unknown> {
  if (flood === null) throw notServed(path);
  if (request.method === "POST" && path === "objects") {
    return await flood.session.accept(await request.bytes());
  }
  const [, id, act] = /^objects\/(\d+)(\/split)?$/.exec(path) ?? [];
  if (request.method === "POST" && act !== undefined) {
    return await flood.session.split(Number(id), await request.json());
  }
  if (request.method === "DELETE" && id !== undefined && act === undefined) {
    await flood.session.remove(Number(id));
    return {};
  }
  const [, tab] = /^unfinished\/([\w-]{1,64})$/.exec(path) ?? [];
  if (tab !== undefined) {
    if (request.method === "POST") await flood.unfinished.begin(tab, await request.json());
    else await flood.unfinished.end(tab);
    return {};
  }
  if (request.method === "POST" && path === "save") {
    await flood.session.save();
    return {};
  }
  throw notServed(path);
}

function canvasAt({ image }: ViewDescription, corner: string): Box {
  const canvas = canvasWithCorner(image.size, corner.split(",").map(Number) as unknown as Zyx);
  if (canvas !== null) return canvas;
  throw new NotFoundError(`Cannot find the canvas at zyx (${corner})`);
}

/** A stream that tells of changes while the page is open; `tab` is the page's name, null where it has none. */
function events({ subscribe, flood }: ViewSource, tab: string | null): Response {
  let close = () => {};
  const body = new ReadableStream({
    start(controller) {
      const send = (event: string) =>
        controller.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(event)}\n\n`));
      // So that the page knows the stream is open before anything happens.
      send("open");
      const unsubscribe = subscribe(send);
      const leave = tab === null ? null : flood?.unfinished.openTab(tab);
      close = () => {
        unsubscribe();
        leave?.();
      };
    },
    cancel: () => close(),
  });
  return new Response(body, { headers: { ...HEADERS, "content-type": "text/event-stream" } });
}
