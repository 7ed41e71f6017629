import type { Zyx } from "../geometry/vectors.ts";

/**
 * Watershed: labels grow into the voxels around them in order of `heights`, of equal ones in order of discovery, over
 * faces. Done as in scikit-image down to the order in its heap, so that ties fall alike.
 *
 * @param labels `[z, y, x]`, 0 where there is none yet; grows in place.
 * @param isOpen Which voxels may be taken.
 */
export function growLabels(
  labels: Uint32Array,
  heights: Float32Array,
  [depth, height, width]: Zyx,
  isOpen: (i: number) => boolean,
): void {
  const heap = new AgedHeap(heights);
  for (let i = 0; i < labels.length; i++) if (labels[i] !== 0) heap.push(i, 0);
  const plane = height * width;
  let age = 0;
  for (let i = heap.pop(); i !== null; i = heap.pop()) {
    const [z, y, x] = [Math.floor(i / plane), Math.floor(i / width) % height, i % width];
    const take = (exists: boolean, n: number) => {
      if (!exists || labels[n] !== 0 || !isOpen(n)) return;
      labels[n] = labels[i!];
      heap.push(n, ++age);
    };
    take(z > 0, i - plane);
    take(y > 0, i - width);
    take(x > 0, i - 1);
    take(x + 1 < width, i + 1);
    take(y + 1 < height, i + width);
    take(z + 1 < depth, i + plane);
  }
}

/** Binary heap of voxels by height, then age; equal ones come out in the order that its swaps leave them in. */
class AgedHeap {
  readonly #heights: Float32Array;
  readonly #voxels: number[] = [];
  readonly #ages: number[] = [];

  constructor(heights: Float32Array) {
    this.#heights = heights;
  }

  push(voxel: number, age: number): void {
    this.#voxels.push(voxel);
    this.#ages.push(age);
    for (let child = this.#voxels.length - 1; child > 0;) {
      const parent = (child - 1) >> 1;
      if (!this.#isSmaller(child, parent)) return;
      this.#swap(child, parent);
      child = parent;
    }
  }

  pop(): number | null {
    const size = this.#voxels.length - 1;
    if (size < 0) return null;
    this.#swap(0, size);
    const voxel = this.#voxels.pop()!;
    this.#ages.pop();
    for (let i = 0;;) {
      const [left, right] = [2 * i + 1, 2 * i + 2];
      let smallest = i;
      if (left < size && this.#isSmaller(left, smallest)) smallest = left;
      if (right < size && this.#isSmaller(right, smallest)) smallest = right;
      if (smallest === i) return voxel;
      this.#swap(i, smallest);
      i = smallest;
    }
  }

  #isSmaller(i: number, k: number): boolean {
    const [a, b] = [this.#heights[this.#voxels[i]], this.#heights[this.#voxels[k]]];
    return a !== b ? a < b : this.#ages[i] < this.#ages[k];
  }

  #swap(i: number, k: number): void {
    [this.#voxels[i], this.#voxels[k]] = [this.#voxels[k], this.#voxels[i]];
    [this.#ages[i], this.#ages[k]] = [this.#ages[k], this.#ages[i]];
  }
}
