/** Objects of a web server or bucket, read by `GET`; nothing here knows what they hold. */
import { FormatError, NotFoundError } from "../errors/errors.ts";
import { delay, passing, PassingFailure, refusal, waitBefore } from "./http_failures.ts";
import { type ByteRange, checkKey, MAX_OBJECT_BYTES, type ObjectStore } from "./object_store.ts";

/** How patient a store is. */
export interface HttpOptions {
  /** Requests for one object before it is given up; 6 unless given. */
  readonly attempts?: number;
  /** Wait before the second attempt, doubled for each one after; 500 ms unless given. */
  readonly backOffMs?: number;
  /** One attempt may take this long; 60 s unless given. */
  readonly timeoutMs?: number;
  /** Requests under way at the same time; 16 unless given. */
  readonly concurrency?: number;
}

/** The objects below a URL. Failures that may pass are tried again after growing waits. */
export class HttpStore implements ObjectStore {
  readonly location: string;
  readonly #options: Required<HttpOptions>;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** @param url Objects are `url/key`; a query (`?token=…`) is kept. */
  constructor(url: string, options: HttpOptions = {}) {
    this.location = url.replace(/\/+(?=\?|$)/, "");
    this.#options = { attempts: 6, backOffMs: 500, timeoutMs: 60_000, concurrency: 16, ...options };
  }

  get(key: string): Promise<Uint8Array | undefined> {
    return this.#patiently(key, (url, signal) => fetchBytes(url, null, signal));
  }

  getRange(key: string, range: ByteRange): Promise<Uint8Array | undefined> {
    const length = "offset" in range ? range.length : range.suffixLength;
    if (length === 0) return Promise.resolve(new Uint8Array(0));
    return this.#patiently(key, (url, signal) => fetchBytes(url, range, signal));
  }

  /** Runs one request, and again after failures that may pass. */
  async #patiently(
    key: string,
    request: (url: string, signal: AbortSignal) => Promise<Uint8Array | undefined>,
  ): Promise<Uint8Array | undefined> {
    checkKey(this.location, key);
    const [base, query] = this.location.split("?");
    const path = key.split("/").map(encodeURIComponent).join("/");
    const url = `${base}/${path}${query === undefined ? "" : `?${query}`}`;
    const { attempts, backOffMs, timeoutMs } = this.#options;
    for (let attempt = 1;; attempt++) {
      let failure: PassingFailure;
      await this.#enter();
      try {
        return await request(url, AbortSignal.timeout(timeoutMs));
      } catch (error) {
        failure = passing(error, timeoutMs);
      } finally {
        this.#leave();
      }
      if (attempt === attempts) {
        throw new FormatError(
          `Cannot read "${url}": ${failure.message}, after ${attempts} attempts`,
          { path: url, cause: failure },
        );
      }
      await delay(waitBefore(attempt, backOffMs, failure));
    }
  }

  async #enter(): Promise<void> {
    if (this.#running >= this.#options.concurrency) {
      // The place is handed over by the request that ends.
      return await new Promise((resolve) => this.#waiting.push(resolve));
    }
    this.#running++;
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running--;
    else next();
  }
}

async function fetchBytes(
  url: string,
  range: ByteRange | null,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const headers: Record<string, string> = range === null ? {} : { range: rangeHeader(range) };
  const response = await fetch(url, { headers, signal });
  if (response.status === 200 || (response.status === 206 && range !== null)) {
    const bytes = await bodyOf(response, url);
    if (range === null) return bytes;
    // A server may ignore ranges and send all.
    const part = response.status === 206 ? bytes : partOf(bytes, range);
    if ("offset" in range && part.length > range.length) {
      throw new PassingFailure(`${part.length} bytes came where ${range.length} were asked for`);
    }
    return part;
  }
  await response.body?.cancel();
  const { status } = response;
  if (status === 404 || status === 410) return undefined;
  // The range begins behind the end of the object.
  if (status === 416) return new Uint8Array(0);
  const answer = refusal(response);
  const hint = status === 401 || status === 403 ? "; the volume must be public" : "";
  throw new NotFoundError(`Cannot read "${url}": ${answer}${hint}`);
}

/** The body, given up as soon as it is larger than any object may be. */
async function bodyOf(response: Response, url: string): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    if (length > MAX_OBJECT_BYTES) {
      throw new FormatError(
        `Cannot read "${url}": at most ${MAX_OBJECT_BYTES} bytes are taken for one object`,
        { path: url },
      );
    }
    parts.push(part);
  }
  // Where nothing is packed on the way, the head states the length.
  const stated = response.headers.get("content-length");
  const isPacked = response.headers.has("content-encoding");
  if (stated !== null && !isPacked && Number(stated) !== length) {
    throw new PassingFailure(`${length} of ${stated} bytes came`);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function rangeHeader(range: ByteRange): string {
  return "offset" in range
    ? `bytes=${range.offset}-${range.offset + range.length - 1}`
    : `bytes=-${range.suffixLength}`;
}

function partOf(bytes: Uint8Array, range: ByteRange): Uint8Array {
  if ("suffixLength" in range) return bytes.slice(Math.max(0, bytes.length - range.suffixLength));
  return bytes.slice(range.offset, range.offset + range.length);
}
