/** Writes the matrix products of the Winograd convolution: C[tiles][out] (+)= A[tiles][k] B[k][out] at one point. */
import { type Kind, lines, range } from "./_winograd_lines.ts";

/** Input channels that are multiplied at once; rows of A are this many floats apart, a constant of the code. */
export const SLICE = 32;

/** Output channels of a block of B, whose rows are adjacent; a last block may have half. */
const BLOCK_BYTES = 32;

/** Tiles of C whose sums stay in registers: most rows, and vectors by the number of rows. */
const TILE = {
  shuffle: { rows: 4, vectors: (rows: number) => rows <= 2 ? [4, 2, 1] : [2, 1] },
  splat: { rows: 6, vectors: (_rows: number) => [4, 2, 1] },
};

/**
 * Rows of the next tile when `left` are left. Tiles of 1 row are slow; "shuffle" is fastest with 4 and almost with 2, "splat"
 * with 5 and 6.
 */
const NEXT_ROWS = {
  shuffle: "left >= 6 || left == 4 ? 4 : left == 5 ? 3 : left",
  splat: "left > 6 && left < 12 ? (left + 1) / 2 : min(left, 6)",
};

function broadcast(vector: string, lane: number): string {
  const bytes = range(16).map((i) => lane * 4 + i % 4);
  return `v128.shuffle<i8>(${vector}, ${vector}, ${bytes.join(", ")})`;
}

/** One k: its weights times that input of every row. Four vectors lie in two blocks. */
function multiplyAdd(
  rows: number,
  vectors: number,
  step: number,
  input: (r: number) => string,
): string {
  const width = Math.min(vectors * 16, BLOCK_BYTES);
  const weights = lines(
    vectors,
    (v) => `const w${v} = v128.load(${v < 2 ? "u" : "u2"}, ${step * width + v % 2 * 16});`,
  );
  const sums = lines(
    rows,
    (r) =>
      `{\nconst x = ${input(r)};\n${
        lines(vectors, (v) => `s${r}_${v} = f32x4.relaxed_madd(x, w${v}, s${r}_${v});`)
      }\n}`,
  );
  return `{\n${weights}\n${sums}\n}`;
}

/** A tile of C over all of k: sums start at zero, or (\`more\`) at what C holds. */
function tile(kind: Kind, rows: number, vectors: number, more: boolean): string {
  const cells = range(rows).flatMap((r) => range(vectors).map((v) => ({ r, v })));
  const cell = (f: (r: number, v: number) => string) => cells.map(({ r, v }) => f(r, v)).join("\n");
  const unroll = kind === "shuffle" ? 4 : 1;
  const width = Math.min(vectors * 16, BLOCK_BYTES);
  const step = kind === "shuffle"
    ? `
${lines(rows, (r) => `const a${r} = v128.load(a, ${r * SLICE * 4});`)}
${lines(4, (i) => multiplyAdd(rows, vectors, i, (r) => broadcast(`a${r}`, i)))}`
    : multiplyAdd(rows, vectors, 0, (r) => `v128.load32_splat(a, ${r * SLICE * 4})`);
  return `
export function ${
    more ? "add" : "set"
  }_${rows}_${vectors}(a: usize, u: usize, u2: usize, c: usize, k: i32, pitch: usize): void {
const c0 = c;
${lines(rows - 1, (r) => `const c${r + 1} = c${r} + pitch;`)}
${cell((r, v) => `let s${r}_${v} = ${more ? `v128.load(c${r}, ${16 * v})` : "f32x4.splat(0)"};`)}
for (const end = a + (k << 2); a < end; a += ${4 * unroll}) {
${step}
u += ${width * unroll};
${vectors > 2 ? `u2 += ${width * unroll};` : ""}
}
${cell((r, v) => `v128.store(c${r}, s${r}_${v}, ${16 * v});`)}
}
`;
}

/** A number of rows, all output channels; \`all\` input channels are in B, k of them are multiplied from \`done\` on. */
function rowsProduct(kind: Kind, rows: number): string {
  const vectors = TILE[kind].vectors(rows);
  const part = (v: number) => {
    const block = Math.min(16 * v, BLOCK_BYTES);
    const call = `${rows}_${v}(a, u + done * ${block}, u + (done + all) * ${block}, c, k, pitch);`;
    return `
if (done) add_${call}
else set_${call}
u += all * ${16 * v};
c += ${16 * v};
left -= ${v};`;
  };
  const [widest, ...others] = vectors;
  return `
function rows_${rows}(a: usize, u: usize, c: usize, k: i32, pitch: usize, done: usize, all: usize): void {
let left = <i32>pitch >> 4;
while (left >= ${widest}) {${part(widest)}
}
${others.map((v) => `if (left >= ${v}) {${part(v)}\n}`).join("\n")}
}
`;
}

/** AssemblyScript of `product(tiles, …)`. */
export function products(kind: Kind): string {
  const rows = range(TILE[kind].rows).map((r) => r + 1);
  const tiles = rows.flatMap((r) =>
    TILE[kind].vectors(r).flatMap((v) => [false, true].map((more) => tile(kind, r, v, more)))
  );
  return [...tiles, ...rows.map((r) => rowsProduct(kind, r))].join("\n") + `
function product(tiles: i32, a: usize, u: usize, c: usize, k: i32, pitch: usize, done: usize, all: usize): void {
for (let left = tiles; left > 0;) {
const rows = ${NEXT_ROWS[kind]};
switch (rows) {
${rows.map((r) => `case ${r}: rows_${r}(a, u, c, k, pitch, done, all); break;`).join("\n")}
}
a += <usize>rows * SLICE_BYTES;
c += <usize>rows * pitch;
left -= rows;
}
}
`;
}
