import { FormatError, NotFoundError } from "../errors/errors.ts";
import { isNumbers } from "../formats/json_document.ts";
import { type OmeLevel, parseOme } from "../formats/ome_multiscale.ts";
import type { Zyx } from "../geometry/vectors.ts";
import { ChunkedVolume } from "./chunked_volume.ts";
import type { ObjectStore } from "./object_store.ts";
import type { Volume } from "./volume.ts";
import { joinKey, readZarrNode, ZarrArray, type ZarrNode } from "./zarr_array.ts";

/** An array with what its group says of it. */
export interface ZarrPlace {
  readonly path: string;
  readonly node: ZarrNode & { kind: "array" };
  readonly level?: OmeLevel;
  /** Names of the stored dimensions, lower case. */
  readonly axisNames?: readonly string[];
}

/**
 * Opens an array of a Zarr hierarchy, version 2 or 3; of an OME-NGFF image the finest level, unless `path` names another.
 *
 * Dimensions named `z`, `y`, `x` and `c` may stand in any order, others must have size 1; without names the order is
 * `(z, y, x)` or `(channel, z, y, x)`.
 *
 * @param path Of the array or image in the hierarchy; its root unless given.
 * @throws {NotFoundError} when there is none, {@linkcode FormatError} when the metadata are damaged.
 */
export async function openZarr(
  store: ObjectStore,
  path: string = "",
  spec: string = store.location,
): Promise<Volume> {
  const place = await findZarrArray(store, path, spec);
  const array = await ZarrArray.open(store, place.path, place.node);
  return new ChunkedVolume(array, { spec, ...zarrView(place, spec) });
}

/** Finds the array that `path` means; see {@linkcode openZarr}. */
export async function findZarrArray(
  store: ObjectStore,
  path: string,
  spec: string,
): Promise<ZarrPlace> {
  const key = path.replace(/^\/+|\/+$/g, "");
  const node = await readZarrNode(store, key);
  if (node === null) {
    throw new NotFoundError(
      `Cannot open "${spec}": no Zarr array or group "${key}" in "${store.location}"`,
    );
  }
  if (node.kind === "array") return { path: key, node, ...await inParent(store, key) };
  const image = parseOme(node.attributes);
  if (image === null) {
    throw new NotFoundError(
      `Cannot open "${spec}": "${key || "/"}" is a group, name one of its arrays after a colon`,
    );
  }
  const [level] = image.levels;
  const finest = joinKey(key, level.path.replace(/^\.?\/+/, ""));
  const found = await readZarrNode(store, finest);
  if (found?.kind !== "array") {
    throw new FormatError(
      `Cannot open "${spec}": its metadata name the array "${finest}", which is not there`,
      { path: store.location },
    );
  }
  return { path: finest, node: found, level, axisNames: image.axisNames };
}

/** Paths of the arrays behind one in its OME-NGFF image, the finest unless named: coarser ones. */
export async function coarserArrays(store: ObjectStore, path = ""): Promise<string[]> {
  const key = path.replace(/^\/+|\/+$/g, "");
  const node = await readZarrNode(store, key);
  const [, parent = "", name] = /^(?:(.*)\/)?([^/]+)$/.exec(key) ?? [];
  const [folder, group] = node?.kind === "array" && key !== ""
    ? [parent, await readZarrNode(store, parent)]
    : [key, node];
  const levels = group?.kind === "group" ? parseOme(group.attributes)?.levels ?? [] : [];
  const first = node?.kind === "array" ? levels.findIndex((level) => level.path === name) : 0;
  if (first < 0) return [];
  return levels.slice(first + 1).map((level) => joinKey(folder, level.path.replace(/^\.?\/+/, "")));
}

/** What the image says that an array is a level of. */
async function inParent(
  store: ObjectStore,
  path: string,
): Promise<Pick<ZarrPlace, "level" | "axisNames">> {
  if (path === "") return {};
  const [, parent, name] = /^(?:(.*)\/)?([^/]+)$/.exec(path)!;
  const node = await readZarrNode(store, parent ?? "");
  const image = node?.kind === "group" ? parseOme(node.attributes) : null;
  const level = image?.levels.find((level) => level.path === name);
  return level === undefined ? {} : { level, axisNames: image!.axisNames };
}

/** How an array is seen as a volume. */
export function zarrView({ node, level, axisNames }: ZarrPlace, spec: string): {
  axes: number[];
  voxelSizeNm?: Zyx;
  offset?: Zyx;
} {
  const { shape, dimensionNames, attributes } = node.metadata;
  const names = (axisNames ?? dimensionNames ?? []).map((name) => name.toLowerCase());
  const axes = axesByName(names, shape, spec) ?? shape.map((_, d) => d);
  const own = ["voxel_size", "resolution"].map((name) => attributes[name])
    .find((edges): edges is number[] => isNumbers(edges, 3) && edges.every((n) => n > 0));
  const voxelSizeNm = level?.voxelSizeNm ?? (own && [own[0], own[1], own[2]] as const);
  return { axes, voxelSizeNm, offset: level?.offset };
}

/** Stored dimensions of c, z, y and x; null where their names do not tell. */
function axesByName(names: readonly string[], shape: readonly number[], spec: string) {
  const [z, y, x] = ["z", "y", "x"].map((name) => names.indexOf(name));
  if (names.length !== shape.length || [z, y, x].includes(-1)) return null;
  const channel = names.findIndex((name) => name === "c" || name === "channel");
  const axes = channel < 0 ? [z, y, x] : [channel, z, y, x];
  const other = shape.findIndex((size, d) => !axes.includes(d) && size !== 1);
  if (other >= 0) {
    throw new RangeError(
      `Cannot open "${spec}": dimensions besides c, z, y and x must have size 1, ` +
        `current size of "${names[other]}" is ${shape[other]}`,
    );
  }
  return axes;
}
