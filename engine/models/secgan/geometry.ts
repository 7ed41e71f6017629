/** Edges of the cubes that pass through the networks of SECGAN. */

/** Voxels per edge that a block of the generator takes away: two VALID convolutions of 3³. */
export const BLOCK_CLIP = 4;

/** Edges in voxels; everything is a cube. */
export interface SecganGeometry {
  /** Of what is read from the volumes: input of the first pass of a generator. */
  readonly cycleSize: number;
  /** After one pass: input of the image discriminators, entries of the pools of fakes. */
  readonly discSize: number;
  /** After two passes: the field of view of the segmenter. */
  readonly fovSize: number;
  /** Voxels that one pass takes away on each side. */
  readonly margin: number;
}

/** Sizes for a field of view of `fovSize`³ and generators of `depth` blocks. */
export function secganGeometry(fovSize: number, depth: number): SecganGeometry {
  const clip = BLOCK_CLIP * depth;
  return {
    cycleSize: fovSize + 2 * clip,
    discSize: fovSize + clip,
    fovSize,
    margin: clip / 2,
  };
}
