import { NotFoundError, UnsupportedError } from "../errors/errors.ts";
import type { Zyx } from "../geometry/vectors.ts";
import type { ChunkedArray } from "./chunked_array.ts";
import { type ChunkedView, ChunkedVolume } from "./chunked_volume.ts";
import type { ObjectStore } from "./object_store.ts";
import { PrecomputedArray } from "./precomputed_array.ts";
import { readPrecomputedInfo } from "./precomputed.ts";
import type { OutputMap, TensorStoreSpec } from "./tensorstore_spec.ts";
import type { Volume } from "./volume.ts";

/** A stored array as TensorStore sees it. */
interface Base {
  readonly array: ChunkedArray;
  /** Stored dimension of the array behind each dimension of TensorStore. */
  readonly stored: readonly number[];
  /** Index of the first element, by dimension of TensorStore. */
  readonly begin: readonly number[];
  /** Edge lengths of a voxel, by stored dimension of the array, where they are known. */
  readonly edgesNm?: readonly (number | undefined)[];
}

/**
 * Opens what a spec names, through its transform. The dimensions of the result are `(z, y, x)` or `(channel, z, y, x)`,
 * as the spec puts them.
 *
 * @throws {UnsupportedError} when its domain does not begin at 0, where the boxes of requests count from.
 */
export async function openTensorStore(spec: TensorStoreSpec, store: ObjectStore): Promise<Volume> {
  const base = spec.driver === "neuroglancer_precomputed"
    ? await precomputedBase(spec, store)
    : await zarrBase(spec, store);
  const { array } = base;
  if (spec.dtype !== undefined && spec.dtype !== array.dtype) {
    throw refusal(spec, `dtype "${spec.dtype}"`, `the stored type is "${array.dtype}", name that`);
  }
  return new ChunkedVolume(array, viewOf(base, spec));
}

/** A precomputed volume has dimensions x, y, z and channel, from `voxel_offset`. */
async function precomputedBase(spec: TensorStoreSpec, store: ObjectStore): Promise<Base> {
  const info = await readPrecomputedInfo(store, spec.text);
  const scale = info.scales.at(spec.scaleIndex);
  if (scale === undefined) {
    throw new NotFoundError(
      `Cannot open a volume by tensorstore "${spec.text}": no scale ${spec.scaleIndex}, ` +
        `the volume has ${info.scales.length}`,
    );
  }
  const [z, y, x] = scale.offset;
  return {
    array: new PrecomputedArray(store, info, scale),
    stored: [3, 2, 1, 0],
    begin: [x, y, z, 0],
    edgesNm: [undefined, ...scale.voxelSizeNm],
  };
}

async function zarrBase(spec: TensorStoreSpec, store: ObjectStore): Promise<Base> {
  const { findZarrArray, zarrView } = await import("./zarr.ts");
  const { ZarrArray } = await import("./zarr_array.ts");
  const place = await findZarrArray(store, "", spec.text);
  const version = spec.driver === "zarr" ? 2 : 3;
  if (place.path !== "" || place.node.version !== version) {
    const found = place.path === "" ? `an array of version ${place.node.version}` : "an image";
    const advice = place.path === ""
      ? `write driver "${version === 2 ? "zarr3" : "zarr"}"`
      : `add the array's path, "${place.path}"`;
    throw refusal(spec, `driver "${spec.driver}"`, `there is ${found}, ${advice}`);
  }
  const array = await ZarrArray.open(store, "", place.node);
  const { axes, voxelSizeNm } = zarrView(place, spec.text);
  const edges = array.shape.map((_, d) => voxelSizeNm?.[axes.slice(-3).indexOf(d)]);
  const dimensions = array.shape.map((_, d) => d);
  return { array, stored: dimensions, begin: dimensions.map(() => 0), edgesNm: edges };
}

function viewOf({ array, stored, begin, edgesNm }: Base, spec: TensorStoreSpec): ChunkedView {
  const { transform } = spec;
  const rank = transform?.rank ?? stored.length;
  const output: readonly OutputMap[] = transform?.output ??
    stored.map((_, d) => ({ input: d, offset: 0 }));
  if (
    output.length !== stored.length || (transform?.output === undefined && rank !== stored.length)
  ) {
    throw refusal(
      spec,
      `a transform of ${output.length} outputs`,
      `the array has ${stored.length} dimensions, give one output for each`,
    );
  }
  const sizes = stored.map((d) => array.shape[d]);
  const axes = new Array<number>(rank), shape = new Array<number>(rank);
  const from = new Array<number>(rank);
  const origin = array.shape.map(() => 0);
  output.forEach((map, k) => {
    const [low, high] = [begin[k], begin[k] + sizes[k]];
    if ("index" in map) {
      if (map.index < low || map.index >= high) throw outside(spec, k, map.index, low, high);
      origin[stored[k]] = map.index - low;
      return;
    }
    const { input, offset } = map;
    const first = transform?.begin?.[input] ?? low - offset;
    const end = transform?.end?.[input] ?? high - offset;
    if (first + offset < low) throw outside(spec, k, first + offset, low, high);
    if (end + offset > high) throw outside(spec, k, end + offset - 1, low, high);
    axes[input] = stored[k];
    shape[input] = end - first;
    from[input] = first;
    origin[stored[k]] = first + offset - low;
  });
  if (from.some((n) => n !== 0)) {
    const outputs = output.map((map) =>
      "index" in map
        ? { offset: map.index }
        : { input_dimension: map.input, offset: map.offset + from[map.input] }
    );
    throw refusal(
      spec,
      `a domain that begins at [${from.join(", ")}]`,
      `boxes count from 0, write "transform": ${
        JSON.stringify({
          input_rank: rank,
          output: outputs,
          input_inclusive_min: from.map(() => 0),
        })
      }`,
    );
  }
  const edges = axes.slice(-3).map((d) => edgesNm?.[d]);
  const isKnown = edges.length === 3 && edges.every((edge) => edge !== undefined);
  const voxelSizeNm = isKnown ? edges as unknown as Zyx : undefined;
  return { spec: spec.text, axes, shape, origin, voxelSizeNm };
}

function outside(spec: TensorStoreSpec, k: number, index: number, low: number, high: number) {
  return new RangeError(
    `Cannot open a volume by tensorstore "${spec.text}": dimension ${k} goes from ${low} to ${
      high - 1
    }, current index is ${index}`,
  );
}

function refusal(spec: TensorStoreSpec, what: string, works: string): UnsupportedError {
  return new UnsupportedError(
    `Cannot open a volume by tensorstore "${spec.text}": ${what} is not supported, ${works}`,
  );
}
