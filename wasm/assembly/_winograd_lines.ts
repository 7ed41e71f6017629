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

/** Steps of the arithmetic on one vector; names in the text end in the suffix of the vector. */
export interface Arithmetic {
  /** Addresses that advance with the vectors. */
  readonly pointers: readonly string[];
  load(suffix: string, offset: number): string;
  compute(suffix: string): string;
  store(suffix: string, offset: number): string;
}

/** A loop over `bytes` (a multiple of 16, used up), some vectors at a time and then one by one. */
export function vectorLoop(kind: Kind, { pointers, load, compute, store }: Arithmetic): string {
  const unroll = kind === "shuffle" ? 4 : 2;
  const advance = (n: number) => pointers.map((p) => `${p} += ${16 * n};`).join(" ");
  const one = (s: string, offset: number) =>
    `${load(s, offset)}\n${compute(s)}\n${store(s, offset)}`;
  const many = kind === "shuffle"
    ? lines(unroll, (i) => `{\n${one(`_${i}`, 16 * i)}\n}`)
    : [load, (s: string) => compute(s), store].map((step) =>
      lines(unroll, (i) => step(`_${i}`, 16 * i))
    ).join("\n");
  return `
for (; bytes >= ${16 * unroll}; bytes -= ${16 * unroll}) {
${many}
${advance(unroll)}
}
for (; bytes > 0; bytes -= 16) {
${one("_0", 0)}
${advance(1)}
}`;
}
