/** Serves Neuroglancer's own client, and files for it to read. */
import { clientHandler, fileAt } from "../../engine/viewers/neuroglancer_client.ts";

/** A running server. */
export interface NeuroglancerServer extends AsyncDisposable {
  /** Where the files of the data folder are, for the sources of layers. */
  readonly data: string;
  /** Address of a viewer that shows a state. */
  show(state: unknown): string;
}

/** No buttons and bars above the picture. */
const CONFIG = { showUIControls: false, showPanelBorders: false };

/**
 * @param client Folder of the built client.
 * @param data Folder that is served under `data`, with ranges, to pages of any origin.
 */
export function serveNeuroglancer(client: string, data: string): NeuroglancerServer {
  const states: unknown[] = [];
  const stop = new AbortController();
  const viewer = clientHandler(client, CONFIG, (token) => states[Number(token)], stop.signal);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, signal: stop.signal, onListen: () => {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      const [, kind, ...rest] = pathname.split("/").map(decodeURIComponent);
      if (kind === "data") return await fileAt(data, rest.join("/"), request);
      return await viewer(request) ?? new Response(null, { status: 404 });
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
