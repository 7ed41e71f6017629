/**
 * Electron-microscopy-like tissue with known truth: curved processes that touch each other fill the volume; dark
 * membranes between them, some faint or with gaps; mitochondria; texture, blur and noise.
 *
 * Only integer mixing, the four operations and square roots are used, so that a seed gives the same bytes everywhere.
 */
import { mapZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import { growNeurites, mix, type Neurite, RandomStream, STEP } from "./synthetic_neurites.ts";

/** A volume and its truth. */
export interface SyntheticTissue {
  readonly size: Zyx;
  /** `[z, y, x]`, membranes dark, cytoplasm mid-grey. */
  readonly image: Uint8Array<ArrayBuffer>;
  /** `[z, y, x]`: number of the process from 1; 0 on membranes, which belong to no process. */
  readonly labels: Uint16Array<ArrayBuffer>;
  /** Number of processes. */
  readonly count: number;
}

/** Voxels of the truth within this distance of the middle of a membrane are 0. */
const MEMBRANE_CORE = 1;
/** Distance from the middle of a membrane at which it stops being dark, in voxels. */
const MEMBRANE_REACH = 2;
const SMALLEST_SIZE = 16;

/** Grey values, 0 to 255; the darks are subtracted from the cytoplasm. */
const CYTOPLASM = 158, MEMBRANE_DARK = 120, MITOCHONDRION_DARK = 30, MITOCHONDRION_RIM_DARK = 46;
/** Amplitudes: tone of a process, texture, standard deviation of the noise. */
const TONE = 9, TEXTURE = 11, NOISE = 8;

/**
 * Makes a volume of tissue; the same arguments give the same bytes on every machine.
 *
 * @throws {RangeError} when `size` (zyx) or `seed` is unusable.
 */
export function syntheticTissue(
  { size, seed }: { size: Zyx; seed: number },
): SyntheticTissue {
  if (!size.every((n) => Number.isInteger(n) && n >= SMALLEST_SIZE)) {
    throw new RangeError(
      `Cannot make tissue: each axis of size (zyx) must be a whole number from ${SMALLEST_SIZE}, ` +
        `current size is (${size.join(", ")})`,
    );
  }
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new RangeError(
      `Cannot make tissue: seed must be a whole number from 0 to 4294967295, current seed is ${seed}`,
    );
  }
  const neurites = growNeurites(size, new RandomStream(seed, 1));
  const { owner, depth } = partition(size, neurites);
  const labels = owner.map((id, i) => depth[i] < MEMBRANE_CORE ? 0 : id);
  const grey = paint(size, seed, owner, depth, neurites);
  blur(grey, size);
  const image = new Uint8Array(grey.length);
  for (let i = 0; i < image.length; i++) {
    image[i] = Math.max(
      0,
      Math.min(255, Math.round(grey[i] + NOISE * bell(mix(seed ^ 0x5bd1e995, i)))),
    );
  }
  return { size, image, labels, count: neurites.length };
}

/**
 * The tissue inside an empty frame, as aligned sections have around them: image and labels are 0 there. A frame of half
 * a field of view lets a network be centred on every voxel of the tissue.
 */
export function withFrame(tissue: SyntheticTissue, width: number): SyntheticTissue {
  const [depth, height, length] = tissue.size;
  const size = mapZyx((n) => n + 2 * width, tissue.size);
  const image = new Uint8Array(volumeOf(size));
  const labels = new Uint16Array(volumeOf(size));
  for (let z = 0, from = 0; z < depth; z++) {
    for (let y = 0; y < height; y++, from += length) {
      const to = ((z + width) * size[1] + y + width) * size[2] + width;
      image.set(tissue.image.subarray(from, from + length), to);
      labels.set(tissue.labels.subarray(from, from + length), to);
    }
  }
  return { size, image, labels, count: tissue.count };
}

/**
 * Which process each voxel belongs to, `[z, y, x]` from 1 (that whose surface is nearest), and its distance in voxels
 * to the middle of the nearest membrane. A process is connected: going straight to its axis never leaves it.
 */
