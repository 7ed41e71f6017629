/** The engine inside the page: a worker that floods a canvas while the page stays at hand. */
/// <reference lib="dom" />
import type { Zyx } from "../../geometry/vectors.ts";
import { canvasAt, type ViewDescription } from "../view_description.ts";
import { askServer } from "./ask_server.ts";
import { FloodCanvas } from "./flood_canvas.ts";
import type { FloodCommand, FloodMessage } from "./flood_messages.ts";
import { type FloodNetwork, openFloodNetwork } from "./flood_network.ts";

const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<FloodCommand>) => void;
  postMessage(event: FloodMessage, transfer?: Transferable[]): void;
};

class FloodWorker {
  readonly #base: string;
  readonly #view: ViewDescription;
  readonly #network: FloodNetwork;
  #canvas: FloodCanvas | null = null;

  private constructor(base: string, view: ViewDescription, network: FloodNetwork) {
    this.#base = base;
    this.#view = view;
    this.#network = network;
  }

  /** Opens the network, and the canvas at a position, so that the first click finds them ready. */
  static async open(base: string, position: Zyx): Promise<FloodWorker> {
    const view: ViewDescription = await (await askServer(`${base}view`)).json();
    const network = await openFloodNetwork(base, view.flood!);
    const worker = new FloodWorker(base, view, network);
    await worker.#canvasAt(position);
    const { description, notes } = network;
    tell({ type: "ready", description, notes });
    return worker;
  }

  async grow(start: Zyx, turn: number, signal: AbortSignal): Promise<void> {
    const canvas = await this.#canvasAt(start);
    tell({ type: "begun", start, canvas: canvas.box, turn });
    await canvas.grow(start, signal, (event) => tell({ ...event, turn }));
  }

  async accept(threshold: number): Promise<void> {
    const { id, voxels } = await this.#canvas!.accept(threshold);
    tell({ type: "accepted", id, voxels });
  }

  async refresh(): Promise<void> {
    await this.#canvas?.refresh();
  }

  async #canvasAt(position: Zyx): Promise<FloodCanvas> {
    const box = canvasAt(this.#view.image.size, position);
    if (`${this.#canvas?.box.start}` !== `${box.start}`) {
      // The old one first: two might not find the memory.
      this.#canvas = null;
      const { flood } = this.#view;
      this.#canvas = await FloodCanvas.open(this.#base, box, flood!, this.#network.predictor);
    }
    return this.#canvas!;
  }
}

function tell(event: FloodMessage): void {
  scope.postMessage(event, event.type === "grown" ? [event.prob.buffer] : []);
}

let opened: Promise<FloodWorker> | null = null;
/** Ends the object that is growing. */
let stop = new AbortController();
/** The last turn that was asked for, and the last one that was stopped, perhaps before it began. */
let asked = 0, stopped = 0;
/** Commands run one after the other; only stopping does not wait. */
let last: Promise<void> = Promise.resolve();

async function obey(command: FloodCommand): Promise<void> {
  if (command.type === "open") {
    opened = FloodWorker.open(command.base, command.position);
    await opened;
    return;
  }
  const worker = await opened!;
  if (command.type === "grow") {
    stop = new AbortController();
    if (command.turn <= stopped) stop.abort(new Error("stopped"));
    await worker.grow(command.start, command.turn, stop.signal);
  } else if (command.type === "accept") await worker.accept(command.threshold);
  else if (command.type === "refresh") await worker.refresh();
}

scope.onmessage = ({ data: command }) => {
  if (command.type === "stop") {
    stopped = asked;
    return stop.abort(new Error("stopped"));
  }
  if (command.type === "grow") asked = command.turn;
  last = last.then(() => obey(command)).catch((error: Error) => {
    tell({ type: "failed", message: error.message, isFinal: command.type === "open" });
  });
};
