/// <reference lib="dom" />
import { addZyx, type Zyx } from "../../geometry/vectors.ts";
import { quantiseProbability } from "../../segmentation/quantisation.ts";
import { labelColour } from "../label_colour.ts";
import { SparseLabels } from "../sparse_labels.ts";
import type { FloodDescription } from "../view_description.ts";
import { AcceptedObjects, rootsOf } from "./accepted_objects.ts";
import { askServer } from "./ask_server.ts";
import { continuationCommands } from "./continuation.ts";
import { element, onButton, onKey, onSlide, remark, say } from "./elements.ts";
import type { FloodCommand, FloodEvent, FloodMessage } from "./flood_messages.ts";
import { GrowingObject } from "./growing_object.ts";
import { type Mark, SplitPanel } from "./split_panel.ts";
import { UnfinishedSeed } from "./unfinished_seed.ts";
import type { WeakPlace } from "./weak_places.ts";

/** What the panel asks of the page around it. */
export interface FloodHost {
  /** The voxel under the cross-hair. */
  readonly position: Zyx;
  /** Shows a place. */
  visit(position: Zyx): void;
  /** Draws again: everything that is shown of objects may have changed. */
  redraw(): void;
}

/** `opening`: no click is answered yet; `grown`: an object waits to be accepted. */
type FloodState = "opening" | "ready" | "growing" | "grown" | "absent";

/** Grows objects in a worker and keeps the accepted ones: the part of the page for requests. */
export class FloodPanel {
  readonly accepted = new SparseLabels();
  growing: GrowingObject | null = null;
  /** Of accepted objects that go on from one of another canvas: the first of all. */
  roots: ReadonlyMap<number, number> = new Map();
  showsUncertainty = false;
  readonly #base: string;
  readonly #host: FloodHost;
  readonly #worker: Worker;
  readonly #objects: AcceptedObjects;
  readonly #split: SplitPanel;
  readonly #unfinished: UnfinishedSeed;
  /** Folder of the objects, and size of the volume. */
  readonly #place: readonly [folder: string, size: Zyx];
  #threshold: number;
  #weak: readonly WeakPlace[] = [];
  #visited = -1;
  #isConnected = true;
  /** Objects that were asked to grow in this tab. */
  #turn = 0;

