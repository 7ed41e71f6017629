import { join } from "node:path";
import { NotFoundError, UnsupportedError } from "../errors/errors.ts";
import { arrayConstructor, type DType, type TypedArray } from "../formats/nd_array.ts";
import { decodePng, parsePngHeader, PNG_HEADER_BYTES, type PngHeader } from "../formats/png.ts";
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

/** Decoded sections that are kept, because boxes come back to the same ones. */
const CACHE_BYTES = 2 ** 26;

/** Sections `[y, x]` in files of one folder, stacked along z. */
class PngStack implements Volume {
  readonly spec: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly #paths: readonly string[];
  readonly #header: PngHeader;
  readonly #channel: number;
  /** By z, the least recently used first. */
  readonly #cache = new Map<number, TypedArray>();

  constructor(spec: string, paths: readonly string[], header: PngHeader, channel: number) {
    this.spec = spec;
    this.shape = [paths.length, header.height, header.width];
    this.dtype = header.bitDepth === 16 ? "uint16" : "uint8";
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
      pick(decodeLike(await Deno.readFile(path), path, this.#header), this.#channel);
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
 * Opens the PNG files of a folder as a volume `(z, y, x)`, one section per file, 8- or 16-bit.
 *
 * @throws {RangeError} when sizes or kinds differ, {@linkcode UnsupportedError} for colour without `channel`.
 */
export async function openPngStack(
  folder: string,
  options: StackOptions = {},
  spec: string = folder,
): Promise<Volume> {
  const names = await sectionNames(folder, spec, options);
  const paths = names.map((name) => join(folder, name));
  const first = await headerOf(paths[0]);
  for (const path of paths.slice(1)) expectSame(first, await headerOf(path), path);
  const samples = { "grey": 1, "grey+alpha": 2, "rgb": 3, "palette": 3, "rgb+alpha": 4 };
  if (options.channel === undefined && (first.color !== "grey" || first.bitDepth < 8)) {
    throw new UnsupportedError(
      `Cannot open "${spec}": sections must be grey with 8 or 16 bits, "${paths[0]}" is ` +
        `${first.color} with ${first.bitDepth} bits; choose one of its channels`,
    );
  }
  const channel = options.channel ?? 0;
  const last = samples[first.color] - 1;
  if (!Number.isInteger(channel) || channel < 0 || channel > last) {
    throw new RangeError(
      `Cannot open "${spec}": channels of its pixels go from 0 to ${last}, current ${channel}`,
    );
  }
  return new PngStack(spec, paths, first, channel);
}

async function sectionNames(
  folder: string,
  spec: string,
  { sort = "natural", log }: StackOptions,
): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (!entry.isDirectory && /\.png$/i.test(entry.name)) names.push(entry.name);
  }
  if (names.length === 0) throw new NotFoundError(`Cannot open "${spec}": the folder has no .png`);
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

async function headerOf(path: string): Promise<PngHeader> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(PNG_HEADER_BYTES);
  let length = 0;
  while (length < bytes.length) {
    const read = await file.read(bytes.subarray(length));
    if (read === null) break;
    length += read;
  }
  return parsePngHeader(bytes.subarray(0, length), path);
}

/** @throws {RangeError} when a section differs from the first one in size or kind. */
function expectSame(first: PngHeader, other: PngHeader, path: string): void {
  const text = (h: PngHeader) => `${h.width} × ${h.height} ${h.color} with ${h.bitDepth} bits`;
  if (text(first) !== text(other)) {
    throw new RangeError(
      `Cannot open "${path}" as a section: all must be ${text(first)}, current is ${text(other)}`,
    );
  }
}

function decodeLike(bytes: Uint8Array, path: string, header: PngHeader) {
  expectSame(header, parsePngHeader(bytes, path), path);
  return decodePng(bytes, path);
}

/** One sample of each pixel, `[y, x]`. */
function pick({ data, channels }: ReturnType<typeof decodePng>, channel: number): TypedArray {
  if (channels === 1) return data;
  const out = new (data.constructor as Uint8ArrayConstructor)(data.length / channels);
  for (let i = 0; i < out.length; i++) out[i] = data[i * channels + channel];
  return out;
}
