/** Pieces of text that the Winograd generators are built from. */

/**
 * Two ways to write the same arithmetic, for two code generators:
 *
 * - "shuffle", for V8 as it comes: 128-bit vectors, of which only fifteen stay in registers, and a bounds check at every
 *   load and store. Tiles of 4 rows by 8 channels, four inputs of a row loaded at once and repeated by shuffles; transforms
 *   finish one vector before they load the next. Compiled without optimisation: Binaryen sinks the sums behind all the
 *   loads, and V8 keeps the order it is given.
 * - "splat", for V8 with its revectoriser and no bounds checks, which packs neighbouring 128-bit operations into 256-bit
 *   ones: tiles of 6 rows by 16 channels, inputs loaded and repeated one at a time; all loads of a pair come before the
 *   stores, or nothing is packed.
 *
 * Both add up in the same order, so that their results are equal to the bit.
 */
export type Kind = "shuffle" | "splat";

export function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

export function lines(count: number, line: (i: number) => string): string {
  return range(count).map(line).join("\n");
}

/** Where the vectors of one suffix lie. */
export interface At {
  readonly suffix: string;
  address(pointer: string): string;
  /** Bytes after the address. */
  readonly offset: number;
}

/** Steps of the arithmetic on one vector; names in the text end in its suffix. */
export interface Arithmetic {
  /** Addresses that advance with the vectors. */
  readonly pointers: readonly string[];
  load(at: At): string[];
  compute(suffix: string): string;
  store(at: At): string[];
}

/** A loop over `bytes` (a multiple of 16), some vectors at a time and then one by one; the pointers end behind them. */
export function vectorLoop(kind: Kind, arithmetic: Arithmetic): string {
  return kind === "shuffle" ? pointerLoop(arithmetic) : indexLoop(arithmetic);
}

/** Vectors per iteration: a voxel of 32 channels, of 8, and what is left. */
const UNROLLS = [8, 2, 1];

/** Every pointer advances, one addition each, and a vector is finished before the next is loaded. */
function pointerLoop({ pointers, load, compute, store }: Arithmetic): string {
  const one = (i: number) => {
    const at = { suffix: `_${i}`, address: (pointer: string) => pointer, offset: 16 * i };
    return ["{", ...load(at), compute(at.suffix), ...store(at), "}"].join("\n");
  };
  return UNROLLS.map((unroll) => `
for (; bytes >= ${16 * unroll}; bytes -= ${16 * unroll}) {
${lines(unroll, one)}
${pointers.map((p) => `${p} += ${16 * unroll};`).join(" ")}
}`).join("");
}

/** One index advances, and neighbouring vectors go through every step together. */
function indexLoop({ pointers, load, compute, store }: Arithmetic): string {
  const steps = (n: number) => {
    const all = range(n).map((i) => ({
      suffix: `_${i}`,
      address: (pointer: string) => `${pointer} + i`,
      offset: 16 * i,
    }));
    return [
      ...together(all.map(load)),
      ...all.map(({ suffix }) => compute(suffix)),
      ...together(all.map(store)),
    ].join("\n");
  };
  return `
let i: usize = 0;
for (; bytes >= 32; bytes -= 32, i += 32) {
${steps(2)}
}
for (; bytes > 0; bytes -= 16, i += 16) {
${steps(1)}
}
${pointers.map((p) => `${p} += i;`).join(" ")}`;
}

/** First lines of all, second lines of all, …: what V8 may pack stands side by side. */
function together(lists: readonly string[][]): string[] {
  return lists[0].flatMap((_, line) => lists.map((list) => list[line]));
}
