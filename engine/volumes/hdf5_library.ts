import type { Hdf5Commands, Hdf5Reply, Hdf5Request } from "./hdf5_protocol.ts";

/** A command that takes longer hangs. Reads and writes move some megabytes, maybe over a network; the others, a few bytes. */
const limitOf = (command: keyof Hdf5Commands): number =>
  ["read", "write", "createDataset", "close"].includes(command) ? 120_000 : 60_000;

/** Time that it is kept for another file: to start it takes as long as to read some megabytes. */
const KEPT_MS = 500;

/** The library could not do what it was asked for; `message` is its own word for why. */
export class Hdf5Failure extends Error {}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
  timer: ReturnType<typeof setTimeout>;
}

/** The worker that runs the HDF5 library, started with the first file and ended soon after the last one. */
export class Hdf5Library implements Disposable {
  static #shared: { library: Hdf5Library; users: number } | null = null;
  /** Runs while there are no users. */
  static #kept: ReturnType<typeof setTimeout> | undefined;

  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  /** What fails may leave a file open in it. */
  #hasFailed = false;

  private constructor() {
    this.#worker = new Worker(new URL("./hdf5_worker.ts", import.meta.url).href, {
      type: "module",
    });
    this.#worker.onmessage = ({ data }: MessageEvent<Hdf5Reply>) => this.#settle(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#stop(`it stopped (${event.message})`);
    };
  }

  /** The library, for one file; dispose of it when the file is closed. */
  static acquire(): Hdf5Library {
    const shared = Hdf5Library.#shared ??= { library: new Hdf5Library(), users: 0 };
    shared.users++;
    clearTimeout(Hdf5Library.#kept);
    return shared.library;
  }

  [Symbol.dispose](): void {
    const shared = Hdf5Library.#shared;
    if (shared?.library !== this || --shared.users > 0) return;
    if (this.#hasFailed) this.#stop("it was closed");
    else Hdf5Library.#kept = setTimeout(() => this.#stop("it was closed"), KEPT_MS);
  }

  /**
   * Runs one command; the worker takes them in order. Buffers in `transfer` are moved, not copied. A command that takes
   * longer than `limitMs` counts as hanging.
   *
   * @throws {Hdf5Failure} when the library reports a failure, hangs or crashes.
   */
  call<K extends keyof Hdf5Commands>(
    command: K,
    args: Hdf5Commands[K]["args"],
    { transfer = [], limitMs = limitOf(command) }: { transfer?: ArrayBuffer[]; limitMs?: number } =
      {},
  ): Promise<Hdf5Commands[K]["result"]> {
    if (Hdf5Library.#shared?.library !== this) {
      return Promise.reject(new Hdf5Failure("the HDF5 library has been stopped"));
    }
    const id = ++this.#lastId;
    return new Promise<Hdf5Commands[K]["result"]>((resolve, reject) => {
      const hung = () => this.#stop(`it gave no answer in ${limitMs / 1000} s`);
      const timer = setTimeout(hung, limitMs);
      this.#waiting.set(id, { resolve: resolve as Waiting["resolve"], reject, timer });
      this.#worker.postMessage({ id, command, args } satisfies Hdf5Request, transfer);
    });
  }

  #settle({ id, result, problem }: Hdf5Reply): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    if (problem === undefined) waiting.resolve(result);
    else {
      this.#hasFailed = true;
      waiting.reject(new Hdf5Failure(problem));
    }
  }

  /** Ends the worker; files that are still open in it are lost, later ones get a new worker. */
  #stop(reason: string): void {
    if (Hdf5Library.#shared?.library === this) Hdf5Library.#shared = null;
    this.#worker.terminate();
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new Hdf5Failure(`the HDF5 library was ended because ${reason}`));
    }
    this.#waiting.clear();
  }
}
