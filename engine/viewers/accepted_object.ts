import type { Box } from "../geometry/box.ts";
import type { Zyx } from "../geometry/vectors.ts";

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
