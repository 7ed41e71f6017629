import { KernelError } from "../../engine/errors/errors.ts";

/** Arrays of fewer elements are made by the caller. */
const MIN_LENGTH = 2 ** 20;

/** Sent by the thread: it is ready; or the array that was asked for; or that there is no memory for it. */
type Report = "ready" | "none" | Uint32Array<ArrayBuffer>;

/** The whole program of the thread; its source text is what the worker is made of, so it refers to nothing outside. */
function threadMain(): void {
  const scope = globalThis as unknown as {
    onmessage: ((event: MessageEvent<number>) => void) | null;
    postMessage(report: Report, transfer?: Transferable[]): void;
  };
  scope.onmessage = ({ data: length }) => {
    try {
      const array = new Uint32Array(length);
      // A page is handed out when it is first written to.
      for (let i = 0; i < length; i += 1024) array[i] = 0;
      scope.postMessage(array, [array.buffer]);
    } catch {
      scope.postMessage("none");
    }
  };
  scope.postMessage("ready");
}

/**
 * A thread that gets the memory of large arrays from the system, page by page, while the caller works on something else:
 * for an array that is filled once, that takes several times as long as filling it. Disposing ends the thread.
 */
export class ArrayMaker implements Disposable {
  readonly #worker: Worker;
  /** Takes the next report. */
  #report: (report: Report) => void = () => {};
  /** Rejects when the thread dies. */
  readonly #death: Promise<never>;
  #die: (error: KernelError) => void = () => {};
  #isBusy = false;

  private constructor(worker: Worker) {
    this.#worker = worker;
    this.#death = new Promise((_, reject) => this.#die = reject);
    this.#death.catch(() => {});
    worker.onmessage = ({ data }: MessageEvent<Report>) => this.#report(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#failed(event.message);
    };
  }

  static async open(): Promise<ArrayMaker> {
    const source = new Blob([`(${threadMain})()`], { type: "text/javascript" });
    const url = URL.createObjectURL(source);
    const maker = new ArrayMaker(new Worker(url, { type: "module" }));
    try {
      await maker.#next();
      return maker;
    } catch (error) {
      maker[Symbol.dispose]();
      throw error;
    } finally {
      URL.revokeObjectURL(url);
    }
  }

  /** Zeros; made by the caller where the thread has died. */
  async make(length: number): Promise<Uint32Array<ArrayBuffer>> {
    if (length < MIN_LENGTH || this.#isBusy) return new Uint32Array(length);
    this.#isBusy = true;
    const next = this.#next();
    this.#worker.postMessage(length);
    const made = await next.catch(() => "none");
    this.#isBusy = false;
    return made instanceof Uint32Array ? made : new Uint32Array(length);
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
    this.#failed("it is closed");
  }

  #next(): Promise<Report> {
    return Promise.race([new Promise<Report>((resolve) => this.#report = resolve), this.#death]);
  }

  #failed(reason: string): void {
    const label = "arrays";
    this.#die(new KernelError(`Cannot make arrays on a thread: ${reason}`, { label }));
  }
}