  constructor(base: string, flood: FloodDescription, host: FloodHost) {
    this.#base = base;
    this.#host = host;
    this.#threshold = flood.options.segmentThreshold;
    this.#unfinished = new UnfinishedSeed(base, (error) => say(error.message));
    this.#place = [flood.folder, flood.size];
    const inVolume = ({ corner, box }: { corner: Zyx; box: { start: Zyx; size: Zyx } }) => ({
      start: addZyx(corner, box.start),
      size: box.size,
    });
    this.#objects = new AcceptedObjects(base, {
      add: (object, prob) => void this.accepted.add(inVolume(object), prob, object.id),
      remove: (object) => this.accepted.remove(inVolume(object), object.id),
    });
    this.#worker = new Worker(`${base}flood_worker.js`, { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<FloodMessage>) => this.#onEvent(data);
    this.#worker.onerror = (event) => this.#fail(event.message, true);
    const { accepted } = this;
    this.#split = new SplitPanel(base, {
      get position() {
        return host.position;
      },
      labelAt: ([z, y, x]) => accepted.at(z, y, x),
      redraw: () => host.redraw(),
    });
    element("flood").hidden = false;
    this.#setState("opening");
    this.#listen();
  }

  /** Byte from which a voxel belongs to the growing object. */
  get threshold(): number {
    return quantiseProbability(this.#threshold);
  }

  /** Marks of the sides of an object that is to be cut. */
  get marks(): readonly Mark[] {
    return this.#split.marks;
  }

  /** Loads network and canvas, and what was accepted before. */
  async start(): Promise<void> {
    const left = await this.#unfinished.left();
    for (const [z, y, x] of left) {
      remark(
        `The object from z ${z}, y ${y}, x ${x} was neither accepted nor dropped: G there grows it again`,
      );
    }
    if (left.length > 0) this.#host.visit(left[0]);
    this.#tell({ type: "open", base: this.#base, position: this.#host.position });
    const changes = new EventSource(`${this.#base}events?tab=${this.#unfinished.tab}`);
    changes.onmessage = ({ data }) => this.#onChange(JSON.parse(data));
    changes.onerror = () => this.#onLoss();
    await this.#refresh();
  }

  /** Grows an object from a voxel; one that was not accepted is gone. */
  grow(start: Zyx): void {
    if (this.#state === "absent") return;
    if (this.#state === "growing") this.#tell({ type: "stop" });
    this.growing = null;
    this.#weak = [];
    this.#showWeak(-1);
    this.#setState("growing");
    say(`Growing from z ${start[0]}, y ${start[1]}, x ${start[2]}`);
    this.#unfinished.begin(start);
    this.#tell({ type: "grow", start, turn: ++this.#turn });
  }

  get #state(): FloodState {
    return document.documentElement.dataset.flood as FloodState;
  }

  #setState(state: FloodState): void {
    // Styles and tests look at it too.
    document.documentElement.dataset.flood = state;
    const enable = (id: string, isOn: boolean) => element<HTMLButtonElement>(id).disabled = !isOn;
    enable("grow", state !== "absent");
    enable("stop", state === "growing");
    enable("accept", state === "grown");
    enable("undo", state === "growing" || state === "grown" || this.#objects.list.length > 0);
  }

  #tell(command: FloodCommand): void {
    this.#worker.postMessage(command);
  }

  #onEvent(event: FloodMessage): void {
    // Of an object that was left for another one.
    if (event.turn !== undefined && event.turn !== this.#turn) return;
    switch (event.type) {
      case "ready":
        for (const note of event.notes) remark(note);
        remark(`The network runs here: ${event.description}`);
        if (this.#state === "opening") this.#setState("ready");
        break;
      case "begun":
        this.growing = new GrowingObject(event.start, event.canvas);
        break;
      case "grown":
        if (this.#state !== "growing") return;
        this.growing!.grow(event.box, event.prob, event.path, event.steps);
        document.documentElement.dataset.steps = String(event.steps);
        element("object").textContent = `${event.steps} fields of view`;
        this.#host.redraw();
        break;
      case "done":
        this.#onDone(event);
        break;
      case "accepted":
        this.growing = null;
        this.#unfinished.end();
        this.#setState("ready");
        say(`Object ${event.id} accepted: ${event.voxels} voxels`);
        this.#host.redraw();
        break;
      case "failed":
        this.#fail(event.message, event.isFinal);
    }
  }

  #onDone({ steps, seconds, voxels, remark, weak }: FloodEvent & { type: "done" }): void {
    if (this.#state !== "growing") return;
    const grown = steps > 0;
    this.#setState(grown ? "grown" : "ready");
    if (!grown) this.#unfinished.end();
    // Where it came from, it is accepted already.
    this.#weak = weak.filter(({ isExit, position }) =>
      !isExit || this.accepted.at(...position) === 0
    );
    const goesOn = this.#weak.some(({ isExit }) => isExit);
    const text = `${voxels} voxels, ${steps} fields of view in ${seconds.toFixed(1)} s` +
      (remark === null ? "" : `; ${remark}`) +
      (goesOn ? "; it goes on beyond its canvas, N shows where" : "");
    element("object").textContent = text;
    say(grown ? `Grown: ${text}. A accepts it, U drops it.` : `Nothing grew: ${remark}`);
    this.#showWeak(-1);
    this.#host.redraw();
  }

  #fail(message: string, isFinal: boolean): void {
    say(message);
    if (isFinal) remark(message);
    this.#setState(isFinal ? "absent" : this.growing === null ? "ready" : "grown");
  }

  /** Said once: the browser tries again every few seconds. */
  #onLoss(): void {
    if (!this.#isConnected) return;
    this.#isConnected = false;
    say(
      "The connection to ffn view is lost. What was accepted is kept: where it has ended, start it again with the same --output",
    );
  }

  #onChange(event: string): void {
    if (event === "open") {
      if (this.#isConnected) return;
      this.#isConnected = true;
      say("Connected to ffn view again");
      // What happened meanwhile, nobody told this page.
      this.#onChange("objects");
    } else if (event === "objects") {
      this.#tell({ type: "refresh" });
      this.#refresh().catch((error: Error) => say(error.message));
    } else if (event === "saved") {
      document.documentElement.dataset.saved = String(Date.now());
    } else if (event.startsWith("failed ")) {
      say(event.slice("failed ".length));
    }
  }

  async #refresh(): Promise<void> {
    await this.#objects.refresh();
    const list = element("objects");
    this.roots = rootsOf(this.#objects.list);
    list.replaceChildren(...this.#objects.list.map(({ id, corner, start, voxels }) => {
      const item = document.createElement("li"), button = document.createElement("button");
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = `rgb(${
        labelColour(this.roots.get(id) ?? id).map(Math.round).join(" ")
      })`;
      button.type = "button";
      const root = this.roots.get(id);
      button.textContent = `Object ${id}${
        root === undefined ? "" : `, part of ${root}`
      }: ${voxels} voxels`;
      button.addEventListener("click", () => this.#host.visit(addZyx(corner, start)));
      item.append(swatch, button);
      return item;
    }));
    const commands = continuationCommands(...this.#place, this.#objects.list);
    element("commands").textContent = commands.join("\n");
    element("continuation").hidden = commands.length === 0;
    this.#split.keepOnly(this.#objects.list.map(({ id }) => id));
    document.documentElement.dataset.objects = String(this.#objects.list.length);
    this.#setState(this.#state);
    this.#host.redraw();
  }

  #undo(): void {
    if (this.#state === "growing" || this.#state === "grown") {
      this.#tell({ type: "stop" });
      this.#unfinished.end();
      this.growing = null;
      this.#weak = [];
      this.#showWeak(-1);
      this.#setState("ready");
      element("object").textContent = "Dropped";
      say("Dropped the object that was not accepted");
      this.#host.redraw();
      return;
    }
    const last = this.#objects.list.at(-1);
    if (last === undefined) return;
    const { id, splitFrom } = last;
    const done = splitFrom === null
      ? `Took back object ${id}`
      : `Object ${splitFrom} is whole again`;
    this.#ask(`objects/${id}`, "DELETE", done);
  }

  /** Asks the server to change something. */
  async #ask(path: string, method: string, done: string): Promise<void> {
    await askServer(`${this.#base}${path}`, { method })
      .then(() => say(done), (error: Error) => say(error.message));
  }

  /** Shows weak place `index`; none for -1. */
  #showWeak(index: number): void {
    this.#visited = index;
    const place = this.#weak[index];
    const count = `${this.#weak.length} place${this.#weak.length === 1 ? "" : "s"}`;
    element("weak").textContent = place === undefined
      ? (this.#weak.length === 0 ? "None" : `${count} to look at`)
      : `${index + 1} of ${this.#weak.length}: ${place.reason}`;
    for (const id of ["previous", "next"]) {
      element<HTMLButtonElement>(id).disabled = this.#weak.length === 0;
    }
    if (place === undefined) return;
    this.#host.visit(place.position);
    say(`Weak place ${index + 1} of ${this.#weak.length}: ${place.reason}`);
  }

  #listen(): void {
    const turn = (by: number) => {
      const count = this.#weak.length;
      this.#showWeak(
        this.#visited < 0 && by < 0 ? count - 1 : (this.#visited + by + count) % count,
      );
    };
    onButton("grow", "g", () => this.grow(this.#host.position));
    onButton("stop", "Escape", () => this.#tell({ type: "stop" }));
    onButton("accept", "a", () => {
      element<HTMLButtonElement>("accept").disabled = true;
      this.#tell({ type: "accept", threshold: this.#threshold });
    });
    onButton("undo", "u", () => this.#undo());
    onButton("next", "n", () => turn(1));
    onButton("previous", "p", () => turn(-1));
    onButton("save", "s", () => this.#ask("save", "POST", "Saved"));
    const show = () => element("threshold-value").textContent = this.#threshold.toFixed(2);
    onSlide("threshold", (value) => {
      this.#threshold = value;
      show();
      this.#host.redraw();
    }).valueAsNumber = this.#threshold;
    show();
    const uncertainty = element<HTMLInputElement>("uncertainty");
    const showUncertainty = () => {
      this.showsUncertainty = uncertainty.checked;
      this.#host.redraw();
    };
    uncertainty.addEventListener("change", showUncertainty);
    onKey("m", () => {
      uncertainty.checked = !uncertainty.checked;
      showUncertainty();
    });
  }
}
