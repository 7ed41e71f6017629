import { join } from "node:path";
import { NotFoundError, UnsupportedError } from "../errors/errors.ts";
import { arrayConstructor, type DType, type TypedArray } from "../formats/nd_array.ts";
import type { Box } from "../geometry/box.ts";
import { volumeOf } from "../geometry/vectors.ts";
import { checkBox } from "./checks.ts";
import type { Volume } from "./volume.ts";

/** How a folder of sections becomes a volume. */
export interface StackOptions {
  /** Order of the names: `natural` counts in numbers (s9 before s10), the default; `lexicographic` in letters. */
  readonly sort?: "natural" | "lexicographic";
  /** Sample to take of each pixel; without it only grey images are accepted. */
  readonly channel?: number;
  /** Takes warnings. */
  readonly log?: (line: string) => void;
}

/** What a section says of itself before its pixels are read. */
export interface SectionHeader {
  readonly width: number;
  readonly height: number;
  /** Of a pixel. */
  readonly samples: number;
  readonly dtype: DType;
  /** Grey, with whole bytes: what is taken without a choice of channel. */
  readonly isPlain: boolean;
  /** For example `grey with 8 bits`. */
  readonly kind: string;
}

/** A kind of image files. */
export interface SectionFormat {
  /** For messages, for example `.png`. */
  readonly name: string;
  readonly extension: RegExp;
  header(path: string): Promise<SectionHeader>;
  /**
   * One sample of each pixel, `[y, x]`; `check` gets the header of what is read and throws where the file has changed.
   */
  read(path: string, sample: number, check: (header: SectionHeader) => void): Promise<TypedArray>;
}

/** Decoded sections that are kept, because boxes come back to the same ones. */
const CACHE_BYTES = 2 ** 26;

/** Sections `[y, x]` in files of one folder, stacked along z. */
class SectionStack implements Volume {
  readonly spec: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly #format: SectionFormat;
  readonly #paths: readonly string[];
  readonly #header: SectionHeader;
  readonly #channel: number;
  /** By z, the least recently used first. */
  readonly #cache = new Map<number, TypedArray>();

  constructor(
    spec: string,
    format: SectionFormat,
    paths: readonly string[],
    header: SectionHeader,
    channel: number,
  ) {
    this.spec = spec;
    this.shape = [paths.length, header.height, header.width];
    this.dtype = header.dtype;
    this.#format = format;
    this.#paths = paths;
    this.#header = header;
    this.#channel = channel;
  }

  async read(box: Box, channel = 0): Promise<TypedArray> {
    checkBox("read", this, box, channel);
    const out = new (arrayConstructor(this.dtype))(volumeOf(box.size));
    const [[z0, y0, x0], [depth, height, width]] = [box.start, box.size];
    for (let z = 0; z < depth; z++) {
      const section = await this.#section(z0 + z);
      for (let y = 0; y < height; y++) {
        const from = (y0 + y) * this.#header.width + x0;
        out.set(section.subarray(from, from + width) as never, (z * height + y) * width);
      }
    }
    return out;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#cache.clear());
  }

  async #section(z: number): Promise<TypedArray> {
    const path = this.#paths[z];
    const section = this.#cache.get(z) ??
      await this.#format.read(
        path,
        this.#channel,
        (header) => expectSame(this.#header, header, path),
      );
    this.#cache.delete(z);
    this.#cache.set(z, section);
    const most = Math.max(1, Math.floor(CACHE_BYTES / section.byteLength));
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size <= most) break;
      this.#cache.delete(oldest);
    }
    return section;
  }
}

/**
 * Opens the images of a folder as a volume `(z, y, x)`, one section per file.
 *
 * @throws {RangeError} when sizes or kinds differ, {@linkcode UnsupportedError} for colour without `channel`.
 */
export async function openSectionStack(
  folder: string,
  format: SectionFormat,
  options: StackOptions = {},
  spec: string = folder,
): Promise<Volume> {
  const names = await sectionNames(folder, format, spec, options);
  const paths = names.map((name) => join(folder, name));
  const first = await format.header(paths[0]);
  for (const path of paths.slice(1)) expectSame(first, await format.header(path), path);
  if (options.channel === undefined && !first.isPlain) {
    throw new UnsupportedError(
      `Cannot open "${spec}": sections must be grey with 8 or 16 bits, "${paths[0]}" is ` +
        `${first.kind}; choose one of its channels`,
    );
  }
  const channel = options.channel ?? 0;
  const last = first.samples - 1;
  if (!Number.isInteger(channel) || channel < 0 || channel > last) {
    throw new RangeError(
      `Cannot open "${spec}": channels of its pixels go from 0 to ${last}, current ${channel}`,
    );
  }
  return new SectionStack(spec, format, paths, first, channel);
}

async function sectionNames(
  folder: string,
  { name, extension }: SectionFormat,
  spec: string,
  { sort = "natural", log }: StackOptions,
): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (!entry.isDirectory && extension.test(entry.name)) names.push(entry.name);
  }
  if (names.length === 0) {
    throw new NotFoundError(`Cannot open "${spec}": the folder has no ${name}`);
  }
  const lexicographic = names.sort();
  const natural = lexicographic.toSorted(new Intl.Collator("en", { numeric: true }).compare);
  const chosen = sort === "natural" ? natural : lexicographic;
  const differ = natural.findIndex((name, z) => name !== lexicographic[z]);
  if (differ >= 0) {
    log?.(
      `"${spec}": sections are sorted in ${sort} order; section ${differ} is "${
        chosen[differ]
      }", ` +
        `in the other order it would be "${
          (sort === "natural" ? lexicographic : natural)[differ]
        }"`,
    );
  }
  return chosen;
}

/** @throws {RangeError} when a section differs from the first one in size or kind. */
function expectSame(first: SectionHeader, other: SectionHeader, path: string): void {
  const text = (h: SectionHeader) => `${h.width} × ${h.height} ${h.kind}`;
  if (text(first) !== text(other)) {
    throw new RangeError(
      `Cannot open "${path}" as a section: all must be ${text(first)}, current is ${text(other)}`,
    );
  }
}
