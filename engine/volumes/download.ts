/** Whole files from web servers, kept when a download is interrupted and checked before they appear. */
import { createHash, type Hash } from "node:crypto";
import { dirname } from "node:path";
import { FormatError } from "../errors/errors.ts";
import { syncFolder } from "./atomic_file.ts";
import { isFile } from "./checkpoint_prefix.ts";
import { type BodyOptions, httpBody } from "./http_body.ts";

/** How a file is downloaded. */
export interface DownloadOptions
  extends Pick<BodyOptions, "attempts" | "backOffMs" | "silenceMs" | "signal"> {
  /** Digest that the file must have, in hexadecimal digits. */
  readonly sha256?: string;
  /** Told the bytes that are there, and of how many where the server says so. */
  progress?(bytes: number, total: number | undefined): void;
  log?(line: string): void;
}

/** What became of a download. */
export interface Downloaded {
  /** `kept` where the file was there already. */
  readonly how: "kept" | "fetched" | "resumed";
  readonly sizeBytes: number;
  readonly sha256: string;
}

/**
 * Downloads a file to `path`. What has arrived lies in `path.part` until it is complete and its digest is right; a later
 * call goes on from there. A file that is there already is kept where its digest is right, or where none is known.
 *
 * @throws {FormatError} when the digest is wrong: nothing is left then.
 */
export async function download(
  url: string,
  path: string,
  options: DownloadOptions = {},
): Promise<Downloaded> {
  if (await isFile(path)) {
    const there = await digestOf(path, options.signal);
    if (options.sha256 === undefined || there.sha256 === options.sha256) {
      return { how: "kept", ...there };
    }
    options.log?.(`"${path}" is another file than the one that is wanted: it will be replaced`);
  }
  await Deno.mkdir(dirname(path), { recursive: true });
  const part = `${path}.part`;
  let result = await complete(url, part, options);
  if (result.how === "resumed" && !result.isRight) {
    options.log?.(`"${part}" is not the beginning of ${url}: it is fetched from the start`);
    await Deno.remove(part);
    result = await complete(url, part, options);
  }
  if (!result.isRight) {
    await Deno.remove(part);
    throw new FormatError(
      `Cannot use "${url}": its SHA-256 must be ${options.sha256}, current value is ${result.sha256} of ${result.sizeBytes} bytes`,
      { path: url },
    );
  }
  await Deno.rename(part, path);
  await syncFolder(dirname(path));
  const { how, sizeBytes, sha256 } = result;
  return { how, sizeBytes, sha256 };
}

/** Fills up the part that is there, on the disk when this returns. */
async function complete(
  url: string,
  part: string,
  { sha256, progress, ...options }: DownloadOptions,
): Promise<Downloaded & { readonly isRight: boolean }> {
  const hash = createHash("sha256");
  const first = await isFile(part) ? await hashFile(part, hash, options.signal) : 0;
  let sizeBytes = first;
  let total: number | undefined;
  using file = await Deno.open(part, { write: true, create: true });
  await file.seek(0, Deno.SeekMode.End);
  const body = httpBody(url, { ...options, offset: first, onLength: (bytes) => total = bytes });
  try {
    for await (const bytes of body) {
      for (let done = 0; done < bytes.length;) done += await file.write(bytes.subarray(done));
      hash.update(bytes);
      sizeBytes += bytes.length;
      progress?.(sizeBytes, total);
    }
    await file.sync();
  } catch (error) {
    if (error instanceof Error && /os error/.test(error.message)) {
      error.message = `Cannot write "${part}": ${error.message}`;
    }
    throw error;
  }
  const digest = hash.digest("hex");
  const isWhole = total === undefined || sizeBytes === total;
  const isRight = sha256 === undefined ? isWhole : digest === sha256;
  return { how: first > 0 ? "resumed" : "fetched", sizeBytes, sha256: digest, isRight };
}

async function digestOf(
  path: string,
  signal?: AbortSignal,
): Promise<{ sizeBytes: number; sha256: string }> {
  const hash = createHash("sha256");
  const sizeBytes = await hashFile(path, hash, signal);
  return { sizeBytes, sha256: hash.digest("hex") };
}

/** @returns bytes of the file. */
async function hashFile(path: string, hash: Hash, signal?: AbortSignal): Promise<number> {
  let bytes = 0;
  for await (const chunk of (await Deno.open(path)).readable) {
    signal?.throwIfAborted();
    hash.update(chunk);
    bytes += chunk.length;
  }
  return bytes;
}
