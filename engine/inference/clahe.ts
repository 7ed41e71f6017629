/**
 * Contrast-limited adaptive histogram equalisation of one section, number for number what scikit-image's
 * `equalize_adapthist` gives with its defaults for 8-bit images.
 */

/** Grey levels that the equalisation works with. */
const LEVELS = 16384;
const BINS = 256;
/** Grey levels per bin. */
const BIN_SIZE = 1 + LEVELS / BINS;
/** Part of a tile's pixels that one bin may hold. */
const CLIP_LIMIT = 0.01;
/** Tiles along an axis. */
const TILES = 8;

/** An image of bins, padded so that tiles fit. */
interface Padded {
  readonly bins: Uint8Array;
  readonly width: number;
  /** Pixels that were added in front. */
  readonly before: readonly [y: number, x: number];
  /** Edges of a tile. */
  readonly tile: readonly [y: number, x: number];
  /** Whole tiles along each axis. */
  readonly blocks: readonly [y: number, x: number];
}

/**
 * Equalises one 8-bit section `[y, x]`.
 *
 * @returns `[y, x]`, stretched to 0 … 1.
 * @throws {RangeError} when all pixels are equal.
 */
export function equalizeAdaptively(
  section: Uint8Array,
  height: number,
  width: number,
): Float64Array {
  const padded = pad(stretched(section), height, width);
  const maps = tileMaps(padded);
  const out = new Float64Array(height * width);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) out[i] = interpolated(padded, maps, y, x);
  }
  const low = out.reduce((a, b) => Math.min(a, b)), high = out.reduce((a, b) => Math.max(a, b));
  return high === low ? refuseFlat() : out.map((v) => (v - low) / (high - low));
}

function refuseFlat(): never {
  throw new RangeError("Cannot equalise a section: all of its pixels are equal");
}

/** Grey levels of an image whose darkest pixel becomes 0 and whose brightest becomes the last level. */
function stretched(section: Uint8Array): Uint16Array {
  const low = 257 * section.reduce((a, b) => Math.min(a, b), 255);
  const high = 257 * section.reduce((a, b) => Math.max(a, b), 0);
  if (high <= low) refuseFlat();
  return Uint16Array.from(
    section,
    (v) => roundHalfEven((257 * v - low) / (high - low) * (LEVELS - 1)),
  );
}

function roundHalfEven(v: number): number {
  const floor = Math.floor(v);
  if (v - floor !== 0.5) return Math.round(v);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Mirrors the image at its faces: half a tile in front, and behind so much that tiles fit and half of one is left. */
function pad(levels: Uint16Array, height: number, width: number): Padded {
  const size = [height, width];
  const tile = size.map((n) => Math.max(Math.floor(n / TILES), 1)) as [number, number];
  const before = tile.map((k) => Math.floor(k / 2)) as [number, number];
  const full = size.map((n, axis) => {
    const k = tile[axis];
    return before[axis] + n + (k - n % k) % k + Math.ceil(k / 2);
  });
  const source = full.map((n, axis) =>
    Array.from({ length: n }, (_, i) => mirrored(i - before[axis], size[axis]))
  );
  const bins = new Uint8Array(full[0] * full[1]);
  let i = 0;
  for (const y of source[0]) {
    for (const x of source[1]) bins[i++] = Math.floor(levels[y * width + x] / BIN_SIZE);
  }
  const blocks = full.map((n, axis) => Math.floor(n / tile[axis])) as [number, number];
  return { bins, width: full[1], before, tile, blocks };
}

/** Index inside 0 … n - 1 that a position beyond it mirrors; the outermost pixels are not repeated. */
function mirrored(i: number, n: number): number {
  if (n === 1) return 0;
  const period = 2 * (n - 1);
  const j = ((i % period) + period) % period;
  return j < n ? j : period - j;
}

/** Grey level that each tile gives to each bin, `[tile y, tile x, bin]`; tiles start behind the padding in front. */
function tileMaps({ bins, width, tile: [ky, kx], blocks }: Padded): Uint16Array {
  const [rows, columns] = [blocks[0] - 1, blocks[1] - 1];
  const area = ky * kx;
  const limit = Math.max(1, Math.floor(CLIP_LIMIT * area));
  const maps = new Uint16Array(rows * columns * BINS);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const histogram = new Float64Array(BINS);
      const top = Math.floor(ky / 2) + row * ky, left = Math.floor(kx / 2) + column * kx;
      for (let y = top; y < top + ky; y++) {
        for (let x = left; x < left + kx; x++) histogram[bins[y * width + x]]++;
      }
      clip(histogram, limit);
      const base = (row * columns + column) * BINS;
      let below = 0;
      for (let bin = 0; bin < BINS; bin++) {
        below += histogram[bin];
        maps[base + bin] = Math.floor(Math.min(below * ((LEVELS - 1) / area), LEVELS - 1));
      }
    }
  }
  return maps;
}

/** Cuts bins to the limit and hands out what was cut off to the others. */
function clip(histogram: Float64Array, limit: number): void {
  let excess = 0;
  for (let bin = 0; bin < BINS; bin++) {
    excess += Math.max(0, histogram[bin] - limit);
    histogram[bin] = Math.min(histogram[bin], limit);
  }
  const increment = Math.floor(excess / BINS);
  const upper = limit - increment;
  for (let bin = 0; bin < BINS; bin++) {
    if (histogram[bin] < upper) {
      histogram[bin] += increment;
      excess -= increment;
    }
  }
  for (let bin = 0; bin < BINS; bin++) {
    if (histogram[bin] >= upper && histogram[bin] < limit) {
      excess -= limit - histogram[bin];
      histogram[bin] = limit;
    }
  }
  // One by one, spread over the bins; a round that changes nothing ends it.
  for (let before = Infinity; excess > 0 && excess < before;) {
    before = excess;
    for (let start = 0; start < BINS && excess > 0; start++) {
      const under = histogram.reduce((n, v) => n + (v < limit ? 1 : 0), 0);
      const stride = Math.max(1, Math.floor(under / excess));
      for (let bin = start; bin < BINS; bin += stride) {
        if (histogram[bin] < limit) {
          histogram[bin]++;
          excess--;
        }
      }
    }
  }
}

/** Blend of what the four tiles around a pixel make of it, summed in float32 and cut to an integer. */
function interpolated(padded: Padded, maps: Uint16Array, y: number, x: number): number {
  const { bins, width, before, tile: [ky, kx], blocks } = padded;
  const [py, px] = [y + before[0], x + before[1]];
  const bin = bins[py * width + px];
  const [blockY, blockX] = [Math.floor(py / ky), Math.floor(px / kx)];
  const [fy, fx] = [(py % ky) / ky, (px % kx) / kx];
  const [rows, columns] = [blocks[0] - 1, blocks[1] - 1];
  // Tile i covers the second half of block i and the first of block i + 1; beyond the last, the last one counts.
  const clamp = (i: number, n: number) => Math.min(Math.max(i, 0), n - 1);
  let sum = 0;
  for (const edgeY of [0, 1]) {
    for (const edgeX of [0, 1]) {
      const row = clamp(blockY + edgeY - 1, rows), column = clamp(blockX + edgeX - 1, columns);
      const level = maps[(row * columns + column) * BINS + bin];
      const weight = (edgeX ? fx : 1 - fx) * (edgeY ? fy : 1 - fy);
      sum = Math.fround(sum + Math.fround(level * weight));
    }
  }
  return Math.floor(sum);
}
