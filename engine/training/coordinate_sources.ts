/** Coordinates from several sources, and from boxes instead of files. */
import { type Box, endOf } from "../geometry/box.ts";
import { volumeOf, type Zyx } from "../geometry/vectors.ts";
import type { CoordinateSource, PlacedCoordinate, SourceState } from "./coordinate_stream.ts";
import { Random, type RandomState } from "./random.ts";

/** A source and how often it is drawn, in proportion to the others. */
export interface WeightedSource {
  readonly source: CoordinateSource;
  readonly weight: number;
}

interface MixState {
  readonly random: RandomState;
  readonly sources: readonly SourceState[];
}

/** Draws for every coordinate the source that it comes from. */
export class MixedCoordinates implements CoordinateSource {
  readonly #sources: readonly WeightedSource[];
  readonly #random: Random;

  constructor(sources: readonly WeightedSource[], seed: number) {
    this.#sources = sources;
    this.#random = new Random(seed);
  }

  /** The smallest number of epochs of all sources. */
  get epochs(): number {
    return Math.min(...this.#sources.map(({ source }) => source.epochs));
  }

  async next(): Promise<PlacedCoordinate> {
    const total = this.#sources.reduce((sum, { weight }) => sum + weight, 0);
    let rest = total * this.#random.uniform();
    for (const { source, weight } of this.#sources) {
      rest -= weight;
      if (rest < 0) return await source.next();
    }
    return await this.#sources.findLast(({ weight }) => weight > 0)!.source.next();
  }

  state(): SourceState {
    const state: MixState = {
      random: this.#random.state(),
      sources: this.#sources.map(({ source }) => source.state()),
    };
    return { ...state };
  }

  restore(state: SourceState): void {
    const { random, sources } = state as unknown as MixState;
    if (sources?.length !== this.#sources.length) {
      throw new RangeError(
        `Cannot go on with the coordinates: the run had ${
          sources?.length ?? 1
        } sources, current number is ${this.#sources.length}`,
      );
    }
    this.#random.restore(random);
    this.#sources.forEach(({ source }, i) => source.restore(sources[i]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { source } of this.#sources) await source[Symbol.asyncDispose]();
  }
}

/** A box of a volume. */
export interface NamedBox {
  readonly volume: string;
  readonly box: Box;
}

/** Voxels of boxes, all alike; a voxel that lies in two boxes is drawn twice as often. */
export class BoxCoordinates implements CoordinateSource {
  readonly #boxes: readonly NamedBox[];
  readonly #random: Random;
  readonly epochs = 0;

  constructor(boxes: readonly NamedBox[], seed: number) {
    this.#boxes = boxes;
    this.#random = new Random(seed);
  }

  next(): Promise<PlacedCoordinate> {
    const sizes = this.#boxes.map(({ box }) => volumeOf(box.size));
    let rest = this.#random.below(sizes.reduce((a, b) => a + b, 0));
    const i = sizes.findIndex((size) => (rest -= size) < 0);
    const { volume, box } = this.#boxes[i];
    const flat = rest + sizes[i];
    const [, height, width] = box.size;
    const center: Zyx = [
      box.start[0] + Math.floor(flat / height / width),
      box.start[1] + Math.floor(flat / width) % height,
      box.start[2] + flat % width,
    ];
    const corners = [box.start, endOf(box)].map((corner) => `(${corner.toReversed().join(", ")})`);
    const place = `box ${corners[0]} to ${corners[1]}`;
    return Promise.resolve({ coordinate: { center, volume }, place });
  }

  state(): SourceState {
    return { random: this.#random.state() };
  }

  restore(state: SourceState): void {
    this.#random.restore(state.random as RandomState);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
