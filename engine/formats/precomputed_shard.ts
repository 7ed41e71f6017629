/**
 * Sharded precomputed volumes: where a chunk lies. A hash of its number picks a shard file and one of the "minishards" in
 * it, whose index lists numbers and places of its chunks.
 */
import { FormatError } from "../errors/errors.ts";
import type { Zyx } from "../geometry/vectors.ts";
import { isIntegers, isObject, shown } from "./json_document.ts";

/** The `sharding` member of a scale. */
export interface Sharding {
  readonly preshiftBits: number;
  readonly hash: "identity" | "murmurhash3_x86_128";
  readonly minishardBits: number;
  readonly shardBits: number;
  readonly indexEncoding: "raw" | "gzip";
  readonly dataEncoding: "raw" | "gzip";
}

/** Where to look for a chunk. */
export interface ShardPlace {
  /** Name of the shard file. */
  readonly file: string;
  /** The 16 bytes in it that say where the minishard's index is. */
  readonly entryOffset: number;
  /** Offsets in the file count from here, the end of the list of those entries. */
  readonly dataStart: number;
}

/** More makes lists of entries that nobody writes. */
const MAX_MINISHARD_BITS = 24;

/** @throws {FormatError} when the member contradicts the format. */
export function parseSharding(value: unknown, path: string): Sharding {
  const broken = (name: string, found: unknown, wanted: string) =>
    new FormatError(
      `Cannot open "${path}": sharding ${name} must be ${wanted}, current ${shown(found)}`,
      { path },
    );
  if (!isObject(value)) throw broken("", value, "an object");
  const type = value["@type"];
  if (type !== "neuroglancer_uint64_sharded_v1") {
    throw broken("@type", type, '"neuroglancer_uint64_sharded_v1"');
  }
  const bits = (name: string, most: number) => {
    const found = value[name];
    if (isIntegers([found], 0) && found as number <= most) return found as number;
    throw broken(name, found, `an integer from 0 to ${most}`);
  };
  const choice = <T extends string>(name: string, choices: readonly T[], fallback?: T): T => {
    const found = value[name] ?? fallback;
    if (choices.includes(found as T)) return found as T;
    throw broken(name, found, choices.map((c) => `"${c}"`).join(" or "));
  };
  const minishardBits = bits("minishard_bits", MAX_MINISHARD_BITS);
  return {
    preshiftBits: bits("preshift_bits", 63),
    hash: choice("hash", ["identity", "murmurhash3_x86_128"]),
    minishardBits,
    shardBits: bits("shard_bits", 64 - minishardBits),
    indexEncoding: choice("minishard_index_encoding", ["raw", "gzip"], "raw"),
    dataEncoding: choice("data_encoding", ["raw", "gzip"], "raw"),
  };
}

/**
 * Number of a chunk: the bits of its x, y and z place interleaved, leaving out bits that no place in the grid has.
 *
 * @param grid Number of chunks, zyx.
 */
export function chunkNumber(index: Zyx, grid: Zyx): bigint {
  const bits = grid.map((n) => Math.ceil(Math.log2(n)));
  let number = 0n, at = 0n;
  for (let bit = 0; bit < Math.max(...bits); bit++) {
    for (const axis of [2, 1, 0]) {
      if (bit >= bits[axis]) continue;
      const isSet = Math.floor(index[axis] / 2 ** bit) % 2 === 1;
      if (isSet) number |= 1n << at;
      at++;
    }
  }
  return number;
}

/** Shard and minishard of a chunk. */
export function shardPlace(sharding: Sharding, chunk: bigint): ShardPlace {
  const { preshiftBits, minishardBits, shardBits } = sharding;
  const shifted = chunk >> BigInt(preshiftBits);
  const hashed = sharding.hash === "identity" ? shifted : murmurHash3(shifted);
  const minishard = hashed & ((1n << BigInt(minishardBits)) - 1n);
  const shard = (hashed >> BigInt(minishardBits)) & ((1n << BigInt(shardBits)) - 1n);
  const digits = Math.ceil(shardBits / 4);
  return {
    file: `${shard.toString(16).padStart(digits, "0")}.shard`,
    entryOffset: 16 * Number(minishard),
    dataStart: 16 * 2 ** minishardBits,
  };
}

/** Offset and length of each chunk of a minishard, by number; offsets count from the shard's `dataStart`. */
export function parseMinishardIndex(
  bytes: Uint8Array,
  path: string,
): Map<bigint, readonly [offset: number, length: number]> {
  const count = bytes.length / 24;
  if (!Number.isInteger(count)) {
    throw new FormatError(
      `Cannot read "${path}": the index of a minishard has ${bytes.length} bytes, expected a multiple of 24`,
      { path },
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const at = (row: number, i: number) => view.getBigUint64(8 * (row * count + i), true);
  const places = new Map<bigint, readonly [number, number]>();
  let number = 0n, offset = 0n;
  for (let i = 0; i < count; i++) {
    // Numbers and gaps between chunks are stored as differences.
    number = BigInt.asUintN(64, number + at(0, i));
    offset += at(1, i);
    const length = at(2, i);
    places.set(number, [Number(offset), Number(length)]);
    offset += length;
  }
  return places;
}

/** The lower 64 bits of MurmurHash3_x86_128 with seed 0 of a number's 8 bytes, little-endian. */
export function murmurHash3(value: bigint): bigint {
  const [c1, c2, c3] = [0x239b961b, 0xab0e9789, 0x38b34ae5];
  const rotate = (n: number, by: number) => (n << by) | (n >>> (32 - by));
  const mix = (n: number) => {
    n = Math.imul(n ^ (n >>> 16), 0x85ebca6b);
    n = Math.imul(n ^ (n >>> 13), 0xc2b2ae35);
    return n ^ (n >>> 16);
  };
  // With 8 bytes there is only the tail: two of the four words of state take part.
  let h2 = Math.imul(rotate(Math.imul(Number(value >> 32n & 0xffffffffn), c2), 16), c3);
  let h1 = Math.imul(rotate(Math.imul(Number(value & 0xffffffffn), c1), 15), c2);
  let h3 = 8, h4 = 8;
  h1 ^= 8;
  h2 ^= 8;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  h3 = (h3 + h1) | 0;
  h4 = (h4 + h1) | 0;
  [h1, h2, h3, h4] = [mix(h1), mix(h2), mix(h3), mix(h4)];
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  return BigInt(h2 >>> 0) << 32n | BigInt(h1 >>> 0);
}
