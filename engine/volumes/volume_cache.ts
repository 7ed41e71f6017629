import type { DecoratedVolume } from "../formats/protobuf/masks.ts";
import { open, type OpenOptions } from "./open.ts";
import type { Volume } from "./volume.ts";

/** Volumes opened once however often they are asked for, and closed together. */
export class VolumeCache implements AsyncDisposable {
  readonly #options: OpenOptions;
  readonly #volumes = new Map<string, Promise<Volume>>();

  /** @param options How volumes are opened. */
  constructor(options: OpenOptions = {}) {
    this.#options = options;
  }

  /** Opens a volume, or gives the one opened before under the same name. */
  open(volume: string | DecoratedVolume): Promise<Volume> {
    const key = JSON.stringify(volume);
    let opened = this.#volumes.get(key);
    if (opened === undefined) {
      opened = open(volume, this.#options);
      this.#volumes.set(key, opened);
    }
    return opened;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await Promise.allSettled(this.#volumes.values());
    this.#volumes.clear();
    for (const result of opened) {
      if (result.status === "fulfilled") await result.value[Symbol.asyncDispose]();
    }
  }
}
