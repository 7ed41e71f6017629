/** The text that names a volume: `[format://]path[:dataset][slice]`, where the path may be a URL. */

/** One entry of a slice in Python's meaning: an index that drops its axis, or `start:stop:step`. */
export type SliceEntry = number | {
  readonly start?: number;
  readonly stop?: number;
  readonly step?: number;
};

export interface VolumeSpec {
  /** Stated before the path, as in `precomputed://https://…`; absent where it is to be found out. */
  readonly format?: "zarr" | "precomputed";
  /** Of a file or folder, or a URL with `http` or `https`. */
  readonly path: string;
  /** Dataset, member or file extension; absent where the text has none. */
  readonly dataset?: string;
  /** Applies to the leading axes; empty without brackets. */
  readonly slice: readonly SliceEntry[];
}

/**
 * Parses the text of a volume. The path ends at the first colon (of a URL: behind the host) or bracket, the dataset at the next colon, bracket or
 * `@` (what follows that or the brackets, an axis order, is ignored); colons inside the brackets belong to the slice. `~` is the home
 * folder.
 *
 * @throws {SyntaxError} when there is no path, or the brackets hold something else than integers and `a:b:c`.
 */
export function parseVolumeSpec(text: string): VolumeSpec {
  const [, prefix, rest] = /^(?:(zarr[23]?|precomputed):\/\/)?(.*)$/s.exec(text)!;
  const [, url = "", tail] = /^((?:https?|gs|s3):\/\/[^/[]+)?(.*)$/s.exec(rest)!;
  const match = /^([^:[]+)(?::([^:[@]*))?([^[]*)(?:\[(.*)\](.*))?$/s.exec(tail);
  if (match === null) throw refusal(text, "a path, with a dataset after a colon if need be");
  const [, path, dataset, , inside, after] = match;
  if (dataset === "") throw refusal(text, "the name of a dataset after the colon");
  if (after && !after.startsWith("@")) throw refusal(text, "nothing after the slice");
  const slice = inside === undefined ? [] : inside.split(",").map((part) => entryOf(text, part));
  const place = url === "" ? expandHome(path) : webAddress(url) + path;
  const format = prefix === undefined || prefix === "precomputed" ? prefix : "zarr";
  return { ...(format && { format }), path: place, dataset, slice };
}

/** Whether a path is an address on the web. */
export function isUrl(path: string): boolean {
  return /^https?:\/\//.test(path);
}

/** Public buckets are read through their web addresses. */
function webAddress(url: string): string {
  return url.replace(/^gs:\/\//, "https://storage.googleapis.com/")
    .replace(/^s3:\/\/(.*)$/, "https://$1.s3.amazonaws.com");
}

function entryOf(text: string, part: string): SliceEntry {
  const bounds = part.split(":").map((bound) => bound.trim());
  const isValid = bounds.length <= 3 && bounds.every((b) => /^([+-]?\d{1,15})?$/.test(b));
  if (!isValid || part.trim() === "") {
    throw refusal(text, `integers and a:b:c between the brackets, found "${part.trim()}"`);
  }
  if (bounds.length === 1) return Number(bounds[0]);
  const [start, stop, step] = bounds.map((b) => b === "" ? undefined : Number(b));
  if (step === 0) throw refusal(text, "a step other than 0");
  return { start, stop, step };
}

function expandHome(path: string): string {
  const home = /^~(?=\/|$)/.test(path) ? Deno.env.get("HOME") : undefined;
  return home === undefined ? path : home + path.slice(1);
}

function refusal(text: string, expected: string): SyntaxError {
  return new SyntaxError(
    `Cannot open "${text}": expected ${expected}; write path:dataset or path:dataset[z,y,x]`,
  );
}
