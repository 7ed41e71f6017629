/** Examples in random order: coordinates wait in a pool from which any may be taken. */
import type { CoordinateSource, SourceState } from "./coordinate_stream.ts";
import type { Example, ExampleDraw, ExampleLoader } from "./example_loader.ts";
import { Random, type RandomState } from "./random.ts";

/** Waiting coordinates per slot of the batch. */
const POOL_PER_SLOT = 32;

/** Coordinates in a row that may fail to fit before the run is given up. */
const MAX_MISFITS = 100_000;

/** What is needed to go on with the same examples. */
export interface QueueState {
  readonly stream: SourceState;
  readonly pool: readonly ExampleDraw[];
  readonly random: RandomState;
  readonly skipped: number;
}

/** Loads one example after the other. */
export class ExampleQueue implements AsyncDisposable {
  readonly loader: ExampleLoader;
  readonly #stream: CoordinateSource;
  readonly #random: Random;
  readonly #capacity: number;
  #pool: ExampleDraw[] = [];
  /** Coordinates that were left out because their patch leaves the volume. */
  skipped = 0;

  constructor(loader: ExampleLoader, stream: CoordinateSource, batchSize: number, seed: number) {
    this.loader = loader;
    this.#stream = stream;
    this.#capacity = POOL_PER_SLOT * batchSize;
    this.#random = new Random(seed);
  }

  /** A random one of the waiting examples. */
  async next(): Promise<Example> {
    while (this.#pool.length < this.#capacity) this.#pool.push(await this.#nextDraw());
    const i = this.#random.below(this.#pool.length);
    const last = this.#pool.pop()!;
    const draw = i === this.#pool.length ? last : this.#pool[i];
    if (i < this.#pool.length) this.#pool[i] = last;
    return await this.loader.load(draw);
  }

  state(): QueueState {
    return {
      stream: this.#stream.state(),
      pool: [...this.#pool],
      random: this.#random.state(),
      skipped: this.skipped,
    };
  }

  restore(state: QueueState): void {
    this.#stream.restore(state.stream);
    this.#pool = [...state.pool];
    this.#random.restore(state.random);
    this.skipped = state.skipped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream[Symbol.asyncDispose]();
  }

  async #nextDraw(): Promise<ExampleDraw> {
    const { epochs } = this.#stream;
    let misfits = 0;
    // After two more beginnings every coordinate was looked at once.
    while (misfits < MAX_MISFITS && this.#stream.epochs < epochs + 3) {
      const { coordinate, place } = await this.#stream.next();
      if (this.loader.fits(coordinate, place)) return this.loader.draw(coordinate, this.#random);
      this.skipped++;
      misfits++;
    }
    const margin = this.loader.margin;
    throw new RangeError(
      `Cannot train: the patches of all ${misfits} coordinates in a row leave their volumes; coordinates must be at least (${
        margin.toReversed().join(", ")
      }) (xyz) away from the sides, build them with --margin ${margin.join(",")} (zyx)`,
    );
  }
}
