import type { Box } from "../geometry/box.ts";
import { addZyx, subZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";

/** An object that somebody grew and accepted; positions are relative to its canvas. */
export interface GrownObject {
  /** Corner of its canvas in the volume. */
  readonly corner: Zyx;
  readonly start: Zyx;
  /** Fields of view predicted for it. */
  readonly steps: number;
  readonly seconds: number;
  /** Holds every voxel of it. */
  readonly box: Box;
}

/** A grown object as it was saved. */
export interface AcceptedObject extends GrownObject {
  /** Label, unique over all canvases. */
  readonly id: number;
  readonly voxels: number;
  /** Voxels that it shares with earlier objects, which keep them, by their label. */
  readonly overlap: readonly (readonly [id: number, voxels: number])[];
  /** Objects of other canvases that it is the continuation of. */
  readonly continues: readonly number[];
  /** The object that it is one side of, which is there no more; null where it was grown. */
  readonly splitFrom: number | null;
}

/** Byte of a position in an object's box; 0 outside of it. */
export function probAt({ size }: Box, prob: Uint8Array, [z, y, x]: Zyx): number {
  if (z < 0 || y < 0 || x < 0 || z >= size[0] || y >= size[1] || x >= size[2]) return 0;
  return prob[(z * size[1] + y) * size[2] + x];
}

/** The smallest box that holds an object: bytes `[z, y, x]` of `box`, 0 where it is not the object's. */
export function trimObject(
  { start, size }: Box,
  prob: Uint8Array,
): { box: Box; prob: Uint8Array<ArrayBuffer>; voxels: number } {
  const [, height, width] = size;
  const low = [...size], high = [0, 0, 0];
  let voxels = 0;
  for (let i = 0; i < prob.length; i++) {
    if (prob[i] === 0) continue;
    voxels++;
    const place = [Math.floor(i / (height * width)), Math.floor(i / width) % height, i % width];
    for (const axis of [0, 1, 2]) {
      low[axis] = Math.min(low[axis], place[axis]);
      high[axis] = Math.max(high[axis], place[axis] + 1);
    }
  }
  const from = low as unknown as Zyx, own = subZyx(high as unknown as Zyx, from);
  const trimmed = new Uint8Array(volumeOf(own));
  for (let z = 0, to = 0; z < own[0]; z++) {
    for (let y = 0; y < own[1]; y++, to += own[2]) {
      const row = ((from[0] + z) * height + from[1] + y) * width + from[2];
      trimmed.set(prob.subarray(row, row + own[2]), to);
    }
  }
  return { box: { start: addZyx(start, from), size: own }, prob: trimmed, voxels };
}

/** A message of JSON and bytes: the length of the JSON as little-endian uint32, the JSON, the bytes. */
export function packObject(object: unknown, prob: Uint8Array): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(object));
  const packed = new Uint8Array(4 + json.length + prob.length);
  new DataView(packed.buffer).setUint32(0, json.length, true);
  packed.set(json, 4);
  packed.set(prob, 4 + json.length);
  return packed;
}

/**
 * Takes such a message apart; `prob` is a view of it.
 *
 * @throws {SyntaxError} when it is none.
 */
export function unpackObject(packed: Uint8Array): { object: unknown; prob: Uint8Array } {
  const length = packed.length < 4
    ? Infinity
    : new DataView(packed.buffer, packed.byteOffset).getUint32(0, true);
  if (length > packed.length - 4) {
    throw new SyntaxError(`Cannot read an object: its ${packed.length} bytes end within its head`);
  }
  const json = new TextDecoder().decode(packed.subarray(4, 4 + length));
  return { object: JSON.parse(json), prob: packed.subarray(4 + length) };
}
