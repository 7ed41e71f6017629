/** `ffn view` without a browser: the server, and the page's own flood on this side of it. */
import { startView, type ViewOptions } from "../../engine/commands/start_view.ts";
import type { Zyx } from "../../engine/geometry/vectors.ts";
import type { AcceptedObject } from "../../engine/viewers/accepted_object.ts";
import { FloodCanvas } from "../../engine/viewers/page/flood_canvas.ts";
import type { FloodEvent } from "../../engine/viewers/page/flood_messages.ts";
import { openFloodNetwork } from "../../engine/viewers/page/flood_network.ts";
import { canvasAt, type ViewDescription } from "../../engine/viewers/view_description.ts";

/** A view that is being served, and what its page can do. */
export interface OpenView extends AsyncDisposable {
  readonly url: string;
  readonly view: ViewDescription;
  /** Opens the canvas of a position, as a tab would. */
  canvas(position?: Zyx): Promise<FloodCanvas>;
  /** The accepted objects. */
  objects(): Promise<AcceptedObject[]>;
  /** Asks for something below the address. */
  get(path: string, init?: RequestInit): Promise<Response>;
}

/** Starts `ffn view` with these options. */
export async function openView(
  options: Partial<ViewOptions> & Pick<ViewOptions, "volume" | "output">,
): Promise<OpenView> {
  const defaults = { backend: "wasm", host: "127.0.0.1", port: 0 } as const;
  const running = await startView({ ...defaults, ...options }, { note: () => {} });
  const get = (path: string, init?: RequestInit) => fetch(`${running.url}${path}`, init);
  const view: ViewDescription = await (await get("view")).json();
  await using networks = new AsyncDisposableStack();
  networks.use(running);
  const opened = networks.move();
  return {
    url: running.url,
    view,
    get,
    async canvas(position = [0, 0, 0]) {
      const network = opened.use(await openFloodNetwork(running.url, view.flood!));
      const box = canvasAt(view.image.size, position);
      return await FloodCanvas.open(running.url, box, view.flood!, network.predictor);
    },
    objects: async () => await (await get("objects")).json(),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Grows an object; gives all that the page would be told of it. */
export async function grow(
  canvas: FloodCanvas,
  start: Zyx,
  signal: AbortSignal = new AbortController().signal,
): Promise<{ done: FloodEvent & { type: "done" }; events: FloodEvent[] }> {
  const events: FloodEvent[] = [];
  await canvas.grow(start, signal, (event) => events.push(event));
  return { done: events.at(-1) as FloodEvent & { type: "done" }, events };
}

/** Labels `[z, y, x]` of all accepted objects of a volume that is one canvas. */
export async function acceptedLabels(view: OpenView): Promise<Uint8Array> {
  const [nz, ny, nx] = view.view.image.size;
  const labels = new Uint8Array(nz * ny * nx);
  for (const { id, box: { start, size } } of await view.objects()) {
    const prob = await (await view.get(`objects/${id}`)).bytes();
    prob.forEach((byte, p) => {
      if (byte === 0) return;
      const z = Math.floor(p / (size[1] * size[2])), y = Math.floor(p / size[2]) % size[1];
      labels[((start[0] + z) * ny + start[1] + y) * nx + start[2] + p % size[2]] = id;
    });
  }
  return labels;
}
