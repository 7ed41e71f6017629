/**
 * Damaged copies of a file, and the check that a reader survives them all: every copy gives a named error in the house
 * grammar, or a value that is right (or at least legal, where the format carries no checksum); never a hang, a crash,
 * an internal error or a gigabyte.
 *
 * @example
 * await checkMutations(await Deno.readFile("a.png"), (bytes) => decodePng(bytes, "a.png"));
 */
import { existsSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { seededRandom } from "./random.ts";

export interface Mutation {
  /** What was done, with offsets; printed when a check fails. */
  description: string;
  bytes: Uint8Array;
}

type Damage = (bytes: Uint8Array, below: (n: number) => number) => [string, Uint8Array];

const EXTREMES = [0n, 1n, 0x7fn, 0xffn, 0xffffn, 0x7fffffffn, 0x80000000n, 0xffffffffn, 2n ** 63n];

/** Kinds of damage; `below(n)` is a random integer in [0, n). Each returns a fresh array. */
const DAMAGES: Damage[] = [
  (bytes, below) => {
    const at = below(bytes.length), bit = below(8);
    const out = bytes.slice();
    out[at] ^= 1 << bit;
    return [`bit ${bit} of byte ${at} flipped`, out];
  },
  (bytes, below) => {
    const at = below(bytes.length), value = [0, 0xff, below(256)][below(3)];
    const out = bytes.slice();
    out[at] = value;
    return [`byte ${at} set to ${value}`, out];
  },
  (bytes, below) => {
    const out = bytes.slice();
    const places = Array.from({ length: 2 + below(15) }, () => below(bytes.length));
    for (const at of places) out[at] ^= 1 + below(255);
    return [`bytes ${places.join(", ")} changed`, out];
  },
  (bytes, below) => {
    const length = below(bytes.length);
    return [`truncated to ${length} bytes`, bytes.slice(0, length)];
  },
  (bytes, below) => {
    const cut = 1 + below(Math.min(64, bytes.length));
    return [`last ${cut} bytes missing`, bytes.slice(0, bytes.length - cut)];
  },
  (bytes, below) => {
    const at = below(bytes.length), count = 1 + below(32);
    return [
      `${count} bytes removed at ${at}`,
      joined(bytes.subarray(0, at), bytes.subarray(at + count)),
    ];
  },
  (bytes, below) => {
    const at = below(bytes.length);
    const extra = Uint8Array.from({ length: 1 + below(32) }, () => below(256));
    const out = joined(bytes.subarray(0, at), extra, bytes.subarray(at));
    return [`${extra.length} bytes inserted at ${at}`, out];
  },
  (bytes, below) => {
    const from = below(bytes.length), to = below(bytes.length);
    const count = 1 + below(Math.min(64, bytes.length - Math.max(from, to)));
    const out = bytes.slice();
    out.copyWithin(to, from, from + count);
    return [`${count} bytes copied from ${from} to ${to}`, out];
  },
  (bytes, below) => {
    const width = [2, 4, 8][below(3)], value = EXTREMES[below(EXTREMES.length)];
    const at = below(Math.max(1, bytes.length - width));
    const out = bytes.slice();
    for (let i = 0; i < width && at + i < out.length; i++) {
      out[at + i] = Number((value >> BigInt(8 * i)) & 0xffn);
    }
    return [`${width}-byte number at ${at} set to ${value}`, out];
  },
];

/** `count` damaged copies of `bytes` (at least one byte long); the same seed gives the same copies. */
export function* mutationsOf(bytes: Uint8Array, count = 200, seed = 1): Generator<Mutation> {
  const random = seededRandom(seed);
  const below = (n: number) => Math.floor(random() * n);
  yield { description: "empty file", bytes: new Uint8Array(0) };
  yield { description: "all bytes zero", bytes: new Uint8Array(bytes.length) };
  for (let i = 2; i < count; i++) {
    const [description, damaged] = DAMAGES[i % DAMAGES.length](bytes, below);
    yield { description, bytes: damaged };
  }
}

export interface MutationCheck {
  count?: number;
  seed?: number;
  /** Set where the format has no checksum over its values: a result that differs from the original's is then legal. */
  unprotected?: boolean;
}

/** Longest time one damaged copy may take, generous because test machines are shared. */
const LIMIT_MS = 5_000;
const LIMIT_BYTES = 2 ** 30;
const NAMES = ["FormatError", "UnsupportedError", "NotFoundError", "SyntaxError", "RangeError"];

/**
 * Decodes the original and `count` (200) damaged copies of it, and throws at the first copy that is handled badly.
 * Returns how many copies were refused and how many decoded.
 */
export async function checkMutations(
  bytes: Uint8Array,
  decode: (bytes: Uint8Array) => unknown,
  options: MutationCheck = {},
): Promise<{ refused: number; decoded: number }> {
  const expected = await decode(bytes.slice());
  const counts = { refused: 0, decoded: 0 };
  resetPeak();
  const before = peakBytes();
  for (const { description, bytes: damaged } of mutationsOf(bytes, options.count, options.seed)) {
    const fail = (what: string, cause?: unknown) =>
      new Error(`With ${description}: ${what}`, { cause });
    const start = performance.now();
    const outcome = await attempt(() => decode(damaged));
    if ("error" in outcome) {
      counts.refused++;
      const { name, message } = outcome.error as Error;
      if (!NAMES.includes(name) || !/^Cannot .+: \S/s.test(message)) {
        throw fail(`not a named error in the house grammar but ${name}: ${message}`, outcome.error);
      }
    } else {
      counts.decoded++;
      if (!options.unprotected && !isDeepStrictEqual(outcome.value, expected)) {
        throw fail("a wrong value was returned");
      }
    }
    const elapsedMs = performance.now() - start;
    if (elapsedMs > LIMIT_MS) throw fail(`took ${elapsedMs.toFixed(0)} ms, limit ${LIMIT_MS}`);
    const grown = peakBytes() - before;
    if (grown > LIMIT_BYTES) throw fail(`took ${grown} bytes of memory, limit ${LIMIT_BYTES}`);
  }
  return counts;
}

async function attempt(decode: () => unknown): Promise<{ value: unknown } | { error: unknown }> {
  try {
    return { value: await decode() };
  } catch (error) {
    return { error };
  }
}

/** Peak resident memory of this process; 0 where the system does not tell (only Linux does). */
function peakBytes(): number {
  const status = "/proc/self/status";
  if (!existsSync(status)) return 0;
  return Number(/VmHWM:\s*(\d+) kB/.exec(Deno.readTextFileSync(status))?.[1] ?? 0) * 1024;
}

/** Makes the peak start again from the present use (proc(5): 5 resets the high-water mark). */
function resetPeak(): void {
  if (!existsSync("/proc/self/clear_refs")) return;
  try {
    Deno.writeTextFileSync("/proc/self/clear_refs", "5");
  } catch {
    // A container may forbid it; the peak then counts from the start of the process.
  }
}

function joined(...parts: Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
