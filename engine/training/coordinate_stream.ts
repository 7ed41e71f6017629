/** Coordinates of training patches, endlessly: files in random order, each read from its beginning, then again. */
import { type Coordinate, decodeCoordinate } from "../formats/coordinate_record.ts";
import type { TfRecord } from "../formats/tfrecord.ts";
import { Random, type RandomState } from "./random.ts";

/** Where a stream stands. */
export interface StreamState {
  /** Numbers of the files in the order of this epoch. */
  readonly order: readonly number[];
  /** Position in that order. */
  readonly file: number;
  /** Records of that file that were taken. */
  readonly records: number;
  readonly random: RandomState;
}

/** Records of one file from its beginning. */
export type RecordReader = (path: string) => AsyncIterable<TfRecord>;

/** A coordinate and where it stands, for messages. */
export interface PlacedCoordinate {
  readonly coordinate: Coordinate;
  /** `record 12 of "coords.gz"`. */
  readonly place: string;
}

/** Reads on from a saved state; disposing it closes the file that is open. */
export class CoordinateStream implements AsyncDisposable {
  readonly #files: readonly string[];
  readonly #read: RecordReader;
  readonly #random: Random;
  #order: number[] = [];
  #file = 0;
  #records = 0;
  #open: AsyncIterator<TfRecord> | null = null;
  /** Coordinates taken in this epoch. */
  #taken = 0;
  #epochs = 0;

  constructor(files: readonly string[], read: RecordReader, seed: number) {
    this.#files = files;
    this.#read = read;
    this.#random = new Random(seed);
  }

  /**
   * The next coordinate.
   *
   * @throws {FormatError} naming the record, `RangeError` when no file has any.
   */
  async next(): Promise<PlacedCoordinate> {
    for (;;) {
      if (this.#file >= this.#order.length) this.#startEpoch();
      const path = this.#files[this.#order[this.#file]];
      this.#open ??= await this.#opened(path);
      const { value, done } = await this.#open.next();
      if (!done) {
        this.#records++;
        this.#taken++;
        const place = `record ${value.number} of "${path}"`;
        return { coordinate: decodeCoordinate(value.data, place), place };
      }
      this.#open = null;
      this.#file++;
      this.#records = 0;
    }
  }

  /** How often the files were begun anew since this object was made. */
  get epochs(): number {
    return this.#epochs;
  }

  state(): StreamState {
    return {
      order: this.#order,
      file: this.#file,
      records: this.#records,
      random: this.#random.state(),
    };
  }

  /** @throws {RangeError} when the state is of other files. */
  restore({ order, file, records, random }: StreamState): void {
    if (order.length > 0 && order.length !== this.#files.length) {
      throw new RangeError(
        `Cannot go on with the coordinates: the run had ${order.length} files, current number is ${this.#files.length}`,
      );
    }
    this.#order = [...order];
    this.#file = file;
    this.#records = records;
    this.#taken = 1;
    this.#random.restore(random);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#open?.return?.();
    this.#open = null;
  }

  #startEpoch(): void {
    if (this.#order.length > 0 && this.#taken === 0) {
      throw new RangeError(
        `Cannot train: no record in ${this.#files.map((path) => `"${path}"`).join(", ")}`,
      );
    }
    this.#order = this.#random.shuffle(this.#files.map((_, i) => i));
    this.#file = 0;
    this.#taken = 0;
    this.#epochs++;
  }

  /** A file after the records that were taken before. */
  async #opened(path: string): Promise<AsyncIterator<TfRecord>> {
    const records = this.#read(path)[Symbol.asyncIterator]();
    for (let i = 0; i < this.#records; i++) await records.next();
    return records;
  }
}
