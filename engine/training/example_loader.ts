/** Training examples: patches of image, soft labels and weights around a coordinate. */
import type { Coordinate } from "../formats/coordinate_record.ts";
import { arrayConstructor, itemSize, type TypedArray } from "../formats/nd_array.ts";
import type { Box } from "../geometry/box.ts";
import { floorDivZyx, mapZyx, volumeOf, type Zyx } from "../geometry/vectors.ts";
import { memoryVolume } from "../volumes/memory.ts";
import { spatialSize, type Volume, wholeBox } from "../volumes/volume.ts";
import {
  adjustBrightness,
  adjustContrast,
  drawOrientation,
  type ImageAdjustments,
  type Orientation,
  oriented,
} from "./augmentation.ts";
import type { ExampleSizes } from "./fov_geometry.ts";
import { Random } from "./random.ts";
import {
  augmentSections,
  type ExamplePatches,
  type Patch,
  sizeToRead,
} from "./section_augmentation.ts";
import type { SectionOptions } from "./section_options.ts";

/** Soft labels of voxels in and out of the object. */
const INSIDE = 0.95, OUTSIDE = 0.05;

/** Volumes of at most this are read once and kept. */
const KEPT_BYTES = 2 ** 29;

/** Image and labels under one name; the volumes have one size. */
export interface TrainingVolume {
  readonly name: string;
  readonly image: Volume;
  readonly labels: Volume;
  /** Voxels above 0 do not count in the loss. */
  readonly lossMask?: Volume;
  /** What the loss of each voxel is multiplied by. */
  readonly lossWeights?: Volume;
  /** The network sees (value - offset) / scale. */
  readonly offset: number;
  readonly scale: number;
}

/** What makes an example what it is, so that it can be loaded again. */
export interface ExampleDraw extends Coordinate {
  readonly orientation: Orientation;
  /** Factor of the contrast. */
  readonly contrast?: number;
  /** Shift of the brightness. */
  readonly brightness?: number;
  /** Seed of rotation and changes of sections. */
  readonly sectionSeed?: number;
  /** Seed of the order of moves. */
  readonly moveSeed?: number;
}

/** Patches `[z, y, x]` of the sizes of `ExampleSizes`. */
export interface Example {
  readonly draw: ExampleDraw;
  /** Normalised. */
  readonly image: Float32Array;
  readonly labels: Float32Array;
  readonly weights: Float32Array;
}

/** Where contrast and brightness are changed. */
export type AdjustedVoxels = "foreground" | "background" | "all";

/** Random changes of examples, and what is done to every image. */
export interface AugmentationOptions extends ImageAdjustments {
  readonly permutableAxes: readonly number[];
  readonly reflectableAxes: readonly number[];
  /** Voxels whose contrast and brightness change; all unless given. */
  readonly adjusted?: AdjustedVoxels;
  readonly sections?: SectionOptions;
  /** Edges of a voxel zyx, in any unit: rotations keep them; equal unless given. */
  readonly voxelSize?: Zyx;
  /** Values above are cut off before the normalisation. */
  readonly clipMax?: number;
  /** Takes voxels of loss masks that are 0 out of the loss, instead of those above. */
  readonly invertLossMask?: boolean;
  /** Draws an order of the moves for every example. */
  readonly ordersMoves?: boolean;
}

/** Loads examples from volumes by name. */
export class ExampleLoader {
  readonly #volumes: ReadonlyMap<string, TrainingVolume>;
  readonly #sizes: ExampleSizes;
  readonly #augmentation: AugmentationOptions;
  /** Sizes that are read. */
  readonly #read: { readonly label: Zyx; readonly image: Zyx };

