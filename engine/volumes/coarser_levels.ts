import { mapZyx, type Zyx } from "../geometry/vectors.ts";
import { kindOf, open, storeOf } from "./open.ts";
import { coarserScales } from "./precomputed.ts";
import { channelCount, spatialSize, type Volume } from "./volume.ts";
import { parseVolumeSpec } from "./volume_spec.ts";
import { coarserArrays } from "./zarr.ts";

/** A volume that is stored along with another one, in larger voxels. */
export interface CoarserLevel {
  readonly volume: Volume;
  /** Voxels of the finer volume in one of this, per axis, 1 or more. */
  readonly factors: Zyx;
}

/**
 * Opens the coarser levels that Zarr and precomputed volumes may have, finest first; none of other kinds and of slices.
 * Voxel j of a level holds what lies at (j + offset) × factors in the data set. A level that does not fit, or cannot be
 * opened, is left out.
 *
 * @param resources Takes the levels.
 * @param note Told why one was left out.
 */
export async function openCoarserLevels(
  volume: Volume,
  resources: AsyncDisposableStack,
  note: (line: string) => void,
): Promise<CoarserLevel[]> {
  const text = volume.spec, spec = parseVolumeSpec(text);
  if (spec.slice.length > 0) return [];
  const kind = await kindOf(spec, text, {});
  if (kind !== "zarr" && kind !== "precomputed") return [];
  const namesOf = { zarr: coarserArrays, precomputed: coarserScales }[kind];
  const levels: CoarserLevel[] = [];
  for (const name of await namesOf(storeOf(spec.path), spec.dataset, text)) {
    const place = `${kind}://${spec.path}:${name}`;
    try {
      const level = resources.use(await open(place));
      const factors = factorsOf(volume, level);
      if (factors !== null) levels.push({ volume: level, factors });
      else note(`Left out "${place}": its voxels are no whole multiples of those of "${text}"`);
    } catch (error) {
      note((error as Error).message);
    }
  }
  return levels;
}

/** By the voxels' edges, or the sizes where those are not known; null where the volumes do not go together. */
function factorsOf(fine: Volume, coarse: Volume): Zyx | null {
  if (fine.dtype !== coarse.dtype || channelCount(fine) !== channelCount(coarse)) return null;
  const whole = spatialSize(fine), size = spatialSize(coarse);
  const [edges, larger] = [fine.voxelSizeNm, coarse.voxelSizeNm];
  const isStated = edges !== undefined && larger !== undefined;
  const ratios = isStated
    ? mapZyx((edge, other) => edge / other, larger, edges)
    : mapZyx((n, other) => n / other, whole, size);
  const factors = mapZyx((ratio) => Math.max(1, Math.round(ratio)), ratios);
  // Sizes are rounded, up or down.
  const slack = (axis: number) => isStated ? 0.01 : factors[axis] / size[axis] + 0.01;
  const isWhole = factors.every((factor, axis) => Math.abs(factor - ratios[axis]) <= slack(axis));
  return isWhole && factors.some((factor) => factor > 1) ? factors : null;
}
