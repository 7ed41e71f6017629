import { arrayConstructor, type DType, type TypedArray } from "../formats/nd_array.ts";
import type { Box } from "../geometry/box.ts";
import { volumeOf, type Zyx } from "../geometry/vectors.ts";
import { checkBox, checkShape } from "./checks.ts";
import type { Volume } from "./volume.ts";
import type { SliceEntry } from "./volume_spec.ts";

/** The positions of one axis that a slice keeps. */
interface Selection {
  readonly start: number;
  /** Negative runs backwards. */
  readonly step: number;
  readonly count: number;
  /** An index: the axis is gone. */
  readonly isDropped: boolean;
}

/** Read-only view of a volume through a slice; the other volume belongs to it. */
class SlicedVolume implements Volume {
  readonly spec: string;
  readonly shape: readonly number[];
  readonly dtype: DType;
  readonly voxelSizeNm?: Zyx;
  readonly offset?: Zyx;
  readonly #base: Volume;
  readonly #axes: readonly Selection[];

  constructor(base: Volume, axes: readonly Selection[], spec: string) {
    const kept = axes.filter((axis) => !axis.isDropped);
    this.spec = spec;
    this.shape = kept.map((axis) => axis.count);
    this.dtype = base.dtype;
    this.#base = base;
    this.#axes = axes;
    const spatial = axes.slice(-3);
    if (base.voxelSizeNm && spatial.every((axis) => !axis.isDropped)) {
      const [z, y, x] = base.voxelSizeNm.map((edge, i) => edge * Math.abs(spatial[i].step));
      this.voxelSizeNm = [z, y, x];
    }
    // Between the voxels of larger steps there is no whole place.
    if (spatial.every((axis) => !axis.isDropped && axis.step === 1)) {
      const [z, y, x] = spatial.map((axis, i) => (base.offset?.[i] ?? 0) + axis.start);
      if (z !== 0 || y !== 0 || x !== 0) this.offset = [z, y, x];
    }
  }

  async read(box: Box, channel = 0): Promise<TypedArray> {
    checkBox("read", this, box, channel);
    const wanted = this.shape.length === 4
      ? [{ start: channel, size: 1 }, ...ranges(box)]
      : ranges(box);
    // Each axis of the other volume: what the slice keeps of it, cut to the box.
    const parts = this.#axes.map((axis) => {
      const { start, size } = axis.isDropped ? { start: 0, size: 1 } : wanted.shift()!;
      return { start: axis.start + start * axis.step, step: axis.step, count: size };
    });
    const [z, y, x] = parts.slice(-3);
    const channels = parts.length === 4 ? parts[0] : { start: 0, step: 1, count: 1 };
    const out = new (arrayConstructor(this.dtype))(volumeOf(box.size));
    for (let c = 0; c < channels.count; c++) {
      const from = c * z.count * y.count * x.count;
      await this.#readChannel([z, y, x], channels.start + c * channels.step, out, from);
    }
    return out;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#base[Symbol.asyncDispose]();
  }

  /** Reads the hull of the wanted voxels plane by plane and picks from it, so that steps cost no more memory. */
  async #readChannel(
    [z, y, x]: readonly Omit<Selection, "isDropped">[],
    channel: number,
    out: TypedArray,
    from: number,
  ): Promise<void> {
    const low = (axis: typeof x) => Math.min(axis.start, axis.start + (axis.count - 1) * axis.step);
    const extent = (axis: typeof x) => (axis.count - 1) * Math.abs(axis.step) + 1;
    // Without steps along z one read serves all planes.
    const planesAtOnce = Math.abs(z.step) === 1 ? z.count : 1;
    for (let k = 0; k < z.count; k += planesAtOnce) {
      const lowZ = planesAtOnce === 1 ? z.start + k * z.step : low(z);
      const size = [planesAtOnce, extent(y), extent(x)] as const;
      const hull = await this.#base.read({ start: [lowZ, low(y), low(x)], size }, channel);
      for (let p = 0; p < planesAtOnce; p++) {
        const plane = z.start + (k + p) * z.step - lowZ;
        for (let j = 0; j < y.count; j++) {
          const row = (plane * size[1] + y.start + j * y.step - low(y)) * size[2] + x.start -
            low(x);
          const to = from + ((k + p) * y.count + j) * x.count;
          for (let i = 0; i < x.count; i++) out[to + i] = hull[row + i * x.step];
        }
      }
    }
  }
}

/**
 * View of a volume through a slice in Python's meaning; the volume is closed with the view.
 *
 * @throws {RangeError} when an index does not exist, or fewer than three axes or no voxels remain.
 */
export function slicedVolume(base: Volume, slice: readonly SliceEntry[], spec: string): Volume {
  if (slice.length === 0) return base;
  if (slice.length > base.shape.length) {
    throw new RangeError(
      `Cannot open "${spec}": the slice has ${slice.length} entries, the volume has ${base.shape.length} dimensions`,
    );
  }
  const axes = base.shape.map((size, axis) => select(slice[axis] ?? {}, size, axis, spec));
  checkShape(spec, axes.filter((axis) => !axis.isDropped).map((axis) => axis.count));
  return new SlicedVolume(base, axes, spec);
}

/** What Python's `slice.indices` gives for an axis of `size`. */
function select(entry: SliceEntry, size: number, axis: number, spec: string): Selection {
  if (typeof entry === "number") {
    const start = entry < 0 ? entry + size : entry;
    if (start >= 0 && start < size) return { start, step: 1, count: 1, isDropped: true };
    throw new RangeError(
      `Cannot open "${spec}": index ${entry} is outside axis ${axis}, which has size ${size}`,
    );
  }
  const step = entry.step ?? 1;
  const [lowest, highest] = step > 0 ? [0, size] : [-1, size - 1];
  const clamp = (bound: number | undefined, unset: number) => {
    if (bound === undefined) return unset;
    return Math.min(Math.max(bound < 0 ? bound + size : bound, lowest), highest);
  };
  const start = clamp(entry.start, step > 0 ? lowest : highest);
  const stop = clamp(entry.stop, step > 0 ? highest : lowest);
  return { start, step, count: Math.max(0, Math.ceil((stop - start) / step)), isDropped: false };
}

function ranges({ start, size }: Box): { start: number; size: number }[] {
  return start.map((from, axis) => ({ start: from, size: size[axis] }));
}
