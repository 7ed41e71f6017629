/** The TensorStore specs that requests may name volumes by: a subset, checked without reading anything. */
import { UnsupportedError } from "../errors/errors.ts";
import { isObject, type JsonObject, shown } from "../formats/json_document.ts";

/** What feeds one stored dimension: an input dimension, shifted, or one index. */
export type OutputMap = { readonly input: number; readonly offset: number } | {
  readonly index: number;
};

/** A spec that can be opened. */
export interface TensorStoreSpec {
  /** The JSON, cut where it is long, for messages. */
  readonly text: string;
  readonly driver: "zarr" | "zarr3" | "neuroglancer_precomputed";
  /** Folder or web address. */
  readonly location: string;
  /** Of a precomputed volume. */
  readonly scaleIndex: number;
  readonly dtype?: string;
  readonly transform?: {
    readonly rank: number;
    /** Inclusive begin and exclusive end of each input dimension, where they are stated. */
    readonly begin?: readonly number[];
    readonly end?: readonly number[];
    /** One per stored dimension; absent where they are the input dimensions in their order. */
    readonly output?: readonly OutputMap[];
  };
}

const DRIVERS: readonly string[] = ["zarr", "zarr3", "neuroglancer_precomputed"];
/** Members that change how TensorStore works, not what it reads. */
const WITHOUT_EFFECT: readonly string[] = [
  ...["context", "open", "recheck_cached", "recheck_cached_data", "recheck_cached_metadata"],
  ...["cache_pool", "data_copy_concurrency", "file_io_concurrency", "assume_metadata"],
];
const WORKS =
  'a driver of "zarr", "zarr3" and "neuroglancer_precomputed" over a kvstore of "file", ' +
  '"http", "gcs" and "s3", with path, scale_index, dtype, and a transform of axes and offsets';

/**
 * Reads a spec.
 *
 * @throws {SyntaxError} when it is no JSON, {@linkcode UnsupportedError} for what is outside the subset.
 */
export function parseTensorStoreSpec(json: string): TensorStoreSpec {
  const text = json.length > 60 ? `${json.slice(0, 60)}…` : json;
  let spec: unknown;
  try {
    spec = JSON.parse(json);
  } catch (error) {
    throw new SyntaxError(
      `Cannot open a volume by tensorstore "${text}": it is no JSON, ${(error as Error).message}`,
    );
  }
  const refuse = (name: string, found: unknown) =>
    new UnsupportedError(
      `Cannot open a volume by tensorstore "${text}": ${name} ${
        shown(found)
      } is not supported, there are ${WORKS}`,
    );
  if (!isObject(spec)) throw refuse("the spec", spec);
  const { driver, kvstore, path = "", scale_index: scaleIndex = 0, dtype, transform, ...others } =
    spec;
  if (!DRIVERS.includes(driver as string)) throw refuse("driver", driver);
  for (const [name, value] of Object.entries(others)) {
    const hasEffect = !WITHOUT_EFFECT.includes(name) && value !== false && value !== null;
    if (hasEffect) throw refuse(name, value);
  }
  if (typeof path !== "string") throw refuse("path", path);
  const isScale = Number.isSafeInteger(scaleIndex) && (scaleIndex as number) >= 0;
  if (!isScale || (scaleIndex !== 0 && driver !== "neuroglancer_precomputed")) {
    throw refuse("scale_index", scaleIndex);
  }
  if (dtype !== undefined && typeof dtype !== "string") throw refuse("dtype", dtype);
  return {
    text,
    driver: driver as TensorStoreSpec["driver"],
    location: joined(locationOf(kvstore, refuse), path),
    scaleIndex: scaleIndex as number,
    dtype,
    transform: transform === undefined ? undefined : parseTransform(transform, refuse),
  };
}

type Refuse = (name: string, found: unknown) => UnsupportedError;

