/// <reference lib="dom" />
import type { Zyx } from "../../geometry/vectors.ts";
import type { AcceptedObject } from "../accepted_object.ts";
import { askServer } from "./ask_server.ts";
import { element, onButton, say } from "./elements.ts";

/** A place that somebody marked as belonging to one side of an object. */
export interface Mark {
  readonly position: Zyx;
  /** 0 or 1. */
  readonly side: number;
}

/** What splitting needs of the page around it. */
export interface SplitHost {
  /** The voxel under the cross-hair. */
  readonly position: Zyx;
  /** Label of the accepted object at a voxel; 0 where there is none. */
  labelAt(position: Zyx): number;
  /** Draws again: marks came or went. */
  redraw(): void;
}

/** Marks the two sides of an accepted object, and has it cut between them. */
export class SplitPanel {
  readonly #base: string;
  readonly #host: SplitHost;
  #object = 0;
  #marks: readonly Mark[] = [];

  /** @param base Address of the page. */
  constructor(base: string, host: SplitHost) {
    this.#base = base;
    this.#host = host;
    onButton("mark-one", "1", () => this.#mark(0));
    onButton("mark-other", "2", () => this.#mark(1));
    onButton("cut", "x", () => this.#cut());
  }

  get marks(): readonly Mark[] {
    return this.#marks;
  }

  /** Forgets the marks where their object is no more. */
  keepOnly(ids: readonly number[]): void {
    if (this.#marks.length > 0 && !ids.includes(this.#object)) this.#set(0, []);
  }

  #mark(side: number): void {
    const { position } = this.#host;
    const object = this.#host.labelAt(position);
    if (object === 0) {
      say("No accepted object is here: accept it first, then mark its sides");
      return;
    }
    const others = this.#marks.filter((mark) =>
      object === this.#object && `${mark.position}` !== `${position}`
    );
    this.#set(object, [...others, { position, side }]);
    say(`Marked side ${side + 1} of object ${object}. ${element("marks").textContent}`);
  }

  #set(object: number, marks: readonly Mark[]): void {
    this.#object = object;
    this.#marks = marks;
    const [one, other] = [0, 1].map((side) => marks.filter((mark) => mark.side === side).length);
    const isReady = one > 0 && other > 0;
    element("marks").textContent = object === 0
      ? "Mark both sides of a merged object at the cross-hair, then cut it."
      : `Object ${object}: ${one} and ${other} marks` +
        (isReady ? ", X cuts it between them." : ", mark the other side too.");
    element<HTMLButtonElement>("cut").disabled = !isReady;
    this.#host.redraw();
  }

  async #cut(): Promise<void> {
    element<HTMLButtonElement>("cut").disabled = true;
    const sides = [0, 1].map((side) =>
      this.#marks.filter((mark) => mark.side === side).map(({ position }) => position)
    );
    const object = this.#object;
    const init = { method: "POST", body: JSON.stringify(sides) };
    try {
      const response = await askServer(`${this.#base}objects/${object}/split`, init);
      const parts: AcceptedObject[] = await response.json();
      const [one, other] = parts.map(({ id, voxels }) => `${id} (${voxels} voxels)`);
      say(`Object ${object} is cut into ${one} and ${other}. U joins them again.`);
      this.#set(0, []);
    } catch (error) {
      say((error as Error).message);
      this.#set(object, this.#marks);
    }
  }
}
