import type { TypedArray } from "../formats/nd_array.ts";
import { volumeOf, type Zyx } from "../geometry/vectors.ts";
import { assertLabels, distinctLabels } from "./distinct_labels.ts";

/** Which of the 26 voxels around one touch it: by a face; also by an edge; also by a corner. */
export type Connectivity = 6 | 18 | 26;

/** Result of `splitDisconnectedComponents`. */
export interface Components {
  /** `[z, y, x]`: 0 where the input is 0, else the component's number from 1, in C order of first voxels. */
  readonly labels: Uint32Array<ArrayBuffer>;
  /** Number of components. */
  readonly count: number;
}

/**
 * Gives every connected component of equal non-zero label a number of its own.
 *
 * @param labels `[z, y, x]`, of any integer type; not changed.
 * @throws {TypeError} when `labels` holds floats.
 * @throws {RangeError} when `labels` does not have as many elements as `size` says.
 */
export function splitDisconnectedComponents(
  labels: TypedArray,
  size: Zyx,
  connectivity: Connectivity = 6,
): Components {
  assertLabels("split components", labels);
  if (labels.length !== volumeOf(size)) {
    throw new RangeError(
      `Cannot split components: size zyx (${size.join(", ")}) needs ${volumeOf(size)} labels, ` +
        `current number is ${labels.length}`,
    );
  }
  const narrow = labels instanceof BigUint64Array || labels instanceof BigInt64Array
    ? distinctLabels(labels).index
    : labels;
  const forest = joinNeighbours(narrow, size, neighboursBefore(connectivity));
  return { labels: forest, count: numberTrees(forest) };
}

/** One row of neighbours that precedes a voxel in C order. */
interface NeighbourRow {
  readonly dz: number;
  readonly dy: number;
  readonly dxs: readonly number[];
}

/** The neighbours of a voxel that come before it in C order; the others see it as theirs. */
function neighboursBefore(connectivity: Connectivity): NeighbourRow[] {
  const axes = { 6: 1, 18: 2, 26: 3 }[connectivity];
  const steps = [-1, 0, 1];
  return steps.flatMap((dz) => steps.map((dy) => ({ dz, dy })))
    .map(({ dz, dy }) => ({
      dz,
      dy,
      dxs: steps.filter((dx) =>
        (dz < 0 || (dz === 0 && (dy < 0 || (dy === 0 && dx < 0)))) &&
        Math.abs(dz) + Math.abs(dy) + Math.abs(dx) <= axes
      ),
    }))
    .filter((row) => row.dxs.length > 0);
}

/**
 * A forest over voxels, `[z, y, x]`: 0 for background, else 1 + the index of a voxel of the same component that does
 * not come later. The smaller root wins every union, so the root of a tree is the component's first voxel.
 */
function joinNeighbours(
  labels: Exclude<TypedArray, BigUint64Array | BigInt64Array>,
  size: Zyx,
  rows: readonly NeighbourRow[],
): Uint32Array<ArrayBuffer> {
  const [depth, height, width] = size;
  const forest = new Uint32Array(labels.length);
  for (let z = 0, i = 0; z < depth; z++) {
    for (let y = 0; y < height; y++) {
      const dxs: number[] = [], offsets: number[] = [];
      for (const row of rows) {
        if (z + row.dz < 0 || y + row.dy < 0 || y + row.dy >= height) continue;
        for (const dx of row.dxs) {
          dxs.push(dx);
          offsets.push((row.dz * height + row.dy) * width + dx);
        }
      }
      for (let x = 0; x < width; x++, i++) {
        const label = labels[i];
        if (label === 0) continue;
        let root = i;
        for (let k = 0; k < dxs.length; k++) {
          const nx = x + dxs[k];
          if (nx < 0 || nx >= width || labels[i + offsets[k]] !== label) continue;
          const other = rootOf(forest, i + offsets[k]);
          if (other < root) {
            if (root !== i) forest[root] = other + 1;
            root = other;
          } else if (other > root) {
            forest[other] = root + 1;
          }
        }
        forest[i] = root + 1;
      }
    }
  }
  return forest;
}

/** Root of voxel `i`, halving the path on the way. */
function rootOf(forest: Uint32Array, i: number): number {
  for (;;) {
    const parent = forest[i] - 1;
    if (parent === i) return i;
    const grandparent = forest[parent] - 1;
    if (grandparent === parent) return parent;
    forest[i] = grandparent + 1;
    i = grandparent;
  }
}

/** Replaces each tree by a number, in place, in C order of roots; returns how many there are. */
function numberTrees(forest: Uint32Array): number {
  let count = 0;
  for (let i = 0; i < forest.length; i++) {
    if (forest[i] === 0) continue;
    const parent = forest[i] - 1;
    // A parent comes before its children, so its entry is final already.
    forest[i] = parent === i ? ++count : forest[parent];
  }
  return count;
}
