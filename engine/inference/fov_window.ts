/** The hot loops of a step: copying one field of view out of the canvas and the predicted object map back into it. */
import type { Zyx } from "../geometry/vectors.ts";

/** Floats of a cache line (64 bytes). */
const LINE = 16;
/** Takes what `fetchWindow` reads, so that the reads are not optimised away. */
let _fetched = 0;

/**
 * Reads one float of every cache line of a window. The network has pushed the canvas out of the caches, and a loop this
 * short keeps many misses in flight where the loops below would wait for one row after the other: half their time.
 */
function fetchWindow(volume: Float32Array, size: Zyx, corner: Zyx, window: Zyx): void {
  const [nz, ny, nx] = window;
  let sum = 0;
  for (let z = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      const row = ((corner[0] + z) * size[1] + corner[1] + y) * size[2] + corner[2];
      for (let from = row; from < row + nx; from += LINE) sum += volume[from];
    }
  }
  _fetched = sum;
}

/**
 * Copies a window of a volume.
 *
 * @param source Volume `[z, y, x]` of `size`.
 * @param corner Lower corner of the window, which lies inside the volume.
 * @param out `[z, y, x]` of size `window`.
 */
export function readWindow(
  source: Float32Array,
  size: Zyx,
  corner: Zyx,
  window: Zyx,
  out: Float32Array,
): void {
  fetchWindow(source, size, corner, window);
  const [nz, ny, nx] = window;
  for (let z = 0, to = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      const row = ((corner[0] + z) * size[1] + corner[1] + y) * size[2] + corner[2];
      for (let from = row; from < row + nx; from++) out[to++] = source[from];
    }
  }
}

/** As `readWindow`, of an object map, with `pad` for voxels that were never visited (NaN). */
export function readObjectMap(
  seed: Float32Array,
  size: Zyx,
  corner: Zyx,
  window: Zyx,
  pad: number,
  out: Float32Array,
): void {
  fetchWindow(seed, size, corner, window);
  const [nz, ny, nx] = window;
  for (let z = 0, to = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      const row = ((corner[0] + z) * size[1] + corner[1] + y) * size[2] + corner[2];
      for (let from = row; from < row + nx; from++) {
        const value = seed[from];
        out[to++] = value === value ? value : pad;
      }
    }
  }
}

/** Writes a predicted object map `[z, y, x]` of size `window` into the canvas at `corner`. */
export function writeObjectMap(
  seed: Float32Array,
  size: Zyx,
  corner: Zyx,
  window: Zyx,
  logits: Float32Array,
): void {
  fetchWindow(seed, size, corner, window);
  const [nz, ny, nx] = window;
  for (let z = 0, from = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      const row = ((corner[0] + z) * size[1] + corner[1] + y) * size[2] + corner[2];
      for (let to = row; to < row + nx; to++) seed[to] = logits[from++];
    }
  }
}

/**
 * As `writeObjectMap`, but a visited voxel below probability 0.5 does not rise: `logits` gets its old value there too.
 * This keeps a field of view that is full of object from reaching across to a part that was ruled out before.
 */
export function writeFrozenObjectMap(
  seed: Float32Array,
  size: Zyx,
  corner: Zyx,
  window: Zyx,
  logits: Float32Array,
): void {
  fetchWindow(seed, size, corner, window);
  const [nz, ny, nx] = window;
  for (let z = 0, from = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      const row = ((corner[0] + z) * size[1] + corner[1] + y) * size[2] + corner[2];
      for (let to = row; to < row + nx; to++, from++) {
        const old = seed[to];
        // Comparisons with NaN are false, so a voxel that was never visited takes the new value.
        if (old < 0 && logits[from] > old) logits[from] = old;
        else seed[to] = logits[from];
      }
    }
  }
}

/** Number of voxels of the window that were at least `present` before and fall below logit 0 in `logits`. */
export function countDeleted(
  seed: Float32Array,
  size: Zyx,
  corner: Zyx,
  window: Zyx,
  logits: Float32Array,
  present: number,
): number {
  const [nz, ny, nx] = window;
  let deleted = 0;
  for (let z = 0, at = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      const row = ((corner[0] + z) * size[1] + corner[1] + y) * size[2] + corner[2];
      for (let from = row; from < row + nx; from++, at++) {
        if (logits[at] < 0 && seed[from] >= present) deleted++;
      }
    }
  }
  return deleted;
}

/** Number of `logits` that are at least `threshold`; NaN where one of them is not a finite number. */
export function countAtLeast(logits: Float32Array, threshold: number): number {
  // `v - v` is 0 unless v is infinite or NaN. Four sums, because one would make every addition wait for the last.
  let count = 0, a = 0, b = 0, c = 0, d = 0;
  const whole = logits.length - logits.length % 4;
  for (let i = 0; i < whole; i += 4) {
    const p = logits[i], q = logits[i + 1], r = logits[i + 2], s = logits[i + 3];
    if (p >= threshold) count++;
    if (q >= threshold) count++;
    if (r >= threshold) count++;
    if (s >= threshold) count++;
    a += p - p;
    b += q - q;
    c += r - r;
    d += s - s;
  }
  for (let i = whole; i < logits.length; i++) {
    if (logits[i] >= threshold) count++;
    a += logits[i] - logits[i];
  }
  return count + a + b + c + d;
}

/** Fills a box of a volume `[z, y, x]` of `size`; `end` is exclusive. */
export function fillBox(
  volume: Float32Array,
  size: Zyx,
  start: Zyx,
  end: Zyx,
  value: number,
): void {
  for (let z = start[0]; z < end[0]; z++) {
    for (let y = start[1]; y < end[1]; y++) {
      const row = (z * size[1] + y) * size[2];
      // `fill` costs 3 µs per call, which is many times a row of a field of view.
      for (let i = row + start[2]; i < row + end[2]; i++) volume[i] = value;
    }
  }
}
