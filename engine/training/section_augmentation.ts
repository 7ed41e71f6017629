/**
 * Defects of sections and rotations, drawn anew for every example: rotation, elastic warp, affine change, misalignment,
 * missing and blurred sections, grey values, in this order. Labels and weights follow where the geometry of the
 * whole changes (rotation, misalignment); what happens to single sections is for the network to see through.
 */
import { floorDivZyx, mapZyx, subZyx, type Zyx } from "../geometry/vectors.ts";
import { cropped } from "./fov_geometry.ts";
import type { Random } from "./random.ts";
import { drawRotation, rotated, sizeToRotate } from "./rotation.ts";
import {
  affineSource,
  blurred,
  type ControlGrid,
  elasticSource,
  perturbGrey,
  type PlaneSize,
  type PlaneSource,
  replacePart,
  resampled,
  rolled,
  type SectionPart,
} from "./section_changes.ts";
import type { SectionOptions } from "./section_options.ts";

/** An array `[z, y, x]` with its size. */
export interface Patch {
  readonly data: Float32Array;
  readonly size: Zyx;
}

/** Image, in grey values as they are on disk, with what belongs to it; all have one centre. */
export interface ExamplePatches {
  readonly image: Patch;
  readonly labels: Patch;
  readonly weights: Patch;
}

/** Size of the patch that is read for one of `size`; the same where nothing moves. */
export function sizeToRead(size: Zyx, options: SectionOptions, voxelSize: Zyx): Zyx {
  const { rotation } = options;
  const grown = misalignedSize(size, options);
  return rotation ? sizeToRotate(grown, rotation.dimensions as 2 | 3, voxelSize) : grown;
}

/** Room for sections to move without anything coming back on the other side. */
function misalignedSize(size: Zyx, { misalignment }: SectionOptions): Zyx {
  const margin = misalignment?.max_offset ?? 0;
  return mapZyx((n, by) => n + 2 * by, size, [0, margin, margin]);
}

/**
 * Changes patches that were read in sizes of {@linkcode sizeToRead}.
 *
 * @param sizes What comes out.
 * @param isBytes Images of bytes come back as whole numbers of 0 to 255.
 */
export function augmentSections(
  patches: ExamplePatches,
  sizes: { readonly image: Zyx; readonly label: Zyx },
  options: SectionOptions,
  voxelSize: Zyx,
  isBytes: boolean,
  random: Random,
): ExamplePatches {
  const turned = turn(patches, sizes, options, voxelSize, random);
  const warped = planes(turned.image);
  warp(warped, options, random);
  const moved = misalign({ ...turned, image: joined(warped) }, sizes, options, random);
  const image = planes(moved.image);
  hide(image, options, random);
  shade(image, options, random);
  const result = joined(image);
  if (isBytes) {
    result.data.forEach((v, i) => result.data[i] = Math.min(Math.max(Math.round(v), 0), 255));
  }
  return { ...moved, image: result };
}

/** Sections of a patch, as arrays of their own. */
interface Planes {
  readonly size: Zyx;
  readonly plane: PlaneSize;
  readonly sections: Float32Array[];
}

function planes({ data, size }: Patch): Planes {
  const area = size[1] * size[2];
  const sections = Array.from(
    { length: size[0] },
    (_, z) => data.slice(z * area, (z + 1) * area),
  );
  return { size, plane: [size[1], size[2]], sections };
}

function joined({ size, plane, sections }: Planes): Patch {
  const data = new Float32Array(size[0] * size[1] * size[2]);
  sections.forEach((section, z) => data.set(section, z * plane[0] * plane[1]));
  return { data, size };
}

/** Whether a change happens; each one draws, so that one change does not depend on another. */
function happens(change: { readonly skip_ratio: number } | undefined, random: Random): boolean {
  return change !== undefined && random.uniform() >= change.skip_ratio;
}

/** From one to `ratio` of the sections, each once. */
function drawSections(count: number, ratio: number, random: Random): number[] {
  const most = Math.max(Math.trunc(ratio * count), 1);
  const drawn = random.shuffle(Array.from({ length: count }, (_, z) => z));
  return drawn.slice(0, 1 + random.below(most));
}

function between(limit: number, random: Random): number {
  return limit * (2 * random.uniform() - 1);
}

function turn(
  { image, labels, weights }: ExamplePatches,
  sizes: { readonly image: Zyx; readonly label: Zyx },
  options: SectionOptions,
  voxelSize: Zyx,
  random: Random,
): ExamplePatches {
  const { rotation } = options;
  const isTurned = happens(rotation, random);
  const matrix = isTurned ? drawRotation(rotation!.dimensions as 2 | 3, random) : null;
  const one = ({ data, size }: Patch, wanted: Zyx): Patch => {
    const to = misalignedSize(wanted, options);
    if (matrix) return { data: rotated(data, size, to, matrix, voxelSize), size: to };
    return `${size}` === `${to}`
      ? { data, size }
      : { data: cropped(data, size, to, [0, 0, 0]), size: to };
  };
  return {
    image: one(image, sizes.image),
    labels: one(labels, sizes.label),
    weights: one(weights, sizes.label),
  };
}