  constructor(
    volumes: readonly TrainingVolume[],
    sizes: ExampleSizes,
    augmentation: AugmentationOptions,
  ) {
    this.#volumes = new Map(volumes.map((volume) => [volume.name, volume]));
    this.#sizes = sizes;
    this.#augmentation = augmentation;
    const { sections = {}, voxelSize = [1, 1, 1] } = augmentation;
    this.#read = {
      label: sizeToRead(sizes.label, sections, voxelSize),
      image: sizeToRead(sizes.image, sections, voxelSize),
    };
  }

  /** Distance of coordinates from the sides of their volume, zyx, at which all that is read lies inside. */
  get margin(): Zyx {
    return mapZyx((a, b) => Math.floor(Math.max(a, b) / 2), this.#read.label, this.#read.image);
  }

  /**
   * Whether the patches around a coordinate lie inside its volume.
   *
   * @param place Where the coordinate comes from, for messages.
   * @throws {RangeError} when there is no such volume, or the coordinate itself is outside of it.
   */
  fits({ center, volume }: Coordinate, place: string): boolean {
    const found = this.#volumes.get(volume);
    if (!found) {
      throw new RangeError(
        `Cannot train on ${place}: it is in volume "${volume}", the volumes given are ${
          [...this.#volumes.keys()].map((name) => `"${name}"`).join(", ")
        }`,
      );
    }
    const size = spatialSize(found.labels);
    if (center.some((c, axis) => c < 0 || c >= size[axis])) {
      throw new RangeError(
        `Cannot train on ${place}: its centre xyz (${
          center.toReversed().join(", ")
        }) lies outside "${volume}" of size xyz (${size.toReversed().join(", ")})`,
      );
    }
    return [this.#read.label, this.#read.image].every((patch) => {
      const { start } = patchBox(center, patch);
      return start.every((s, axis) => s >= 0 && s + patch[axis] <= size[axis]);
    });
  }

  /** Draws what is random about the example of a coordinate. */
  draw(coordinate: Coordinate, random: Random): ExampleDraw {
    const {
      permutableAxes,
      reflectableAxes,
      contrastRange,
      brightnessRange,
      sections,
      ordersMoves,
    } = this.#augmentation;
    const between = (range: readonly [number, number] | undefined) =>
      range && range[0] + (range[1] - range[0]) * random.uniform();
    return {
      ...coordinate,
      orientation: drawOrientation(permutableAxes, reflectableAxes, random),
      contrast: between(contrastRange),
      brightness: between(brightnessRange),
      sectionSeed: sections && random.next(),
      moveSeed: ordersMoves ? random.next() : undefined,
    };
  }

  /** Loads an example. The object is what carries the label of the centre; a background centre has none. */
  async load(draw: ExampleDraw): Promise<Example> {
    const volume = this.#volumes.get(draw.volume)!;
    const { label: labelSize, image: imageSize } = this.#read;
    const { adjusted = "all", clipMax } = this.#augmentation;
    const isAdjusted = draw.contrast !== undefined || draw.brightness !== undefined;
    const [imageBox, labelBox] = [imageSize, labelSize].map((size) => patchBox(draw.center, size));
    const [image, labels, mask, given, labelsOfImage] = await Promise.all([
      volume.image.read(imageBox),
      volume.labels.read(labelBox),
      volume.lossMask?.read(labelBox),
      volume.lossWeights?.read(labelBox),
      isAdjusted && adjusted !== "all" ? volume.labels.read(imageBox) : null,
    ]);
    const pixels = asFloats(image);
    if (isAdjusted) this.#adjust(pixels, draw, volume.image.dtype === "uint8", labelsOfImage);
    const parts = this.#changed(draw, volume.image.dtype === "uint8", {
      image: { data: pixels, size: imageSize },
      labels: { data: objectMask(labels, labelSize), size: labelSize },
      weights: { data: this.#weights(draw, mask, given), size: labelSize },
    });
    const turn = ({ data, size }: Patch) => oriented(data, size, draw.orientation);
    const { offset, scale } = volume;
    const seen = turn(parts.image);
    for (let i = 0; i < seen.length; i++) {
      const v = clipMax === undefined
        ? seen[i]
        : Math.fround(Math.min(Math.max(seen[i], 0), clipMax));
      seen[i] = Math.fround(v - offset) / scale;
    }
    return {
      draw,
      image: seen,
      labels: turn(parts.labels),
      weights: turn(parts.weights),
    };
  }

  /** Contrast and brightness, in place. */
  #adjust(
    pixels: Float32Array,
    { contrast, brightness }: ExampleDraw,
    isBytes: boolean,
    labels: TypedArray | null,
  ): void {
    const before = labels && pixels.slice();
    if (contrast !== undefined) adjustContrast(pixels, this.#read.image, contrast, isBytes);
    if (brightness !== undefined) adjustBrightness(pixels, brightness, isBytes);
    const isWanted = (label: number | bigint) =>
      this.#augmentation.adjusted === "foreground" ? label > 0 : label <= 0;
    labels?.forEach((label: number | bigint, i: number) => {
      if (!isWanted(label)) pixels[i] = before![i];
    });
  }

  /** Rotation and defects of sections; patches come out in the sizes that training uses. */
  #changed(draw: ExampleDraw, isBytes: boolean, patches: ExamplePatches): ExamplePatches {
    const { sections, voxelSize = [1, 1, 1] } = this.#augmentation;
    if (!sections || draw.sectionSeed === undefined) return patches;
    const random = new Random(draw.sectionSeed);
    return augmentSections(patches, this.#sizes, sections, voxelSize, isBytes, random);
  }

  #weights(draw: ExampleDraw, mask?: TypedArray, given?: TypedArray): Float32Array {
    const weights = new Float32Array(volumeOf(this.#read.label)).fill(1);
    if (given) weights.set(asFloats(given));
    const bad = given && weights.find((weight) => !(weight >= 0 && weight < Infinity));
    if (bad !== undefined) {
      throw new RangeError(
        `Cannot use the loss weights of "${draw.volume}" around xyz (${
          draw.center.toReversed().join(", ")
        }): they must be 0 or more, current value is ${bad}`,
      );
    }
    const isInverted = this.#augmentation.invertLossMask === true;
    mask?.forEach((value: number | bigint, i: number) => {
      if ((value > 0) !== isInverted) weights[i] = 0;
    });
    return weights;
  }
}

/** Plain loops here and below, because closures per voxel took a quarter of the time of training small networks. */
function asFloats(values: TypedArray): Float32Array {
  const floats = new Float32Array(values.length);
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
    for (let i = 0; i < floats.length; i++) floats[i] = Number(values[i]);
  } else {
    floats.set(values);
  }
  return floats;
}

