import { mapZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";

/**
 * The grid cells that one object has been predicted at: positions relative to its start, divided by the movement deltas.
 * A dense bitmap over the canvas: exact, and small (512³ voxels with deltas of 8 take 36 KB).
 */
export class VisitedCells {
  readonly #size: Zyx;
  /** Half a delta, added before dividing. */
  readonly #half: Zyx;
  /** Edge of a cell; 1 on axes without movement. */
  readonly #edge: Zyx;
  readonly #bits: Uint8Array;
  /** Indices of the set bits in order of marking, so that a reset costs no more than the object did. */
  #marked: number[] = [];
  #start: Zyx = [0, 0, 0];
  /** Cell of the corner (0, 0, 0) of the canvas; no cell of the canvas lies below it. */
  #firstCell: Zyx = [0, 0, 0];
  #cells: Zyx = [0, 0, 0];

  constructor(canvasSize: Zyx, deltas: Zyx) {
    this.#size = canvasSize;
    this.#half = mapZyx((d) => Math.floor(d / 2), deltas);
    this.#edge = mapZyx((d) => Math.max(d, 1), deltas);
    // A start anywhere cuts an axis into at most this many cells.
    const most = mapZyx((n, edge) => Math.ceil(n / edge) + 1, canvasSize, this.#edge);
    this.#bits = new Uint8Array(Math.ceil(volumeOf(most) / 8));
  }

  /** Forgets everything and puts the grid's origin at `start`. */
  reset(start: Zyx): void {
    for (const bit of this.#marked) this.#bits[bit >> 3] = 0;
    this.#marked = [];
    this.#start = start;
    this.#firstCell = this.quantise([0, 0, 0]);
    const last = this.quantise(mapZyx((n) => n - 1, this.#size));
    this.#cells = mapZyx((a, b) => a - b + 1, last, this.#firstCell);
  }

  /** Grid cell of a position: `(position - start + deltas // 2) // max(deltas, 1)`. */
  quantise(position: Zyx): Zyx {
    const [start, half, edge] = [this.#start, this.#half, this.#edge];
    return [
      Math.floor((position[0] - start[0] + half[0]) / edge[0]),
      Math.floor((position[1] - start[1] + half[1]) / edge[1]),
      Math.floor((position[2] - start[2] + half[2]) / edge[2]),
    ];
  }

  has(position: Zyx): boolean {
    const bit = this.#bitOf(this.quantise(position));
    return bit >= 0 && (this.#bits[bit >> 3] & (1 << (bit & 7))) !== 0;
  }

  /** Marks the cell of a position of the canvas. */
  add(position: Zyx): void {
    this.#mark(this.#bitOf(this.quantise(position)));
  }

  /** Marked cells `[n, 3]` zyx, in order of marking. */
  toArray(): Int32Array {
    const cells = new Int32Array(3 * this.#marked.length);
    const [, ny, nx] = this.#cells;
    this.#marked.forEach((bit, i) => {
      const row = Math.floor(bit / nx);
      cells[3 * i] = Math.floor(row / ny) + this.#firstCell[0];
      cells[3 * i + 1] = (row % ny) + this.#firstCell[1];
      cells[3 * i + 2] = (bit % nx) + this.#firstCell[2];
    });
    return cells;
  }

  /** Marks cells `[n, 3]` zyx as `toArray` gives them; cells outside the canvas are left out, nothing can enter them. */
  markAll(cells: Int32Array): void {
    for (let i = 0; i < cells.length; i += 3) {
      this.#mark(this.#bitOf([cells[i], cells[i + 1], cells[i + 2]]));
    }
  }

  #mark(bit: number): void {
    if (bit < 0 || (this.#bits[bit >> 3] & (1 << (bit & 7))) !== 0) return;
    this.#bits[bit >> 3] |= 1 << (bit & 7);
    this.#marked.push(bit);
  }

  /** Bit of a cell; -1 when no position of the canvas lies in it. */
  #bitOf(cell: Zyx): number {
    const z = cell[0] - this.#firstCell[0];
    const y = cell[1] - this.#firstCell[1];
    const x = cell[2] - this.#firstCell[2];
    const [nz, ny, nx] = this.#cells;
    if (z < 0 || y < 0 || x < 0 || z >= nz || y >= ny || x >= nx) return -1;
    return (z * ny + y) * nx + x;
  }
}
