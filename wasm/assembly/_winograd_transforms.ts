/**
 * Writes the transforms of F(3,3) with the points 0, 1, -1, 2 and infinity: five values d to five r on the way in, five
 * sums m to three y on the way out, and for gradients of weights three values y to five r, the transpose of the way out.
 */
import { type Arithmetic, type Kind, lines, vectorLoop } from "./_winograd_lines.ts";

function forward(s: string): string {
  return `
const t${s} = f32x4.sub(d3${s}, d1${s}), e${s} = f32x4.sub(d3${s}, d2${s});
const r0${s} = f32x4.relaxed_madd(two, f32x4.sub(d0${s}, d2${s}), t${s});
const r1${s} = f32x4.relaxed_nmadd(two, d1${s}, e${s});
const r2${s} = f32x4.relaxed_madd(two, f32x4.sub(d1${s}, d2${s}), e${s});
const r3${s} = t${s};
const r4${s} = f32x4.relaxed_nmadd(two, t${s}, f32x4.sub(d4${s}, d2${s}));`;
}

function backward(s: string): string {
  return `
const p${s} = f32x4.add(m1${s}, m2${s}), q${s} = f32x4.sub(m1${s}, m2${s});
const y0${s} = f32x4.add(f32x4.add(m0${s}, p${s}), m3${s});
const y1${s} = f32x4.relaxed_madd(two, m3${s}, q${s});
const y2${s} = f32x4.relaxed_madd(four, m3${s}, f32x4.add(p${s}, m4${s}));`;
}

function spreading(s: string): string {
  return `
const e${s} = f32x4.add(y0${s}, y2${s});
const r0${s} = y0${s};
const r1${s} = f32x4.add(e${s}, y1${s});
const r2${s} = f32x4.sub(e${s}, y1${s});
const r3${s} = f32x4.relaxed_madd(four, y2${s}, f32x4.relaxed_madd(two, y1${s}, y0${s}));
const r4${s} = y2${s};`;
}

const CONSTANTS = "const two = f32x4.splat(2), four = f32x4.splat(4);";

/** Loads of one vector from each of the pointers into names that start with `name`. */
function loads(
  pointers: readonly string[],
  name: string,
  wrap = (x: string) => x,
): Arithmetic["load"] {
  return ({ suffix, address, offset }) =>
    pointers.map((p, k) =>
      `const ${name}${k}${suffix} = ${wrap(`v128.load(${address(p)}, ${offset})`)};`
    );
}

function stores(pointers: readonly string[], name: string): Arithmetic["store"] {
  return ({ suffix, address, offset }) =>
    pointers.map((p, k) => `v128.store(${address(p)}, ${name}${k}${suffix}, ${offset});`);
}

function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

/** Pointers \`to\`, \`to + step\`, … under the names with that prefix. */
function inSteps(prefix: string, count: number, to: string): string {
  return `let ${prefix}0 = ${to};\n` +
    lines(count - 1, (i) => `let ${prefix}${i + 1} = ${prefix}${i} + step;`);
}

const FIVE = "a0: usize, a1: usize, a2: usize, a3: usize, a4: usize";

/** Across rows: five rows anywhere into five rows \`step\` apart; \`raised\` ones are at least \`least\` first (a ReLU). */
function forwardRows(kind: Kind, raised: boolean): string {
  const [from, to] = [names("a", 5), names("b", 5)];
  return `
function ${raised ? "forwardRaised" : "forwardRows"}(${FIVE}, to: usize, step: usize, bytes: i32${
    raised ? ", least: f32" : ""
  }): void {
${CONSTANTS}
${raised ? "const low = f32x4.splat(least);" : ""}
${inSteps("b", 5, "to")}
${
    vectorLoop(kind, {
      pointers: [...from, ...to],
      load: loads(from, "d", raised ? (x) => `f32x4.pmax(${x}, low)` : undefined),
      compute: forward,
      store: stores(to, "r"),
    })
  }
}
`;
}

