/** The bytes of one long object of a web server, asked for again from where they broke off. */
import { FormatError, NotFoundError } from "../errors/errors.ts";
import { delay, passing, PassingFailure, refusal, waitBefore } from "./http_failures.ts";

/** How a body is read. */
export interface BodyOptions {
  /** First byte that is wanted; 0 unless given. */
  readonly offset?: number;
  /** Requests in a row that may bring nothing new; 6 unless given. */
  readonly attempts?: number;
  /** Wait before the second of these, doubled for each one after; 500 ms unless given. */
  readonly backOffMs?: number;
  /** Longest silence of the server; 60 s unless given. */
  readonly silenceMs?: number;
  readonly signal?: AbortSignal;
  /** Told the length of the whole object, as soon as the server states it. */
  onLength?(bytes: number): void;
}

/** What the answers so far said of the object, so that parts of two different ones are not joined. */
interface Known {
  length?: number;
  etag?: string;
}

/**
 * Bytes of the object at `url` from `offset` on; none where that lies behind its end. Where a connection breaks off the rest is asked for with a range request;
 * a server that ignores those sends all again, and what is known is skipped.
 *
 * @throws {NotFoundError} when the server refuses, {@linkcode FormatError} when it gives too little or something else than
 * before.
 */
export async function* httpBody(
  url: string,
  options: BodyOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { attempts = 6, backOffMs = 500, silenceMs = 60_000, signal } = options;
  const known: Known = {};
  let at = options.offset ?? 0;
  for (let attempt = 1;; attempt++) {
    let failure: PassingFailure;
    try {
      for await (const bytes of bodyFrom(url, at, known, options)) {
        at += bytes.length;
        attempt = 1;
        yield bytes;
      }
      if (known.length === undefined || at >= known.length) return;
      failure = new PassingFailure(`${at} of ${known.length} bytes came`);
    } catch (error) {
      signal?.throwIfAborted();
      failure = passing(error, silenceMs);
    }
    if (attempt >= attempts) {
      throw new FormatError(
        `Cannot read "${url}" from byte ${at} on: ${failure.message}, after ${attempts} attempts`,
        { path: url, offset: at, cause: failure },
      );
    }
    await delay(waitBefore(attempt, backOffMs, failure), signal);
  }
}

/** The answer to one request, from byte `at` on. */
async function* bodyFrom(
  url: string,
  at: number,
  known: Known,
  { silenceMs = 60_000, signal, onLength }: BodyOptions,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const stop = new AbortController();
  const forward = () => stop.abort(signal!.reason);
  signal?.addEventListener("abort", forward, { once: true });
  const silence = () =>
    setTimeout(() => stop.abort(new DOMException("silence", "TimeoutError")), silenceMs);
  let timer = silence();
  try {
    signal?.throwIfAborted();
    // Offsets count bytes as they are stored, so nothing may be packed on the way.
    const headers: Record<string, string> = { "accept-encoding": "identity" };
    if (at > 0) headers.range = `bytes=${at}-`;
    const response = await fetch(url, { headers, signal: stop.signal });
    // Where nothing is left, a range that begins at the end cannot be satisfied.
    if (response.status === 416 && isAtEnd(response, at, known)) {
      await response.body?.cancel();
      if (known.length !== undefined) onLength?.(known.length);
      return;
    }
    if (response.status !== 200 && response.status !== 206) {
      await response.body?.cancel();
      throw new NotFoundError(`Cannot read "${url}": ${refusal(response)}`);
    }
    const first = firstByte(response, url);
    if (first > at) {
      throw new FormatError(`Cannot read "${url}": byte ${at} was asked for, ${first} came`, {
        path: url,
        offset: at,
      });
    }
    learn(response, first, url, known);
    if (known.length !== undefined) onLength?.(known.length);
    let skip = at - first;
    for await (const bytes of response.body ?? []) {
      clearTimeout(timer);
      if (skip < bytes.length) yield bytes.subarray(skip) as Uint8Array<ArrayBuffer>;
      skip = Math.max(0, skip - bytes.length);
      timer = silence();
    }
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", forward);
    // Ends the connection where the reader stops early; does nothing after the end.
    stop.abort();
  }
}

/** Where the body of an answer begins in the object. */
function firstByte(response: Response, url: string): number {
  if (response.status === 200) return 0;
  const range = response.headers.get("content-range") ?? "";
  const first = /^bytes (\d+)-/.exec(range)?.[1];
  if (first !== undefined) return Number(first);
  throw new FormatError(
    `Cannot read "${url}": the server does not say which part it sends, its content-range is "${range}"`,
    { path: url },
  );
}

/** @throws {FormatError} when the object is not the one of earlier answers. */
function learn(response: Response, first: number, url: string, known: Known): void {
  const { headers } = response;
  const whole = /\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1];
  const part = headers.has("content-encoding") ? null : headers.get("content-length");
  const length = whole !== undefined
    ? Number(whole)
    : part === null
    ? undefined
    : first + Number(part);
  const etag = headers.get("etag") ?? undefined;
  for (const [key, value] of [["length", length], ["etag", etag]] as const) {
    if (value === undefined) continue;
    if (known[key] !== undefined && known[key] !== value) {
      throw new FormatError(
        `Cannot read "${url}": it changed while it was read, its ${key} was ${
          known[key]
        } and is ${value}`,
        { path: url },
      );
    }
    Object.assign(known, { [key]: value });
  }
}

/** Whether there is nothing from byte `at` on; learns the length where the answer states it. */
function isAtEnd({ headers }: Response, at: number, known: Known): boolean {
  const length = /^bytes \*\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1];
  if (length !== undefined) known.length ??= Number(length);
  return known.length !== undefined && at >= known.length;
}
