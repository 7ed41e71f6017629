import type { Zyx } from "../../geometry/vectors.ts";
import { labelColour } from "../label_colour.ts";
import { SparseLabels } from "../sparse_labels.ts";
import type { ShownLevel } from "../view_description.ts";
import type { Chunk } from "./chunk_source.ts";
import type { GrowingObject } from "./growing_object.ts";

/** A volume that gives its chunks as far as they are there. */
export interface PaintedVolume {
  readonly volume: Pick<ShownLevel, "size" | "offset" | "chunkSize" | "factors">;
  /** The same in larger voxels, finest first. */
  readonly coarser: readonly PaintedVolume[];
  at(z: number, y: number, x: number): Chunk | null;
}

/** What a slice shows; positions are those of the image. */
export interface SliceContents {
  readonly image: PaintedVolume;
  readonly labels: PaintedVolume | null;
  readonly accepted: SparseLabels;
  /** Accepted objects that are parts of others, whose colour they have. */
  readonly roots: ReadonlyMap<number, number>;
  readonly growing: GrowingObject | null;
  /** Grey values that are black and white. */
  readonly low: number;
  readonly high: number;
  /** Share of the colour of labels, 0 to 1. */
  readonly opacity: number;
  /** Byte from which a voxel belongs to the growing object. */
  readonly threshold: number;
  /** Shows where the network is unsure of the growing object, over all else. */
  readonly showsUncertainty: boolean;
}

/** Which pixels a slice has: rows and columns go over the two axes that it is not cut across, in their order. */
export interface SliceGrid {
  /** 0 for a cut across z, 1 across y, 2 across x. */
  readonly axis: number;
  readonly index: number;
  /** First voxel along rows and columns. */
  readonly top: number;
  readonly left: number;
  /** Pixels. */
  readonly height: number;
  readonly width: number;
  /** Voxels from one pixel to the next along rows and columns. */
  readonly steps: readonly [rows: number, columns: number];
}

/** What is not there yet, and what is outside of the volume. */
const ABSENT = 0xff303030;
/** Red, green and blue of the object that grows, and of doubt. */
const GROWING = [255, 190, 0] as const;
const DOUBT = [255, 40, 40] as const;
/** Bytes from one half to 0.05 and 0.95: networks are trained towards these, surer they hardly get. */
const SURE_BYTES = 115;
/** Where there is less doubt, what is there is shown as ever: the network has looked at much more than the object. */
const LEAST_DOUBT = 0.2;

/**
 * Paints a slice into pixels `[height, width]`, a little-endian word of red, green, blue and opacity each.
 *
 * @returns Whether everything that belongs there was there.
 */
export function paintSlice(
  contents: SliceContents,
  grid: SliceGrid,
  pixels: Uint32Array,
): boolean {
  const { image, growing, accepted, labels, low, high, opacity } = contents;
  const { size, offset } = image.volume;
  const [rows, columns] = [0, 1, 2].filter((axis) => axis !== grid.axis);
  const [down, right] = grid.steps;
  /** Of voxels that are not larger than the pixels are apart, the largest. */
  const levelOf = (source: PaintedVolume) =>
    source.coarser.findLast(({ volume: { factors } }) =>
      factors[rows] <= down && factors[columns] <= right
    ) ?? source;
  const scale = 255 / Math.max(high - low, 1e-9);
  const voxel: [number, number, number] = [0, 0, 0];
  voxel[grid.axis] = grid.index;
  let isComplete = true;
  const imageAt = levelReader(levelOf(image), offset);
  const labelAt = labels === null ? null : levelReader(levelOf(labels), offset);
  const ownLabel = blockReader(accepted);
  for (let row = 0, i = 0; row < grid.height; row++) {
    voxel[rows] = grid.top + row * down;
    for (let column = 0; column < grid.width; column++, i++) {
      voxel[columns] = grid.left + column * right;
      const [z, y, x] = voxel;
      if (z < 0 || y < 0 || x < 0 || z >= size[0] || y >= size[1] || x >= size[2]) {
        pixels[i] = ABSENT;
        continue;
      }
      const raw = imageAt(z, y, x);
      if (Number.isNaN(raw)) {
        pixels[i] = ABSENT;
        isComplete = false;
        continue;
      }
      const grey = Math.max(0, Math.min(255, (raw - low) * scale));
      const prob = growing === null ? 0 : growing.at(z, y, x);
      let colour: readonly number[] | null = null, share = opacity;
      // Byte 128 is a probability of one half.
      const doubt = contents.showsUncertainty && prob > 0
        ? 1 - Math.abs(prob - 128) / SURE_BYTES
        : 0;
      if (doubt >= LEAST_DOUBT) {
        colour = DOUBT;
        share = doubt;
      } else if (prob >= contents.threshold && prob > 0) {
        colour = GROWING;
      } else {
        const own = ownLabel(z, y, x);
        const label = own !== 0 ? contents.roots.get(own) ?? own : labelAt?.(z, y, x) ?? 0;
        if (Number.isNaN(label)) isComplete = false;
        else if (label !== 0) colour = colourOf(label);
      }
      pixels[i] = colour === null ? word(grey, grey, grey) : word(
        grey + share * (colour[0] * (0.4 + 0.6 * grey / 255) - grey),
        grey + share * (colour[1] * (0.4 + 0.6 * grey / 255) - grey),
        grey + share * (colour[2] * (0.4 + 0.6 * grey / 255) - grey),
      );
    }
  }
  return isComplete;
}

