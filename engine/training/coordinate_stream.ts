/** Coordinates of training patches, endlessly: files in random order, several read side by side, then all again. */
import { type Coordinate, decodeCoordinate } from "../formats/coordinate_record.ts";
import type { TfRecord } from "../formats/tfrecord.ts";
import { Random, type RandomState } from "./random.ts";

/** Files of which any may give the next coordinate, so that volumes with files of their own are mixed. */
const FILES_AT_A_TIME = 32;

/** Where a stream stands, as JSON. */
export type SourceState = Readonly<Record<string, unknown>>;

/** Gives coordinates without an end. */
export interface CoordinateSource extends AsyncDisposable {
  /** The next coordinate. */
  next(): Promise<PlacedCoordinate>;
  /** How often all coordinates were begun anew since this object was made; 0 where there is no such thing. */
  readonly epochs: number;
  state(): SourceState;
  /** @throws {RangeError} when the state is of another source. */
  restore(state: SourceState): void;
}

/** Records of one file from its beginning. */
export type RecordReader = (path: string) => AsyncIterable<TfRecord>;

/** A coordinate and where it stands, for messages. */
export interface PlacedCoordinate {
  readonly coordinate: Coordinate;
  /** `record 12 of "coords.gz"`. */
  readonly place: string;
}

/** A file of which records were taken. */
interface OpenFile {
  readonly file: number;
  records: number;
}

interface FilesState {
  /** Numbers of the files in the order of this epoch. */
  readonly order: readonly number[];
  /** Files of that order that were opened so far. */
  readonly begun: number;
  readonly open: readonly OpenFile[];
  readonly random: RandomState;
}

/** Reads files on from a saved state; disposing it closes those that are open. */
export class CoordinateStream implements CoordinateSource {
  readonly #files: readonly string[];
  readonly #read: RecordReader;
  readonly #random: Random;
  #order: number[] = [];
  #begun = 0;
  #open: OpenFile[] = [];
  readonly #readers = new Map<OpenFile, AsyncIterator<TfRecord>>();
  /** Whether this epoch gave a coordinate. */
  #hasGiven = false;
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
      if (this.#open.length === 0 && this.#begun === this.#order.length) this.#startEpoch();
      while (this.#open.length < FILES_AT_A_TIME && this.#begun < this.#order.length) {
        this.#open.push({ file: this.#order[this.#begun++], records: 0 });
      }
      const i = this.#random.below(this.#open.length);
      const open = this.#open[i];
      const path = this.#files[open.file];
      const reader = this.#readers.get(open) ?? await this.#opened(open, path);
      const { value, done } = await reader.next();
      if (!done) {
        open.records++;
        this.#hasGiven = true;
        const place = `record ${value.number} of "${path}"`;
        return { coordinate: decodeCoordinate(value.data, place), place };
      }
      this.#readers.delete(open);
      this.#open.splice(i, 1);
    }
  }

  get epochs(): number {
    return this.#epochs;
  }

  state(): SourceState {
    const state: FilesState = {
      order: [...this.#order],
      begun: this.#begun,
      open: this.#open.map((open) => ({ ...open })),
      random: this.#random.state(),
    };
    return { ...state };
  }

  restore(state: SourceState): void {
    const { order, begun, open, random } = state as unknown as FilesState;
    if (order.length > 0 && order.length !== this.#files.length) {
      throw new RangeError(
        `Cannot go on with the coordinates: the run had ${order.length} files, current number is ${this.#files.length}`,
      );
    }
    this.#order = [...order];
    this.#begun = begun;
    this.#open = open.map((file) => ({ ...file }));
    this.#hasGiven = true;
    this.#random.restore(random);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const reader of this.#readers.values()) await reader.return?.();
    this.#readers.clear();
  }

  #startEpoch(): void {
    if (this.#order.length > 0 && !this.#hasGiven) {
      throw new RangeError(
        `Cannot train: no record in ${this.#files.map((path) => `"${path}"`).join(", ")}`,
      );
    }
    this.#order = this.#random.shuffle(this.#files.map((_, i) => i));
    this.#begun = 0;
    this.#hasGiven = false;
    this.#epochs++;
  }

  /** A file after the records that were taken before. */
  async #opened(open: OpenFile, path: string): Promise<AsyncIterator<TfRecord>> {
    const reader = this.#read(path)[Symbol.asyncIterator]();
    this.#readers.set(open, reader);
    for (let i = 0; i < open.records; i++) await reader.next();
    return reader;
  }
}