/** Across rows: five rows \`step\` apart into three rows as far apart. */
function backwardRows(kind: Kind): string {
  const [from, to] = [names("a", 5), names("b", 3)];
  return `
function backwardRows(from: usize, to: usize, step: usize, bytes: i32): void {
${CONSTANTS}
${inSteps("a", 5, "from")}
${inSteps("b", 3, "to")}
${
    vectorLoop(kind, {
      pointers: [...from, ...to],
      load: loads(from, "m"),
      compute: backward,
      store: stores(to, "y"),
    })
  }
}
`;
}

/** One or two vectors of channels, all tiles of a row: the last two voxels of a tile are the first two of the next. */
function forwardColumn(vectors: number): string {
  const all = (line: (s: string, offset: number) => string) =>
    lines(vectors, (v) => line(`_${v}`, 16 * v));
  return `
function forwardColumn${vectors}(from: usize, to: usize, tiles: i32, pitch: usize, step: usize): void {
${CONSTANTS}
${inSteps("b", 5, "to")}
${
    all((s, o) =>
      `let next0${s} = v128.load(from, ${o}), next1${s} = v128.load(from + pitch, ${o});`
    )
  }
from += 2 * pitch;
for (; tiles > 0; tiles--) {
const a2 = from, a3 = a2 + pitch, a4 = a3 + pitch;
${
    all((s, o) => `
const d0${s} = next0${s}, d1${s} = next1${s};
${lines(3, (k) => `const d${k + 2}${s} = v128.load(a${k + 2}, ${o});`)}
next0${s} = d3${s};
next1${s} = d4${s};`)
  }
${all(forward)}
${lines(5, (k) => all((s, o) => `v128.store(b${k}, r${k}${s}, ${o});`))}
from += 3 * pitch;
${lines(5, (k) => `b${k} += SLICE_BYTES;`)}
}
}
`;
}

const TILES = `
/** Along a row of voxels of \`pitch\` bytes: tiles of five voxels, three apart, into v, whose points are \`step\` bytes apart. */
function forwardTiles(row: usize, v: usize, tiles: i32, pitch: usize, step: usize): void {
  for (let channel: usize = 0; channel < pitch;) {
    const slice = channel / SLICE_BYTES;
    const to = v + slice * 5 * step + (channel - slice * SLICE_BYTES);
    if (channel + 32 <= pitch) {
      forwardColumn2(row + channel, to, tiles, pitch, step);
      channel += 32;
    } else {
      forwardColumn1(row + channel, to, tiles, pitch, step);
      channel += 16;
    }
  }
}
`;

/** Along a row: the products of all tiles into three voxels of \`pitch\` bytes per tile. */
function backwardTiles(kind: Kind): string {
  const [from, to] = [names("a", 5), names("b", 3)];
  return `
function backwardTiles(p: usize, row: usize, tiles: i32, pitch: usize): void {
${CONSTANTS}
for (; tiles > 0; tiles--, p += pitch, row += 3 * pitch) {
let bytes = <i32>pitch;
${lines(5, (k) => `let a${k} = p + ${k} * step;`)}
${lines(3, (k) => `let b${k} = row + ${k} * pitch;`)}
${
    vectorLoop(kind, {
      pointers: [...from, ...to],
      load: loads(from, "m"),
      compute: backward,
      store: stores(to, "y"),
    })
  }
}
}
`.replace("for (; tiles", "const step = <usize>tiles * pitch;\nfor (; tiles");
}

/** The last back-transform: five rows \`step\` apart into rows at y0, y1, y2, with bias, residual (rows at z) and ReLU. */
function finish(kind: Kind, residual: boolean): string {
  const [from, to, more] = [names("a", 5), names("b", 3), residual ? names("c", 3) : []];
  const rows = more.length ? ", c0: usize, c1: usize, c2: usize" : "";
  return `
function ${
    residual ? "finishWithResidual" : "finish"
  }(from: usize, step: usize, voxels: i32, pitch: i32, biases: usize, least: f32, b0: usize, b1: usize, b2: usize${rows}): void {
${CONSTANTS}
const floor = f32x4.splat(least);
${inSteps("a", 5, "from")}
for (; voxels > 0; voxels--) {
let bytes = pitch;
let bias = biases;
${
    vectorLoop(kind, {
      pointers: [...from, ...to, ...more, "bias"],
      load: (at) => [
        ...loads(from, "m")(at),
        ...loads(more, "z")(at),
        `const c${at.suffix} = v128.load(${at.address("bias")}, ${at.offset});`,
      ],
      compute: (s) =>
        backward(s) + lines(3, (k) => {
          const biased = `f32x4.add(y${k}${s}, c${s})`;
          const sum = residual ? `f32x4.add(${biased}, z${k}${s})` : biased;
          return `\nconst o${k}${s} = f32x4.pmax(${sum}, floor);`;
        }),
      store: stores(to, "o"),
    })
  }
}
}
`;
}

