import { KernelError } from "../../engine/errors/errors.ts";

/** Sent to a thread once. */
interface ThreadStart {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
}

/** Sent to a thread any number of times: call this export. */
interface ThreadCall {
  readonly name: string;
  readonly arguments: readonly number[];
}

/** The whole program of a thread; its source text is what the worker is made of, so it refers to nothing outside. */
function threadMain(): void {
  type Kernel = Record<string, (...args: readonly number[]) => void>;
  const scope = globalThis as unknown as {
    onmessage: ((event: MessageEvent<ThreadStart | ThreadCall>) => void) | null;
    postMessage(failure: string | null): void;
  };
  let kernel: Kernel = {};
  scope.onmessage = async ({ data }) => {
    try {
      if ("module" in data) {
        const { module, memory } = data;
        kernel = (await WebAssembly.instantiate(module, { env: { memory } })).exports as Kernel;
      } else kernel[data.name](...data.arguments);
      scope.postMessage(null);
    } catch (error) {
      scope.postMessage(String(error));
    }
  };
}

/** Threads that run one label kernel over one shared memory; disposing ends them. */
export class KernelThreads implements Disposable {
  readonly count: number;
  readonly #label: string;
  readonly #workers: readonly Worker[];

  private constructor(label: string, workers: readonly Worker[]) {
    this.count = workers.length;
    this.#label = label;
    this.#workers = workers;
  }

  /** @param label Names the kernel in messages. */
  static async open(
    label: string,
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    count: number,
  ): Promise<KernelThreads> {
    const source = new Blob([`(${threadMain.toString()})()`], { type: "text/javascript" });
    const url = URL.createObjectURL(source);
    const workers = Array.from({ length: count }, () => new Worker(url, { type: "module" }));
    const threads = new KernelThreads(label, workers);
    try {
      await threads.#ask((): ThreadStart => ({ module, memory }));
      return threads;
    } catch (error) {
      threads[Symbol.dispose]();
      throw error;
    } finally {
      URL.revokeObjectURL(url);
    }
  }

  /** Calls an export on every thread at once; all are done when it resolves. */
  run(name: string, argumentsOf: (thread: number) => readonly number[]): Promise<void> {
    return this.#ask((thread): ThreadCall => ({ name, arguments: argumentsOf(thread) }));
  }

  [Symbol.dispose](): void {
    for (const worker of this.#workers) worker.terminate();
  }

  async #ask(message: (thread: number) => ThreadStart | ThreadCall): Promise<void> {
    await Promise.all(this.#workers.map((worker, i) =>
      new Promise<void>((resolve, reject) => {
        const fail = (reason: string) =>
          reject(
            new KernelError(`Cannot run "${this.#label}" on threads: ${reason}`, {
              label: this.#label,
            }),
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
