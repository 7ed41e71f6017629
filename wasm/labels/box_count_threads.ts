import { KernelError } from "../../engine/errors/errors.ts";

/** Sent to a thread once; any later message asks it to run. */
interface ThreadStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly frame: number;
  readonly scratch: number;
}

/** The whole program of a thread; its source text is what the worker is made of, so it refers to nothing outside. */
function threadMain(): void {
  const scope = globalThis as unknown as {
    onmessage: ((event: MessageEvent<ThreadStart | null>) => void) | null;
    postMessage(failure: string | null): void;
  };
  let run: (() => void) | null = null;
  scope.onmessage = async ({ data }) => {
    try {
      if (run) run();
      else {
        const { module, memory, frame, scratch } = data!;
        const instance = await WebAssembly.instantiate(module, { env: { memory } });
        const count = instance.exports.count_boxes as (frame: number, scratch: number) => void;
        run = () => count(frame, scratch);
      }
      scope.postMessage(null);
    } catch (error) {
      scope.postMessage(String(error));
    }
  };
}

/** Threads that count boxes together: each takes the next task until none is left. */
export class BoxCountThreads implements Disposable {
  /** Address of the frame that all of them read. */
  readonly frame: number;
  readonly #workers: readonly Worker[];

  private constructor(frame: number, workers: readonly Worker[]) {
    this.frame = frame;
    this.#workers = workers;
  }

  /** @param scratch Address of each thread's own memory. */
  static async open(
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    frame: number,
    scratch: readonly number[],
  ): Promise<BoxCountThreads> {
    const source = new Blob([`(${threadMain.toString()})()`], { type: "text/javascript" });
    const url = URL.createObjectURL(source);
    const workers = scratch.map(() => new Worker(url, { type: "module" }));
    const threads = new BoxCountThreads(frame, workers);
    try {
      await threads.#ask((i): ThreadStart => ({ module, memory, frame, scratch: scratch[i] }));
      return threads;
    } catch (error) {
      threads[Symbol.dispose]();
      throw error;
    } finally {
      URL.revokeObjectURL(url);
    }
  }

  /** Runs the tasks of the frame. */
  run(): Promise<void> {
    return this.#ask(() => null);
  }

  [Symbol.dispose](): void {
    for (const worker of this.#workers) worker.terminate();
  }

  async #ask(message: (thread: number) => ThreadStart | null): Promise<void> {
    await Promise.all(this.#workers.map((worker, i) =>
      new Promise<void>((resolve, reject) => {
        const fail = (reason: string) =>
          reject(
            new KernelError(`Cannot count boxes: ${reason}`, { label: "labels_box_counts.wasm" }),
          );
        worker.onmessage = ({ data }: MessageEvent<string | null>) =>
          data === null ? resolve() : fail(data);
        worker.onerror = (event) => {
          event.preventDefault();
          fail(event.message);
        };
        worker.postMessage(message(i));
      })
    ));
  }
}