/**
 * The last back-transform of a gradient: five rows \`step\` apart into rows at b0, b1, b2, zero where rows at e are not
 * above 0, plus residual (rows at c).
 */
function finishMasked(kind: Kind, residual: boolean): string {
  const [from, to] = [names("a", 5), names("b", 3)];
  const [masks, more] = [names("e", 3), residual ? names("c", 3) : []];
  const rows = [...to, ...masks, ...more].map((name) => `${name}: usize`).join(", ");
  return `
function ${
    residual ? "finishMaskedWithResidual" : "finishMasked"
  }(from: usize, step: usize, voxels: i32, pitch: i32, ${rows}): void {
${CONSTANTS}
const zero = f32x4.splat(0);
${inSteps("a", 5, "from")}
let bytes = voxels * pitch;
${
    vectorLoop(kind, {
      pointers: [...from, ...to, ...masks, ...more],
      load: (at) => [...loads(from, "m")(at), ...loads(masks, "k")(at), ...loads(more, "z")(at)],
      compute: (s) =>
        backward(s) + lines(3, (k) => {
          const kept = `v128.and(f32x4.gt(k${k}${s}, zero), y${k}${s})`;
          return `\nconst o${k}${s} = ${residual ? `f32x4.add(${kept}, z${k}${s})` : kept};`;
        }),
      store: stores(to, "o"),
    })
  }
}
`;
}

/** Across rows: three rows anywhere into five rows \`step\` apart. */
function spreadRows(kind: Kind): string {
  const [from, to] = [names("a", 3), names("b", 5)];
  return `
function spreadRows(a0: usize, a1: usize, a2: usize, to: usize, step: usize, bytes: i32): void {
${CONSTANTS}
${inSteps("b", 5, "to")}
${
    vectorLoop(kind, {
      pointers: [...from, ...to],
      load: loads(from, "y"),
      compute: spreading,
      store: stores(to, "r"),
    })
  }
}
`;
}

/** Along a row of voxels of \`pitch\` bytes: tiles of three into z, whose points are \`step\` bytes apart. */
function spreadTiles(kind: Kind): string {
  const [from, to] = [names("a", 3), names("b", 5)];
  return `
function spreadTiles(row: usize, z: usize, tiles: i32, pitch: usize, step: usize): void {
${CONSTANTS}
for (; tiles > 0; tiles--, row += 3 * pitch, z += pitch) {
let bytes = <i32>pitch;
${lines(3, (k) => `let a${k} = row + ${k} * pitch;`)}
${lines(5, (k) => `let b${k} = z + ${k} * step;`)}
${
    vectorLoop(kind, {
      pointers: [...from, ...to],
      load: loads(from, "y"),
      compute: spreading,
      store: stores(to, "r"),
    })
  }
}
}
`;
}

/** AssemblyScript of the transforms of inputs. */
function inputTransforms(kind: Kind): string[] {
  return [
    forwardRows(kind, true),
    forwardRows(kind, false),
    forwardColumn(1),
    forwardColumn(2),
    TILES,
  ];
}

/** AssemblyScript of the transforms of a convolution. */
export function transforms(kind: Kind): string {
  return [
    ...inputTransforms(kind),
    backwardTiles(kind),
    backwardRows(kind),
    finish(kind, false),
    finish(kind, true),
    finishMasked(kind, false),
    finishMasked(kind, true),
  ].join("\n");
}

/** AssemblyScript of the transforms of a gradient of weights. */
export function gradientTransforms(kind: Kind): string {
  return [...inputTransforms(kind), spreadRows(kind), spreadTiles(kind)].join("\n");
}
