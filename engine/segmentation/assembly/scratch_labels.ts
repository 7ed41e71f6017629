import type { Box } from "../../geometry/box.ts";
import { endOf } from "../../geometry/box.ts";
import { floorDivZyx, mapZyx, minZyx, subZyx, volumeOf, type Zyx } from "../../geometry/vectors.ts";

const BLOCK = 64;
const BLOCK_VOXELS = BLOCK ** 3;

/**
 * Labels (uint32) of a volume in a file, in blocks of 64³ one behind the other, so that any box is read and written with
 * few operations. Blocks that were never written are 0 and take no room on most file systems. For work in progress, not
 * for others to read.
 */
export class ScratchLabels implements Disposable {
  readonly #size: Zyx;
  readonly #grid: Zyx;
  readonly #file: Deno.FsFile;

  private constructor(size: Zyx, file: Deno.FsFile) {
    this.#size = size;
    this.#grid = mapZyx((n) => Math.ceil(n / BLOCK), size);
    this.#file = file;
  }

  /** Opens the file, made where there is none. */
  static async open(path: string, size: Zyx): Promise<ScratchLabels> {
    const file = await Deno.open(path, { read: true, write: true, create: true });
    return new ScratchLabels(size, file);
  }

  /** Labels `[z, y, x]` of a box. */
  async read(box: Box): Promise<Uint32Array<ArrayBuffer>> {
    const out = new Uint32Array(volumeOf(box.size));
    const block = new Uint32Array(BLOCK_VOXELS);
    for (const place of this.#blocks(box)) {
      await this.#readBlock(place.index, block);
      for (const { inBlock, inBox, length } of place.rows()) {
        out.set(block.subarray(inBlock, inBlock + length), inBox);
      }
    }
    return out;
  }

  /** Writes labels `[z, y, x]` of a box. */
  async write(box: Box, labels: Uint32Array): Promise<void> {
    const block = new Uint32Array(BLOCK_VOXELS);
    for (const place of this.#blocks(box)) {
      if (!place.isWhole) await this.#readBlock(place.index, block);
      for (const { inBlock, inBox, length } of place.rows()) {
        block.set(labels.subarray(inBox, inBox + length), inBlock);
      }
      await this.#file.seek(4 * BLOCK_VOXELS * place.index, Deno.SeekMode.Start);
      const bytes = new Uint8Array(block.buffer);
      for (let done = 0; done < bytes.length;) {
        done += await this.#file.write(bytes.subarray(done));
      }
    }
  }

  /** Brings everything written so far to the disk. */
  async sync(): Promise<void> {
    await this.#file.syncData();
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }

  async #readBlock(index: number, block: Uint32Array): Promise<void> {
    await this.#file.seek(4 * BLOCK_VOXELS * index, Deno.SeekMode.Start);
    const bytes = new Uint8Array(block.buffer);
    let filled = 0;
    while (filled < bytes.length) {
      const count = await this.#file.read(bytes.subarray(filled));
      if (count === null) break;
      filled += count;
    }
    bytes.fill(0, filled);
  }

  /** The blocks that a box touches, each with its rows inside the box. */
  *#blocks(box: Box) {
    const end = endOf(box);
    const first = floorDivZyx(box.start, BLOCK);
    const last = floorDivZyx(mapZyx((n) => n - 1, end), BLOCK);
    for (let z = first[0]; z <= last[0]; z++) {
      for (let y = first[1]; y <= last[1]; y++) {
        for (let x = first[2]; x <= last[2]; x++) {
          const corner = mapZyx((n) => n * BLOCK, [z, y, x]);
          const from = mapZyx((a, b) => Math.max(a, b), corner, box.start);
          const size = subZyx(minZyx(mapZyx((n) => n + BLOCK, corner), end), from);
          const whole = subZyx(minZyx(mapZyx((n) => n + BLOCK, corner), this.#size), corner);
          yield {
            index: (z * this.#grid[1] + y) * this.#grid[2] + x,
            isWhole: volumeOf(size) === volumeOf(whole),
            rows: () => rowsOf(subZyx(from, corner), subZyx(from, box.start), size, box.size),
          };
        }
      }
    }
  }
}

/** Rows of a part of a block, with their place in block and box. */
function* rowsOf(inBlock: Zyx, inBox: Zyx, size: Zyx, boxSize: Zyx) {
  for (let z = 0; z < size[0]; z++) {
    for (let y = 0; y < size[1]; y++) {
      yield {
        inBlock: ((inBlock[0] + z) * BLOCK + inBlock[1] + y) * BLOCK + inBlock[2],
        inBox: ((inBox[0] + z) * boxSize[1] + inBox[1] + y) * boxSize[2] + inBox[2],
        length: size[2],
      };
    }
  }
}
