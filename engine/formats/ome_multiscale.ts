/**
 * OME-NGFF metadata of images (versions 0.4 in Zarr v2, 0.5 in v3): names of the axes, levels and their voxel size.
 *
 * Positions of this convention are centres of voxels, where precomputed volumes count from corners; a translation of
 * half a voxel puts both onto each other.
 */
import type { Zyx } from "../geometry/vectors.ts";
import { isNumbers, isObject, type JsonObject } from "./json_document.ts";

/** One level of a pyramid. */
export interface OmeLevel {
  /** Of the array, relative to the group. */
  readonly path: string;
  /** Nanometres, zyx, where the metadata say so. */
  readonly voxelSizeNm?: Zyx;
  /** Index of the first voxel in the image's own coordinates, where it is a whole number. */
  readonly offset?: Zyx;
}

/** What the attributes of a group say of its image. */
export interface OmeMultiscale {
  /** One per stored dimension, for example `["c", "z", "y", "x"]`. */
  readonly axisNames: readonly string[];
  /** Finest first. */
  readonly levels: readonly OmeLevel[];
}

const UNITS_NM: Readonly<Record<string, number>> = {
  angstrom: 0.1,
  nanometer: 1,
  micrometer: 1e3,
  millimeter: 1e6,
  centimeter: 1e7,
  meter: 1e9,
};

/** Reads the first image of a group's attributes; null where there is none that can be understood. */
export function parseOme(attributes: JsonObject): OmeMultiscale | null {
  const { multiscales } = isObject(attributes.ome) ? attributes.ome : attributes;
  const image = Array.isArray(multiscales) ? multiscales[0] : undefined;
  if (!isObject(image) || !Array.isArray(image.datasets)) return null;
  const axes = (Array.isArray(image.axes) ? image.axes : []).map((axis) =>
    isObject(axis) ? axis : { name: axis }
  );
  const axisNames = axes.map(({ name }) => String(name).toLowerCase());
  const levels = image.datasets.filter((d) => isObject(d) && typeof d.path === "string")
    .map((level: JsonObject): OmeLevel => {
      const geometry = placeOf(axes, axisNames, [
        level.coordinateTransformations,
        image.coordinateTransformations,
      ]);
      return { path: level.path as string, ...geometry };
    });
  return levels.length === 0 ? null : { axisNames, levels };
}

/** Voxel size and offset by the transformations of a level, then those of the whole image. */
function placeOf(
  axes: readonly JsonObject[],
  names: readonly string[],
  lists: readonly unknown[],
): Omit<OmeLevel, "path"> {
  const dimensions = ["z", "y", "x"].map((name) => names.indexOf(name));
  if (dimensions.includes(-1)) return {};
  const scale = names.map(() => 1), translation = names.map(() => 0);
  let hasScale = false;
  for (const list of lists) {
    for (const step of Array.isArray(list) ? list : []) {
      if (!isObject(step)) continue;
      if (step.type === "scale" && isNumbers(step.scale, names.length)) {
        hasScale = true;
        step.scale.forEach((factor, d) => {
          scale[d] *= factor;
          translation[d] *= factor;
        });
      } else if (step.type === "translation" && isNumbers(step.translation, names.length)) {
        step.translation.forEach((shift, d) => translation[d] += shift);
      }
    }
  }
  const units = dimensions.map((d) => UNITS_NM[String(axes[d].unit)] ?? NaN);
  const edges = dimensions.map((d, axis) => scale[d] * units[axis]);
  const places = dimensions.map((d) => translation[d] / scale[d]);
  // Half a voxel where centres are meant, none where writers meant corners; other places are between voxels.
  const offset = places.map((place) => Math.floor(place + 1e-6));
  const isWhole = places.every((place, axis) => {
    const rest = place - offset[axis];
    return Math.abs(rest) < 1e-3 || Math.abs(rest - 0.5) < 1e-3;
  });
  return {
    voxelSizeNm: hasScale && edges.every((n) => n > 0) ? triple(edges) : undefined,
    offset: isWhole ? triple(offset) : undefined,
  };
}

/** An image to be described; `levels` are its arrays, finest first. */
export interface OmeImage {
  readonly name: string;
  readonly hasChannels: boolean;
  /** Of the finest level; 1 of no unit where it is not known. */
  readonly voxelSizeNm?: Zyx;
  readonly levels: readonly {
    readonly path: string;
    /** Voxels of the finest level in one of this, zyx. */
    readonly factors: Zyx;
    /** Of the first voxel, in voxels of this level. */
    readonly offset: Zyx;
  }[];
}

/** The attributes of the group of an image, as version 0.5 puts them under `ome` and 0.4 at the top. */
export function omeAttributes(image: OmeImage, version: "0.4" | "0.5"): JsonObject {
  const { voxelSizeNm = [1, 1, 1], hasChannels } = image;
  const unit = image.voxelSizeNm ? { unit: "nanometer" } : {};
  const withChannel = (list: number[], value: number) => hasChannels ? [value, ...list] : list;
  const multiscale = {
    ...(version === "0.4" ? { version } : {}),
    name: image.name,
    axes: [
      ...(hasChannels ? [{ name: "c", type: "channel" }] : []),
      ...["z", "y", "x"].map((name) => ({ name, type: "space", ...unit })),
    ],
    datasets: image.levels.map(({ path, factors, offset }) => ({
      path,
      coordinateTransformations: [
        { type: "scale", scale: withChannel(factors.map((f, d) => f * voxelSizeNm[d]), 1) },
        {
          type: "translation",
          // Half a voxel from the corner of the first voxel to its centre.
          translation: withChannel(
            factors.map((f, d) => (offset[d] + 0.5) * f * voxelSizeNm[d]),
            0,
          ),
        },
      ],
    })),
  };
  return version === "0.4"
    ? { multiscales: [multiscale] }
    : { ome: { version, multiscales: [multiscale] } };
}

function triple([z, y, x]: readonly number[]): Zyx {
  return [z, y, x];
}
