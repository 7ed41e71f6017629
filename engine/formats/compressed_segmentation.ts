/**
 * Neuroglancer's compressed segmentation. Each small block of a chunk has a table of its labels and, per voxel, an index
 * into it of 0, 1, 2, 4, 8, 16 or 32 bits; blocks with equal tables share one.
 */
import { FormatError } from "../errors/errors.ts";
import { volumeOf, type Zyx } from "../geometry/vectors.ts";

/** Labels of one chunk. */
export type Labels = Uint32Array | BigUint64Array;

/** Places of tables are numbers of 24 bits. */
const MAX_TABLE_OFFSET = 2 ** 24;

/** A block of a chunk: index in the grid of blocks, x fastest; first voxel and size. */
function* blocksOf(size: Zyx, block: Zyx): Generator<{ start: Zyx; size: Zyx }> {
  for (let z = 0; z < size[0]; z += block[0]) {
    for (let y = 0; y < size[1]; y += block[1]) {
      for (let x = 0; x < size[2]; x += block[2]) {
        const end: Zyx = [z + block[0], y + block[1], x + block[2]];
        const [dz, dy, dx] = end.map((n, d) => Math.min(n, size[d]) - [z, y, x][d]);
        yield { start: [z, y, x], size: [dz, dy, dx] };
      }
    }
  }
}

/**
 * Encodes the labels of a chunk.
 *
 * @param labels `[channel, z, y, x]`, C order.
 * @param size Of one channel.
 * @throws {RangeError} when a chunk is so large, and so varied, that its tables lie beyond what the format can name.
 */
export function encodeCompressedSegmentation(
  labels: Labels,
  size: Zyx,
  block: Zyx,
): Uint8Array<ArrayBuffer> {
  const voxels = volumeOf(size);
  const channels = labels.length / voxels;
  const words: number[][] = [];
  let length = channels;
  const heads: number[] = [];
  for (let channel = 0; channel < channels; channel++) {
    heads.push(length);
    words.push(
      encodeChannel(labels.subarray(channel * voxels, (channel + 1) * voxels), size, block),
    );
    length += words[channel].length;
  }
  const out = new Uint32Array(length);
  out.set(heads);
  words.forEach((part, channel) => out.set(part, heads[channel]));
  return new Uint8Array(out.buffer);
}

function encodeChannel(labels: Labels, size: Zyx, block: Zyx): number[] {
  const blocks = [...blocksOf(size, block)];
  const words: number[] = new Array(2 * blocks.length).fill(0);
  const tables = new Map<string, number>();
  const indices = new Uint32Array(volumeOf(block));
  blocks.forEach((part, number) => {
    const table = indexBlock(labels, size, part, block, indices);
    const bits = bitsFor(table.length);
    const valuesAt = words.length;
    pack(indices, bits, words);
    const key = table.join();
    let tableAt = tables.get(key);
    if (tableAt === undefined) {
      tableAt = words.length;
      tables.set(key, tableAt);
      for (const label of table) {
        if (typeof label === "number") words.push(label);
        else words.push(Number(label & 0xffffffffn), Number(label >> 32n));
      }
    }
    if (tableAt >= MAX_TABLE_OFFSET) {
      throw new RangeError(
        `Cannot encode a chunk of ${
          size.join(" × ")
        } (zyx) voxels as compressed segmentation: its ` +
          `labels are too varied, take smaller chunks`,
      );
    }
    words[2 * number] = tableAt + bits * MAX_TABLE_OFFSET;
    words[2 * number + 1] = valuesAt;
  });
  return words;
}

/** Numbers the labels of a block by size; voxels beyond the chunk count as the first. */
function indexBlock(
  labels: Labels,
  size: Zyx,
  part: { start: Zyx; size: Zyx },
  block: Zyx,
  indices: Uint32Array,
): (number | bigint)[] {
  const found = new Set<number | bigint>();
  const rowAt = (z: number, y: number) =>
    ((part.start[0] + z) * size[1] + part.start[1] + y) * size[2] + part.start[2];
  const [depth, height, width] = part.size;
  for (let z = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) {
      const row = rowAt(z, y);
      for (let x = 0; x < width; x++) found.add(labels[row + x]);
    }
  }
  const table = [...found].sort((a, b) => a < b ? -1 : a > b ? 1 : 0);
  indices.fill(0);
  if (table.length === 1) return table;
  const numbers = new Map(table.map((label, i) => [label, i]));
  for (let z = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) {
      const row = rowAt(z, y);
      const to = (z * block[1] + y) * block[2];
      for (let x = 0; x < width; x++) indices[to + x] = numbers.get(labels[row + x])!;
    }
  }
  return table;
}

