import type { Zyx } from "../../engine/geometry/vectors.ts";
import { splitDisconnectedComponents } from "../../engine/segmentation/components.ts";
import { compareLabels, type LabelMetrics } from "../../engine/segmentation/metrics.ts";

/** The best that smoothing, one threshold and connected components can do. */
export interface BaselineResult {
  readonly metrics: LabelMetrics;
  /** How often the image was smoothed. */
  readonly smoothings: number;
  /** Brighter voxels belong to objects. */
  readonly threshold: number;
}

/**
 * Segments an image `[z, y, x]` by threshold and 6-connected components. Threshold and smoothing are those that fit the
 * truth best, which no user could know: the baseline at its most favourable.
 */
export async function thresholdBaseline(
  image: Uint8Array,
  truth: Uint32Array,
  size: Zyx,
): Promise<BaselineResult> {
  let best: BaselineResult | null = null;
  const grey = Float32Array.from(image);
  for (let smoothings = 0; smoothings <= 3; smoothings++) {
    if (smoothings > 0) smooth(grey, size);
    const inside = grey.filter((_, i) => truth[i] > 0).sort();
    // Thresholds at every fourth percent of the grey values inside of objects.
    for (let percent = 2; percent < 80; percent += 4) {
      const threshold = inside[Math.floor(percent / 100 * inside.length)];
      const above = Uint8Array.from(grey, (v) => v > threshold ? 1 : 0);
      const metrics = compareLabels((await splitDisconnectedComponents(above, size)).labels, truth);
      if (best === null || metrics.all.total < best.metrics.all.total) {
        best = { metrics, smoothings, threshold };
      }
    }
  }
  return best!;
}

/** Replaces every voxel by the 1-2-1 mean along each axis in turn; faces stay as they are on their axis. */
function smooth(values: Float32Array, [depth, height, width]: Zyx): void {
  for (const [stride, count] of [[height * width, depth], [width, height], [1, width]]) {
    const before = values.slice();
    for (let i = 0; i < values.length; i++) {
      const at = Math.floor(i / stride) % count;
      if (at === 0 || at === count - 1) continue;
      values[i] = (before[i - stride] + 2 * before[i] + before[i + stride]) / 4;
    }
  }
}