function word(red: number, green: number, blue: number): number {
  return (0xff000000 | blue << 16 | green << 8 | red) >>> 0;
}

/** What is at a voxel of the image, in words; the label of no object is left out. */
export function describeVoxel(
  { image, labels, accepted }: Pick<SliceContents, "image" | "labels" | "accepted">,
  voxel: Zyx,
): string {
  const [z, y, x] = voxel;
  const grey = voxelReader(image)(z, y, x), own = accepted.at(z, y, x);
  const label = labels === null ? 0 : levelReader(labels, image.volume.offset)(z, y, x);
  return [
    `z ${z}, y ${y}, x ${x}`,
    ...(Number.isNaN(grey) ? [] : [`grey ${Number(grey.toPrecision(4))}`]),
    ...(own > 0 ? [`object ${own}`] : []),
    // Larger ones are not the numbers that they seem to be.
    ...(label > 0 && Number.isSafeInteger(label) ? [`label ${label}`] : []),
  ].join("; ");
}

/** Values of a volume; NaN where they are not there yet. A chunk is asked for when it is entered, not for each voxel. */
function voxelReader(source: PaintedVolume): (z: number, y: number, x: number) => number {
  const { chunkSize: [depth, height, width] } = source.volume;
  let key = [-1, -1, -1], chunk: Chunk | null = null;
  return (z, y, x) => {
    const cz = Math.floor(z / depth), cy = Math.floor(y / height), cx = Math.floor(x / width);
    if (cz !== key[0] || cy !== key[1] || cx !== key[2]) {
      key = [cz, cy, cx];
      chunk = source.at(z, y, x);
    }
    if (chunk === null) return NaN;
    const { start, size } = chunk;
    const index = ((z - start[0]) * size[1] + y - start[1]) * size[2] + x - start[2];
    return Number(chunk.data[index]);
  };
}

/** What a level of a volume has at a voxel of the image; 0 outside of the level, NaN where it is not there yet. */
function levelReader(source: PaintedVolume, imageOffset: Zyx) {
  const { size, offset, factors } = source.volume;
  const read = voxelReader(source);
  const [dz, dy, dx] = imageOffset, [fz, fy, fx] = factors;
  return (z: number, y: number, x: number): number => {
    z = Math.floor((z + dz) / fz) - offset[0], y = Math.floor((y + dy) / fy) - offset[1];
    x = Math.floor((x + dx) / fx) - offset[2];
    if (z < 0 || y < 0 || x < 0 || z >= size[0] || y >= size[1] || x >= size[2]) return 0;
    return read(z, y, x);
  };
}

/** As `labels.at`, looking for a block only where the last one ends. */
function blockReader(labels: SparseLabels) {
  const edge = SparseLabels.EDGE;
  let key = -1, block: Uint32Array | null = null;
  return (z: number, y: number, x: number): number => {
    const found = (Math.floor(z / edge) * 65536 + Math.floor(y / edge)) * 65536 +
      Math.floor(x / edge);
    if (found !== key) [key, block] = [found, labels.blockAt(z, y, x)?.labels ?? null];
    return block === null ? 0 : block[((z % edge) * edge + y % edge) * edge + x % edge];
  };
}

const colours = new Map<number, readonly [number, number, number]>();

function colourOf(label: number): readonly [number, number, number] {
  let colour = colours.get(label);
  if (colour === undefined) {
    if (colours.size > 1e5) colours.clear();
    colours.set(label, colour = labelColour(label));
  }
  return colour;
}