function bitsFor(count: number): number {
  if (count === 1) return 0;
  const bits = [1, 2, 4, 8, 16].find((bits) => count <= 2 ** bits);
  return bits ?? 32;
}

/** Appends the indices, lowest bits first. */
function pack(indices: Uint32Array, bits: number, words: number[]): void {
  if (bits === 0) return;
  const perWord = 32 / bits;
  for (let i = 0; i < indices.length; i += perWord) {
    let word = 0;
    const most = Math.min(perWord, indices.length - i);
    for (let j = 0; j < most; j++) word |= indices[i + j] << (j * bits);
    words.push(word >>> 0);
  }
}

/**
 * Decodes the labels of a chunk.
 *
 * @param channels Of the volume; `size` is that of one channel.
 * @returns `[channel, z, y, x]`, C order.
 * @throws {FormatError} when the bytes contradict the format.
 */
export function decodeCompressedSegmentation(
  bytes: Uint8Array,
  dtype: "uint32" | "uint64",
  channels: number,
  size: Zyx,
  block: Zyx,
  path: string,
): Labels {
  if (bytes.length % 4 !== 0 || bytes.length < 4 * channels) throw broken(path, "a length");
  // A copy where the bytes do not begin at a multiple of 4.
  const words = new Uint32Array(
    bytes.byteOffset % 4 === 0 ? bytes.buffer : bytes.slice().buffer,
    bytes.byteOffset % 4 === 0 ? bytes.byteOffset : 0,
    bytes.length / 4,
  );
  const voxels = volumeOf(size);
  const out = dtype === "uint32"
    ? new Uint32Array(channels * voxels)
    : new BigUint64Array(channels * voxels);
  const perLabel = dtype === "uint32" ? 1 : 2;
  // Both types as words, lower half first.
  const target = new Uint32Array(out.buffer);
  for (let channel = 0; channel < channels; channel++) {
    if (words[channel] > words.length) throw broken(path, "the place of a channel");
    decodeChannel(
      words.subarray(words[channel]),
      target.subarray(channel * voxels * perLabel),
      { perLabel, size, block, path },
    );
  }
  return out;
}

function decodeChannel(
  words: Uint32Array,
  target: Uint32Array,
  { perLabel, size, block, path }: { perLabel: 1 | 2; size: Zyx; block: Zyx; path: string },
): void {
  let number = 0;
  for (const { start, size: part } of blocksOf(size, block)) {
    if (2 * number + 1 >= words.length) throw broken(path, "the head of a block");
    const tableAt = words[2 * number] % MAX_TABLE_OFFSET;
    const bits = words[2 * number] >>> 24;
    const valuesAt = words[2 * number + 1];
    number++;
    if (![0, 1, 2, 4, 8, 16, 32].includes(bits)) throw broken(path, "a number of bits");
    if (valuesAt + Math.ceil(volumeOf(block) * bits / 32) > words.length) {
      throw broken(path, "the place of a block");
    }
    const mask = bits === 32 ? 0xffffffff : 2 ** bits - 1;
    for (let z = 0; z < part[0]; z++) {
      for (let y = 0; y < part[1]; y++) {
        const row = ((start[0] + z) * size[1] + start[1] + y) * size[2] + start[2];
        const from = (z * block[1] + y) * block[2];
        for (let x = 0; x < part[2]; x++) {
          const bit = (from + x) * bits;
          const index = bits === 0
            ? 0
            : (words[valuesAt + (bit >>> 5)] >>> (bit & 31) & mask) >>> 0;
          const label = tableAt + index * perLabel;
          if (label + perLabel > words.length) throw broken(path, "an index");
          target[(row + x) * perLabel] = words[label];
          if (perLabel === 2) target[(row + x) * 2 + 1] = words[label + 1];
        }
      }
    }
  }
}

function broken(path: string, what: string): FormatError {
  return new FormatError(
    `Cannot read "${path}": ${what} of its compressed segmentation is out of range`,
    { path },
  );
}
