import type { Zyx } from "../../geometry/vectors.ts";
import { askServer } from "./ask_server.ts";

/** Has the server remember the seed of the object that grows in this tab, so that a closed tab loses none. */
export class UnfinishedSeed {
  /** Name of this tab, until it is loaded anew. */
  readonly tab: string = crypto.randomUUID();
  readonly #base: string;
  readonly #onFailure: (error: Error) => void;
  /** One note after the other, as they were made. */
  #last: Promise<void> = Promise.resolve();

  /** @param base Address of the page. */
  constructor(base: string, onFailure: (error: Error) => void) {
    this.#base = base;
    this.#onFailure = onFailure;
  }

  /** Seeds of tabs that were closed. */
  async left(): Promise<Zyx[]> {
    return await (await askServer(`${this.#base}unfinished`)).json();
  }

  /** An object grows from `seed`. */
  begin(seed: Zyx): void {
    this.#tell({ method: "POST", body: JSON.stringify(seed) });
  }

  /** It is accepted, or dropped. */
  end(): void {
    this.#tell({ method: "DELETE" });
  }

  #tell(init: RequestInit): void {
    this.#last = this.#last
      .then(async () => void await askServer(`${this.#base}unfinished/${this.tab}`, init))
      .catch(this.#onFailure);
  }
}
