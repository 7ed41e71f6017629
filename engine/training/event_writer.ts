import { hostname } from "node:os";
import { join } from "node:path";
import {
  encodeEvent,
  type Event,
  EVENT_FILE_VERSION,
  eventFileName,
  histogramOf,
  type SummaryValue,
} from "../formats/event_file.ts";

/** Appends events to a file that TensorBoard reads while it grows. */
export class EventWriter implements Disposable {
  readonly path: string;
  readonly #file: Deno.FsFile;

  private constructor(path: string, file: Deno.FsFile) {
    this.path = path;
    this.#file = file;
  }

  /** Starts a file in `folder`, which is made where it does not exist. */
  static async open(folder: string): Promise<EventWriter> {
    await Deno.mkdir(folder, { recursive: true });
    const name = eventFileName(Date.now() / 1000, hostname());
    for (let i = 0;; i++) {
      const path = join(folder, i === 0 ? name : `${name}.${i}`);
      try {
        const writer = new EventWriter(
          path,
          await Deno.open(path, { write: true, createNew: true }),
        );
        await writer.write({ fileVersion: EVENT_FILE_VERSION });
        return writer;
      } catch (error) {
        // Two runs may begin in one second.
        if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      }
    }
  }

  /** Appends one event; it has reached the system when this returns. */
  async write(event: Omit<Event, "wallTime">): Promise<void> {
    const bytes = encodeEvent({ wallTime: Date.now() / 1000, ...event });
    try {
      for (let done = 0; done < bytes.length;) done += await this.#file.write(bytes.subarray(done));
    } catch (error) {
      if (error instanceof Error) error.message = `Cannot write "${this.path}": ${error.message}`;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/** Histograms of arrays by name, each tagged `<prefix><name>`. */
export function histograms(
  arrays: ReadonlyMap<string, Float32Array>,
  prefix: string,
  clip = Infinity,
): SummaryValue[] {
  return [...arrays].map(([name, data]) => ({
    tag: prefix + name,
    histogram: histogramOf(
      clip === Infinity ? data : data.map((v) => Math.min(Math.max(v, -clip), clip)),
    ),
  }));
}
