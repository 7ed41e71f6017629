/** What the label kernels compute, by plain loops over arrays `[z, y, x]` of keys. */
import type { Zyx } from "../../../engine/geometry/vectors.ts";
import type { Connectivity } from "../../../wasm/labels/component_scan.ts";

/** Components by flooding from each voxel that has none yet; "0" is background. */
export function plainComponents(
  keys: readonly string[],
  [depth, height, width]: Zyx,
  connectivity: Connectivity,
): { labels: number[]; count: number } {
  const axes = { 6: 1, 18: 2, 26: 3 }[connectivity];
  const steps = [-1, 0, 1];
  const around = steps.flatMap((dz) => steps.flatMap((dy) => steps.map((dx) => [dz, dy, dx])))
    .filter((step) => step.filter((d) => d !== 0).length <= axes);
  const labels = keys.map(() => 0);
  let count = 0;
  for (const [start, key] of keys.entries()) {
    if (key === "0" || labels[start] !== 0) continue;
    labels[start] = ++count;
    for (const open = [start]; open.length > 0;) {
      const i = open.pop()!;
      const at = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
      for (const [dz, dy, dx] of around) {
        const [z, y, x] = [at[0] + dz, at[1] + dy, at[2] + dx];
        if (z < 0 || y < 0 || x < 0 || z >= depth || y >= height || x >= width) continue;
        const n = (z * height + y) * width + x;
        if (keys[n] !== key || labels[n] !== 0) continue;
        labels[n] = count;
        open.push(n);
      }
    }
  }
  return { labels, count };
}
