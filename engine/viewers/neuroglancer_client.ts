/**
 * Serves Neuroglancer's own client, as its Python package carries it. The client asks for its state through the protocol of
 * that package: `/v/TOKEN/` is the page, `/events/TOKEN` a stream with configuration and state, and it reports what is
 * changed in it to `/state/TOKEN`.
 */
import { extname, join, normalize } from "node:path";
import { NotFoundError } from "../errors/errors.ts";
import { rangeResponse } from "./range_response.ts";

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".wasm": "application/wasm",
};

/** What the client shows beside the volumes. */
export interface ClientConfig {
  readonly showUIControls: boolean;
  readonly showPanelBorders: boolean;
}

/** @throws {NotFoundError} when a folder does not hold a built client. */
export async function checkClient(folder: string): Promise<void> {
  if (await Deno.stat(join(folder, "index.html")).then((s) => s.isFile, () => false)) return;
  throw new NotFoundError(
    `Cannot serve the viewer of "${folder}": it has no index.html; name the folder of a built client, as neuroglancer/static/client of the Python package, or an address`,
  );
}

/**
 * Answers what the client asks for; null where a request is none of its.
 *
 * @param stateOf State by token.
 * @param signal Ends the streams, which otherwise stay open.
 */
export function clientHandler(
  folder: string,
  config: ClientConfig,
  stateOf: (token: string) => unknown,
  signal: AbortSignal,
): (request: Request) => Promise<Response | null> {
  return async (request) => {
    const { pathname } = new URL(request.url);
    const [, kind, token, ...rest] = pathname.split("/").map(decodeURIComponent);
    if (kind === "v") return await fileAt(folder, rest.join("/") || "index.html", request);
    if (kind === "events") return events(config, stateOf(token), signal);
    if (kind === "state") {
      const { c, g } = await request.json();
      return Response.json({ g: `${c}/${g}` });
    }
    return kind === "action" ? new Response() : null;
  };
}

/** Configuration and state, then silence. */
function events(config: ClientConfig, state: unknown, signal: AbortSignal): Response {
  const text = [{ k: "c", s: config, g: "srv/1" }, { k: "s", s: state, g: "srv/1" }]
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

/** A file below a folder, to pages of any origin; one that is only there as `.gz` is sent packed. */
export async function fileAt(folder: string, path: string, request: Request): Promise<Response> {
  const headers = new Headers({ "access-control-allow-origin": "*" });
  const read = (name: string) =>
    Deno.readFile(join(folder, normalize(`/${name}`))).catch((error) => {
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
  return rangeResponse(request, bytes, headers);
}