function partition(
  size: Zyx,
  neurites: readonly Neurite[],
): { owner: Uint16Array<ArrayBuffer>; depth: Float32Array } {
  const owner = new Uint16Array(volumeOf(size));
  const depth = new Float32Array(owner.length);
  const block = 8;
  const [nz, ny, nx] = size;
  for (let bz = 0; bz < nz; bz += block) {
    for (let by = 0; by < ny; by += block) {
      for (let bx = 0; bx < nx; bx += block) {
        const near = nearbyPoints([bz, by, bx], block, neurites);
        for (let z = bz; z < Math.min(bz + block, nz); z++) {
          for (let y = by; y < Math.min(by + block, ny); y++) {
            for (let x = bx; x < Math.min(bx + block, nx); x++) {
              const i = (z * ny + y) * nx + x;
              [owner[i], depth[i]] = locate(z, y, x, near);
            }
          }
        }
      }
    }
  }
  return { owner, depth };
}

/** The points of one process that can be nearest to some voxel of a block. */
interface NearbyPoints {
  readonly id: number;
  readonly extraRadius: number;
  /** z, y, x of each point in turn. */
  readonly coordinates: Float64Array;
}

/** Points that can be the nearest or the second nearest process of some voxel of a cubic block. */
function nearbyPoints(start: Zyx, edge: number, neurites: readonly Neurite[]): NearbyPoints[] {
  const [cz, cy, cx] = start.map((v) => v + (edge - 1) / 2);
  const distances = neurites.map(({ points, extraRadius }) =>
    points.map(([z, y, x]) =>
      Math.sqrt(square(z - cz) + square(y - cy) + square(x - cx)) - extraRadius
    )
  );
  const second = distances.map((d) => Math.min(...d)).sort((a, b) => a - b)[1] ?? Infinity;
  // Distances of centre and voxel differ by at most half the diagonal, on both sides of the comparison.
  const limit = second + Math.sqrt(3) * edge;
  return neurites.map(({ points, extraRadius }, n) => ({
    id: n + 1,
    extraRadius,
    coordinates: Float64Array.from(points.filter((_, i) => distances[n][i] <= limit).flat()),
  })).filter(({ coordinates }) => coordinates.length > 0);
}

/** Process of a voxel and distance to the middle of the membrane. */
function locate(z: number, y: number, x: number, near: readonly NearbyPoints[]): [number, number] {
  let first = Infinity, second = Infinity, id = 0;
  // Unit vectors from the nearest points of both processes.
  let [az, ay, ax, bz, by, bx] = [0, 0, 0, 0, 0, 0];
  for (const { id: candidate, extraRadius, coordinates: c } of near) {
    let squared = Infinity, at = 0;
    for (let k = 0; k < c.length; k += 3) {
      const dz = z - c[k], dy = y - c[k + 1], dx = x - c[k + 2];
      const s = dz * dz + dy * dy + dx * dx;
      if (s < squared) [squared, at] = [s, k];
    }
    const distance = Math.sqrt(squared);
    const surface = distance - extraRadius;
    if (surface >= second) continue;
    const inverse = 1 / Math.max(distance, 1e-6);
    const uz = (z - c[at]) * inverse,
      uy = (y - c[at + 1]) * inverse,
      ux = (x - c[at + 2]) * inverse;
    if (surface < first) {
      [second, bz, by, bx] = [first, az, ay, ax];
      [first, az, ay, ax, id] = [surface, uz, uy, ux, candidate];
    } else {
      [second, bz, by, bx] = [surface, uz, uy, ux];
    }
  }
  // The difference of the distances grows this fast across the membrane.
  const slope = Math.sqrt(square(az - bz) + square(ay - by) + square(ax - bx));
  return [id, second === Infinity ? Infinity : (second - first) / Math.max(slope, 0.2)];
}

/** Grey values `[z, y, x]` before blur and noise. */
function paint(
  size: Zyx,
  seed: number,
  owner: Uint16Array,
  depth: Float32Array,
  neurites: readonly Neurite[],
): Float32Array {
  const [nz, ny, nx] = size;
  const grey = new Float32Array(owner.length);
  for (let z = 0, i = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      for (let x = 0; x < nx; x++, i++) {
        const tone = bell(mix(seed ^ 0x1234567, owner[i]));
        const texture = smoothNoise(seed ^ 0x2222, z / 3.5, y / 3.5, x / 3.5);
        grey[i] = CYTOPLASM + TONE * tone + TEXTURE * texture;
      }
    }
  }
  paintMitochondria(grey, size, seed, owner, depth, neurites);
  for (let z = 0, i = 0; z < nz; z++) {
    for (let y = 0; y < ny; y++) {
      for (let x = 0; x < nx; x++, i++) {
        if (depth[i] >= MEMBRANE_REACH) continue;
        const profile = 1 - square(depth[i] / MEMBRANE_REACH);
        // Faint in spots of a few voxels, 2 to 3 percent of the surface: this is what defeats a threshold.
        const spot = smoothNoise(seed ^ 0x3333, z / 4.5, y / 4.5, x / 4.5);
        const strength = Math.max(0.25, Math.min(1, 1 + 5 * (spot + 0.62)));
        grey[i] -= MEMBRANE_DARK * profile * strength;
      }
    }
  }
  return grey;
}

