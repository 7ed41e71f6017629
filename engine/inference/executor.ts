import { setImmediate } from "node:timers/promises";
import { OutOfMemoryError } from "../backends/webgpu/failure.ts";
import { volumeOf } from "../geometry/vectors.ts";
import type { FovModel, FovPredictor } from "./canvas.ts";
import { Counters } from "./counters.ts";

/** The part of a network that an executor needs. */
export interface BatchPredictor {
  /** Name and sizes. */
  readonly model: FovModel;
  /** Most fields of view per call. */
  readonly batchSize: number;
  /** All arrays are `[n, z, y, x]` with n from 1 to `batchSize`. */
  predict(image: Float32Array, seed: Float32Array, logits: Float32Array): Promise<void>;
}

/** One canvas's access to a shared network. */
export interface ExecutorClient extends FovPredictor, Disposable {
  /** Number among the clients connected now. */
  readonly id: number;
}

/** One field of view that waits for its prediction. */
interface Request {
  readonly image: Float32Array;
  readonly seed: Float32Array;
  readonly logits: Float32Array;
  readonly done: PromiseWithResolvers<void>;
}

/**
 * Lets several canvases share one network. Requests run in order of arrival, up to a batch at a time; a batch is not
 * held back for clients that are busy elsewhere, so a full one starts at once and a partial one as soon as the network is
 * free and every client that could go on has done so.
 */
export class Executor implements AsyncDisposable {
  /** Time spent waiting and predicting, over all clients. */
  readonly counters: Counters;
  readonly #network: BatchPredictor;
  readonly #print?: (line: string) => void;
  readonly #clients = new Set<number>();
  readonly #queue: Request[] = [];
  /** Input and output of a batch of more than one, `[batchSize, z, y, x]`; made when first needed. */
  #slots: { image: Float32Array; seed: Float32Array; logits: Float32Array } | null = null;
  /** Fields of view per batch: as many as the network takes, fewer where memory is short. */
  #most: number;
  #running: Promise<void> | null = null;
  #failure: unknown = null;

  /**
   * The network stays the caller's to dispose, after the executor.
   *
   * @param print Told when batches become smaller for want of memory.
   */
  constructor(
    network: BatchPredictor,
    counters: Counters = new Counters(),
    print?: (line: string) => void,
  ) {
    this.#network = network;
    this.#most = network.batchSize;
    this.#print = print;
    this.counters = counters;
  }

  /** The model of the shared network. */
  get model(): FovModel {
    return this.#network.model;
  }

  /** Adds a client; dispose it when its canvas is done. */
  connect(): ExecutorClient {
    const id = this.#clients.size === 0 ? 0 : Math.max(...this.#clients) + 1;
    this.#clients.add(id);
    this.counters.set("executor-clients", this.#clients.size);
    return {
      id,
      model: this.#network.model,
      predict: (image, seed, logits) => this.#predict(image, seed, logits),
      [Symbol.dispose]: () => {
        this.#clients.delete(id);
        this.counters.set("executor-clients", this.#clients.size);
      },
    };
  }

  /** Lets the batches in flight and in the queue finish; later requests are refused. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#failure ??= new Error("Cannot predict: the executor was disposed");
    await this.#running;
  }

  async #predict(image: Float32Array, seed: Float32Array, logits: Float32Array): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    const startedMs = performance.now();
    const done = Promise.withResolvers<void>();
    this.#queue.push({ image, seed, logits, done });
    this.#running ??= this.#runQueue();
    await done.promise;
    this.counters.stop("client-wait", startedMs);
  }

  /** Runs batches until the queue is empty. */
  async #runQueue(): Promise<void> {
    while (this.#queue.length > 0) {
      // One turn of the event loop, in which every client whose result has just arrived sends its next request.
      const full = Math.min(this.#most, this.#clients.size);
      if (this.#queue.length < full) await setImmediate();
      const batch = this.#queue.splice(0, this.#most);
      try {
        await this.#runBatch(batch);
      } catch (error) {
        if (error instanceof OutOfMemoryError && batch.length > 1) {
          this.#shrink(batch);
          continue;
        }
        // A network that failed once is not trusted again.
        this.#failure = error;
        for (const request of [...batch, ...this.#queue.splice(0)]) request.done.reject(error);
        break;
      }
      for (const request of batch) request.done.resolve();
    }
    this.#running = null;
  }

  /** Puts a batch that was too large for the memory back, to be run in parts. */
  #shrink(batch: readonly Request[]): void {
    this.#most = batch.length >> 1;
    this.#print?.(
      `predicting ${this.#most} fields of view at once, not ${batch.length}: there is no memory for more`,
    );
    this.#queue.unshift(...batch);
  }

  async #runBatch(batch: readonly Request[]): Promise<void> {
    const inputMs = performance.now();
    const { image, seed, logits } = batch.length === 1 ? batch[0] : this.#fillSlots(batch);
    this.counters.stop("executor-input", inputMs);
    const inferenceMs = performance.now();
    await this.#network.predict(image, seed, logits);
    this.counters.stop("executor-inference", inferenceMs);
    const outputMs = performance.now();
    if (batch.length > 1) {
      batch.forEach((request, slot) => {
        const n = request.logits.length;
        request.logits.set(logits.subarray(slot * n, (slot + 1) * n));
      });
    }
    this.counters.stop("executor-output", outputMs);
  }

  /** Copies the inputs of a batch one behind the other. */
  #fillSlots(batch: readonly Request[]): Omit<Request, "done"> {
    const { model, batchSize } = this.#network;
    const allocate = (n: number) => new Float32Array(batchSize * n);
    this.#slots ??= {
      image: allocate(volumeOf(model.imageSize)),
      seed: allocate(volumeOf(model.seedSize)),
      logits: allocate(volumeOf(model.predSize)),
    };
    batch.forEach((request, slot) => {
      this.#slots!.image.set(request.image, slot * request.image.length);
      this.#slots!.seed.set(request.seed, slot * request.seed.length);
    });
    const used = (all: Float32Array, one: Float32Array) =>
      all.subarray(0, batch.length * one.length);
    return {
      image: used(this.#slots.image, batch[0].image),
      seed: used(this.#slots.seed, batch[0].seed),
      logits: used(this.#slots.logits, batch[0].logits),
    };
  }
}