function warp(image: Planes, options: SectionOptions, random: Random): void {
  const { elastic_warp: elastic, affine_transform: affine } = options;
  const { plane, sections, size } = image;
  const change = (ratio: number, source: () => PlaneSource) => {
    for (const z of drawSections(size[0], ratio, random)) {
      sections[z] = resampled(sections[z], plane, source());
    }
  };
  if (elastic && happens(elastic, random)) {
    change(elastic.section_ratio, () => elasticSource(drawGrid(plane, elastic, random), plane));
  }
  if (affine && happens(affine, random)) {
    change(affine.section_ratio, () =>
      affineSource({
        rotation: between(affine.rotation_max, random),
        scaleX: 1 - between(affine.scale_max, random),
        scaleY: 1 - between(affine.scale_max, random),
        shear: between(affine.shear_max, random),
      }));
  }
}

function drawGrid(
  plane: PlaneSize,
  elastic: NonNullable<SectionOptions["elastic_warp"]>,
  random: Random,
): ControlGrid {
  const [rows, columns] = plane.map((n) =>
    Math.max(Math.trunc(elastic.control_point_ratio * n), 1)
  );
  const stdev = elastic.stdev_ratio * Math.min(...plane);
  const draw = () => Float64Array.from({ length: rows * columns }, () => stdev * random.normal());
  return { rows, columns, y: draw(), x: draw() };
}

/** Moves one section, or all from one on, in image, labels and weights alike, then takes the middle. */
function misalign(
  patches: ExamplePatches,
  sizes: { readonly image: Zyx; readonly label: Zyx },
  { misalignment }: SectionOptions,
  random: Random,
): ExamplePatches {
  if (!misalignment) return patches;
  const isMoved = happens(misalignment, random);
  const draw = () => random.below(2 * misalignment.max_offset + 1) - misalignment.max_offset;
  const [dy, dx] = [draw(), draw()];
  const depth = patches.image.size[0];
  const first = random.below(depth);
  const isSlip = random.uniform() < misalignment.slip_ratio;
  const one = (patch: Patch, wanted: Zyx): Patch => {
    const { size, plane, sections } = planes(patch);
    // Centres coincide, so sections of smaller patches begin later.
    const [skipped] = subZyx(floorDivZyx(patches.image.size, 2), floorDivZyx(size, 2));
    const moved = sections.map((section, z) => {
      const at = z + skipped;
      return isMoved && (isSlip ? at === first : at >= first)
        ? rolled(section, plane, [dy, -dx])
        : section;
    });
    const { data } = joined({ size, plane, sections: moved });
    return { data: cropped(data, size, wanted, [0, 0, 0]), size: wanted };
  };
  return {
    image: one(patches.image, sizes.image),
    labels: one(patches.labels, sizes.label),
    weights: one(patches.weights, sizes.label),
  };
}

function hide(image: Planes, options: SectionOptions, random: Random): void {
  const { missing_section: missing, out_of_focus_section: blur } = options;
  const { plane, sections, size } = image;
  if (missing && happens(missing, random)) {
    const fill = missing.fill_value < 0 ? 256 * random.uniform() : missing.fill_value;
    for (const z of drawSections(size[0], missing.section_ratio, random)) {
      replacePart(sections[z], plane, drawPart(plane, random), () => fill);
    }
  }
  if (blur && happens(blur, random)) {
    const sigma = blur.max_sigma * random.uniform();
    for (const z of drawSections(size[0], blur.section_ratio, random)) {
      const soft = blurred(sections[z], plane, sigma);
      replacePart(sections[z], plane, drawPart(plane, random), (i) => soft[i]);
    }
  }
}

/** The whole section half of the times, else each quadrant about a random pixel half of the times. */
function drawPart([height, width]: PlaneSize, random: Random): SectionPart {
  if (random.uniform() < 0.5) return "all";
  const [y, x] = [random.below(height), random.below(width)];
  return { y, x, quadrants: [0, 1, 2, 3].map(() => random.uniform() < 0.5) };
}

function shade(image: Planes, { grayscale_perturb: grey }: SectionOptions, random: Random): void {
  if (!grey || !happens(grey, random)) return;
  const draw = () => ({
    contrast: 1 + (random.uniform() - 0.5) * grey.max_contrast_factor,
    brightness: (random.uniform() - 0.5) * grey.max_brightness_factor,
    gamma: 2 ** (2 * random.uniform() - 1),
  });
  const whole = random.uniform() < 0.5 ? draw() : null;
  for (const section of image.sections) perturbGrey(section, whole ?? draw());
}