/** Folder or address that a key-value store stands for; it may also be written as a URL. */
function locationOf(kvstore: unknown, refuse: Refuse): string {
  if (typeof kvstore === "string") {
    const [, scheme, rest] = /^(file|https?|gs|s3):\/\/([^|]+)$/.exec(kvstore) ?? [];
    if (scheme === undefined) throw refuse("kvstore", kvstore);
    if (scheme === "file") return rest;
    return scheme.startsWith("http") ? kvstore : bucketAddress(scheme, rest);
  }
  if (!isObject(kvstore)) throw refuse("kvstore", kvstore);
  const { driver, path = "", base_url: base, bucket } = kvstore;
  if (typeof path !== "string") throw refuse("kvstore path", path);
  if (driver === "file" && path !== "") return path;
  if (driver === "http" && typeof base === "string" && /^https?:\/\//.test(base)) {
    return joined(base, path);
  }
  if ((driver === "gcs" || driver === "s3") && typeof bucket === "string") {
    return bucketAddress(driver, joined(bucket, path));
  }
  throw refuse("kvstore", kvstore);
}

function bucketAddress(scheme: string, path: string): string {
  if (scheme !== "s3") return `https://storage.googleapis.com/${path}`;
  const [bucket, ...key] = path.split("/");
  return `https://${bucket}.s3.amazonaws.com/${key.join("/")}`;
}

function joined(base: string, path: string): string {
  const trimmed = base.replace(/(?<=.)\/+$/, "");
  return path === "" ? trimmed : `${trimmed}/${path.replace(/^\/+|\/+$/g, "")}`;
}

function parseTransform(transform: unknown, refuse: Refuse): TensorStoreSpec["transform"] {
  if (!isObject(transform)) throw refuse("transform", transform);
  const {
    input_inclusive_min: begin,
    input_exclusive_max: exclusive,
    input_inclusive_max: inclusive,
    input_shape: shape,
    output,
    input_labels: _names,
    ...others
  } = transform;
  const lists = Object.entries({ begin, exclusive, inclusive, shape });
  for (const [name, list] of lists) {
    const isList = Array.isArray(list) && list.every((n) => Number.isSafeInteger(n));
    if (list !== undefined && !isList) throw refuse(`transform ${name}`, list);
  }
  const numbers = (list: unknown) => list as number[] | undefined;
  const first = numbers(begin ?? exclusive ?? inclusive ?? shape);
  const named = Array.isArray(output)
    ? output.filter((map) => isObject(map) && map.input_dimension !== undefined).length
    : undefined;
  const { input_rank: rank = first?.length ?? named, ...rest } = others;
  if (Object.keys(rest).length > 0) throw refuse("transform", rest);
  if (!Number.isSafeInteger(rank) || (rank as number) < 1) throw refuse("transform rank", rank);
  for (const [name, list] of lists) {
    if (list !== undefined && (list as unknown[]).length !== rank) {
      throw refuse(`transform ${name}`, list);
    }
  }
  // TensorStore counts a stated shape from a stated begin, else from 0.
  const from = numbers(begin) ?? (shape === undefined ? undefined : numbers(shape)!.map(() => 0));
  const end = numbers(exclusive) ?? numbers(inclusive)?.map((n) => n + 1) ??
    numbers(shape)?.map((n, d) => n + from![d]);
  return {
    rank: rank as number,
    begin: from,
    end,
    output: output === undefined ? undefined : parseOutput(output, rank as number, refuse),
  };
}

function parseOutput(output: unknown, rank: number, refuse: Refuse): OutputMap[] {
  if (!Array.isArray(output)) throw refuse("transform output", output);
  const used = new Set<number>();
  const maps = output.map((map: unknown): OutputMap => {
    if (!isObject(map)) throw refuse("transform output", map);
    const { input_dimension: input, offset = 0, stride = 1, ...rest } = map as JsonObject;
    const isPlain = Object.keys(rest).length === 0 && Number.isSafeInteger(offset) && stride === 1;
    if (!isPlain) throw refuse("transform output", map);
    if (input === undefined) return { index: offset as number };
    const isInput = Number.isSafeInteger(input) && (input as number) >= 0 &&
      (input as number) < rank && !used.has(input as number);
    if (!isInput) throw refuse("transform output", map);
    used.add(input as number);
    return { input: input as number, offset: offset as number };
  });
  if (used.size !== rank) {
    throw refuse("transform output that leaves out an input dimension", output);
  }
  return maps;
}