/** Darkens rods of radius 3 to 4.5 voxels around stretches of some axes, away from the membranes. */
function paintMitochondria(
  grey: Float32Array,
  size: Zyx,
  seed: number,
  owner: Uint16Array,
  depth: Float32Array,
  neurites: readonly Neurite[],
): void {
  const random = new RandomStream(seed, 2);
  const [nz, ny, nx] = size;
  neurites.forEach(({ points }, n) => {
    for (let at = Math.floor(random.between(0, 30)); at < points.length;) {
      const length = Math.round(random.between(8, 16) / STEP);
      const radius = random.between(3, 4.5);
      const rod = points.slice(at, at + length);
      const low = [0, 1, 2].map((a) => Math.min(...rod.map((p) => p[a])) - radius);
      const high = [0, 1, 2].map((a) => Math.max(...rod.map((p) => p[a])) + radius);
      for (let z = Math.max(0, Math.ceil(low[0])); z <= Math.min(nz - 1, high[0]); z++) {
        for (let y = Math.max(0, Math.ceil(low[1])); y <= Math.min(ny - 1, high[1]); y++) {
          for (let x = Math.max(0, Math.ceil(low[2])); x <= Math.min(nx - 1, high[2]); x++) {
            const i = (z * ny + y) * nx + x;
            if (owner[i] !== n + 1 || depth[i] < MEMBRANE_REACH) continue;
            const squared = Math.min(
              ...rod.map((p) => square(p[0] - z) + square(p[1] - y) + square(p[2] - x)),
            );
            const inside = radius - Math.sqrt(squared);
            if (inside > 0) grey[i] -= inside < 1 ? MITOCHONDRION_RIM_DARK : MITOCHONDRION_DARK;
          }
        }
      }
      at += length + Math.floor(random.between(20, 60));
    }
  });
}

/** Blurs `[z, y, x]` by 1-2-1 along each axis, edges repeated, in place. */
function blur(values: Float32Array, size: Zyx): void {
  const strides = [size[1] * size[2], size[2], 1];
  for (const axis of [0, 1, 2]) {
    const [count, stride] = [size[axis], strides[axis]];
    for (let line = 0; line < values.length / count; line++) {
      const first = Math.floor(line / stride) * stride * count + line % stride;
      let previous = values[first];
      for (let k = 0, i = first; k < count; k++, i += stride) {
        const next = values[k + 1 < count ? i + stride : i];
        const current = values[i];
        values[i] = (previous + 2 * current + next) / 4;
        previous = current;
      }
    }
  }
}

/** Interpolated lattice noise in (-1, 1), correlated over one unit of its coordinates. */
function smoothNoise(seed: number, z: number, y: number, x: number): number {
  const [iz, iy, ix] = [Math.floor(z), Math.floor(y), Math.floor(x)];
  const [fz, fy, fx] = [ease(z - iz), ease(y - iy), ease(x - ix)];
  let sum = 0;
  for (let corner = 0; corner < 8; corner++) {
    const [dz, dy, dx] = [corner >> 2, (corner >> 1) & 1, corner & 1];
    const weight = (dz ? fz : 1 - fz) * (dy ? fy : 1 - fy) * (dx ? fx : 1 - fx);
    const node = mix(mix(mix(seed, iz + dz), iy + dy), ix + dx);
    sum += weight * ((node >>> 0) / 2 ** 31 - 1);
  }
  return sum;
}

/** `v ** 2` in one multiplication: the result of a power may differ between machines. */
function square(v: number): number {
  return v * v;
}

function ease(t: number): number {
  return t * t * (3 - 2 * t);
}

/** A nearly normal value of variance 1 from 32 random bits: the sum of four uniform bytes. */
function bell(bits: number): number {
  const sum = (bits & 255) + ((bits >>> 8) & 255) + ((bits >>> 16) & 255) + (bits >>> 24);
  return (sum - 510) / 147.8;
}