/** The patch around a centre, which comes to lie on index size // 2 for odd sizes. */
function patchBox(center: Zyx, size: Zyx): Box {
  return { start: mapZyx((c, n) => c - Math.floor((n - 1) / 2), center, size), size };
}

/** Soft labels `[z, y, x]` of the object that the centre belongs to. */
function objectMask(labels: TypedArray, size: Zyx): Float32Array {
  const [z, y, x] = floorDivZyx(size, 2);
  const centre = labels[(z * size[1] + y) * size[2] + x];
  const mask = new Float32Array(labels.length).fill(OUTSIDE);
  if (!(centre > 0)) return mask;
  for (let i = 0; i < mask.length; i++) if (labels[i] === centre) mask[i] = INSIDE;
  return mask;
}

/**
 * Checks that the volumes of a name fit each other and that all names have one type.
 *
 * @throws {RangeError | TypeError} naming both values.
 */
export function checkTrainingVolumes(volumes: readonly TrainingVolume[]): void {
  const [first] = volumes;
  for (const { image, labels, lossMask, lossWeights, scale } of volumes) {
    const size = spatialSize(labels);
    for (const other of [image, lossMask, lossWeights].filter((v) => v !== undefined)) {
      if (other.shape.length === 4 && other.shape[0] !== 1) {
        throw new RangeError(
          `Cannot train on "${other.spec}": it must have 1 channel, current number is ${
            other.shape[0]
          }`,
        );
      }
      if (`${spatialSize(other)}` !== `${size}`) {
        throw new RangeError(
          `Cannot train on "${other.spec}" with labels "${labels.spec}": both must have one size, current sizes zyx are ${
            spatialSize(other)
          } and ${size}`,
        );
      }
    }
    for (const kind of ["image", "labels"] as const) {
      const [a, b] = [first[kind], kind === "image" ? image : labels];
      if (a.dtype !== b.dtype) {
        throw new TypeError(
          `Cannot train on "${a.spec}" and "${b.spec}" together: they must have one type, current types are ${a.dtype} and ${b.dtype}`,
        );
      }
    }
    if (!(scale > 0)) {
      throw new RangeError(
        `Cannot train on "${image.spec}": its scale must be above 0, current value is ${scale}`,
      );
    }
  }
}

/** The volume, in memory where it is small enough: patches overlap, and files would be decompressed again and again. */
export async function keptInMemory(volume: Volume): Promise<Volume> {
  const size = spatialSize(volume);
  const voxels = volumeOf(size);
  if (voxels * itemSize(volume.dtype) > KEPT_BYTES) return volume;
  const data = new (arrayConstructor(volume.dtype))(voxels) as TypedArray;
  data.set(await volume.read(wholeBox(volume)) as never);
  await volume[Symbol.asyncDispose]();
  return memoryVolume({ dtype: volume.dtype, shape: size, data }, volume.spec);
}
