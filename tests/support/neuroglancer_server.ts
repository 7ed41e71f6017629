/**
 * Serves Neuroglancer's own client, as its Python package carries it, and files for it to read. The client asks for its
 * state through the protocol of that package (`spec/components.md` §4): an event stream gives it configuration and state.
 */
import { extname, join, normalize } from "node:path";

/** A running server. */
export interface NeuroglancerServer extends AsyncDisposable {
  /** Where the files of the data folder are, for the sources of layers. */
  readonly data: string;
  /** Address of a viewer that shows a state. */
  show(state: unknown): string;
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".wasm": "application/wasm",
};

/** No buttons and bars above the picture. */
const CONFIG = { showUIControls: false, showPanelBorders: false };

/**
 * @param client Folder of the built client.
 * @param data Folder that is served under `data`, with ranges, to pages of any origin.
 */
export function serveNeuroglancer(client: string, data: string): NeuroglancerServer {
  const states: unknown[] = [];
  const stop = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen: () => {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      const [, kind, token, ...rest] = pathname.split("/").map(decodeURIComponent);
      if (kind === "v") return await fileAt(client, rest.join("/") || "index.html", request);
      if (kind === "data") return await fileAt(data, [token, ...rest].join("/"), request);
      if (kind === "events") return events(states[Number(token)], stop.signal);
      if (kind === "state") {
        const { c, g } = await request.json();
        return Response.json({ g: `${c}/${g}` });
      }
      if (kind === "action") return new Response();
      return new Response(null, { status: 404 });
    },
  );
  const origin = `http://127.0.0.1:${server.addr.port}`;
  return {
    data: `${origin}/data`,
    show: (state) => `${origin}/v/${states.push(state) - 1}/`,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await server.finished;
    },
  };
}

/** Configuration and state, then silence. */
function events(state: unknown, signal: AbortSignal): Response {
  const text = [{ k: "c", s: CONFIG, g: "srv/1" }, { k: "s", s: state, g: "srv/1" }]
    .map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
  const hangUp = new AbortController();
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      signal.addEventListener("abort", () => controller.close(), { signal: hangUp.signal });
    },
    cancel: () => hangUp.abort(),
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

/** A file, or the part of it that is asked for; one that is only there as `.gz` is sent packed. */
async function fileAt(root: string, path: string, request: Request): Promise<Response> {
  const headers = new Headers({ "access-control-allow-origin": "*" });
  const read = (name: string) =>
    Deno.readFile(join(root, normalize(`/${name}`))).catch((error) => {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.IsADirectory) {
        return null;
      }
      throw error;
    });
  let bytes = await read(path);
  if (bytes === null) {
    bytes = await read(`${path}.gz`);
    headers.set("content-encoding", "gzip");
  }
  if (bytes === null) return new Response(null, { status: 404, headers });
  headers.set("content-type", CONTENT_TYPES[extname(path)] ?? "application/octet-stream");
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.get("range") ?? "") ?? [];
  if (first === undefined) return new Response(bytes, { headers });
  const start = first === "" ? Math.max(0, bytes.length - Number(last)) : Number(first);
  const end = first === "" || last === "" ? bytes.length : Math.min(bytes.length, Number(last) + 1);
  headers.set("content-range", `bytes ${start}-${end - 1}/${bytes.length}`);
  return new Response(bytes.subarray(start, end), { status: 206, headers });
}
