import { type Box, endOf } from "../geometry/box.ts";
import type { Zyx } from "../geometry/vectors.ts";

/** Voxels of a block along each axis. */
const EDGE = 32;
const BLOCK_VOXELS = EDGE ** 3;

/** What became of an object that was added. */
export interface AddedObject {
  /** Voxels that it got. */
  readonly voxels: number;
  /** Voxels that belong to earlier objects, by label. */
  readonly overlap: ReadonlyMap<number, number>;
}

/** A block of labels, C order `[z, y, x]`, and its first voxel. */
export interface LabelBlock {
  readonly start: Zyx;
  readonly labels: Uint32Array;
}

/** Labels of a volume of any size, of which only the blocks that hold objects take memory. */
export class SparseLabels {
  /** Voxels of a block along each axis. */
  static readonly EDGE = EDGE;
  readonly #blocks = new Map<number, LabelBlock>();
  #highest = 0;

  /** Highest label that a voxel ever had. */
  get highest(): number {
    return this.#highest;
  }

  /** Blocks that hold, or held, an object. */
  get blocks(): Iterable<LabelBlock> {
    return this.#blocks.values();
  }

  /** The block that holds a voxel; null where none of its voxels ever had a label. */
  blockAt(z: number, y: number, x: number): LabelBlock | null {
    return this.#blocks.get(keyOf(z, y, x)) ?? null;
  }

  /** Label of a voxel; 0 where there is none. */
  at(z: number, y: number, x: number): number {
    return this.blockAt(z, y, x)?.labels[indexIn(z, y, x)] ?? 0;
  }

  /**
   * Gives an object the voxels of `box` whose byte in `prob` `[z, y, x]` is not 0 and that are free; the others are cleared
   * from `prob`.
   */
  add(box: Box, prob: Uint8Array, label: number): AddedObject {
    const overlap = new Map<number, number>();
    let voxels = 0;
    const end = endOf(box);
    for (let z = box.start[0], i = 0; z < end[0]; z++) {
      for (let y = box.start[1]; y < end[1]; y++) {
        for (let x = box.start[2]; x < end[2]; x++, i++) {
          if (prob[i] === 0) continue;
          const { labels } = this.#make(z, y, x);
          const at = indexIn(z, y, x);
          if (labels[at] === 0) {
            labels[at] = label;
            voxels++;
          } else {
            overlap.set(labels[at], (overlap.get(labels[at]) ?? 0) + 1);
            prob[i] = 0;
          }
        }
      }
    }
    if (voxels > 0) this.#highest = Math.max(this.#highest, label);
    return { voxels, overlap };
  }

  /** Takes over labels `[z, y, x]` of a whole canvas. */
  load(size: Zyx, all: Int32Array): void {
    for (let z = 0, i = 0; z < size[0]; z++) {
      for (let y = 0; y < size[1]; y++) {
        for (let x = 0; x < size[2]; x++, i++) {
          if (all[i] <= 0) continue;
          this.#make(z, y, x).labels[indexIn(z, y, x)] = all[i];
          this.#highest = Math.max(this.#highest, all[i]);
        }
      }
    }
  }

  /** Frees the voxels of an object inside a box. */
  remove(box: Box, label: number): void {
    for (const { start, labels } of this.#blocks.values()) {
      const isApart = start.some((s, axis) =>
        s + EDGE <= box.start[axis] || s >= box.start[axis] + box.size[axis]
      );
      if (isApart) continue;
      for (let i = 0; i < BLOCK_VOXELS; i++) if (labels[i] === label) labels[i] = 0;
    }
  }

  #make(z: number, y: number, x: number): LabelBlock {
    const key = keyOf(z, y, x);
    let block = this.#blocks.get(key);
    if (block === undefined) {
      const start: Zyx = [z - z % EDGE, y - y % EDGE, x - x % EDGE];
      this.#blocks.set(key, block = { start, labels: new Uint32Array(BLOCK_VOXELS) });
    }
    return block;
  }
}

/** Positions are below 2²¹ along each axis. */
function keyOf(z: number, y: number, x: number): number {
  return (Math.floor(z / EDGE) * 65536 + Math.floor(y / EDGE)) * 65536 + Math.floor(x / EDGE);
}

function indexIn(z: number, y: number, x: number): number {
  return ((z % EDGE) * EDGE + y % EDGE) * EDGE + x % EDGE;
}
