/** Which failures of a request may pass, and how long to wait before it is made again. */

/** Longest wait that is taken over from a server's `Retry-After`. */
const MAX_WAIT_MS = 60_000;

/** Answers after which the same request may succeed: too slow, too many, broken behind a gateway. */
const PASSING = [408, 425, 429, 500, 502, 503, 504];

/** A failure that may pass, with the wait that the server asks for. */
export class PassingFailure extends Error {
  readonly waitMs: number;
  constructor(message: string, waitMs = 0) {
    super(message);
    this.waitMs = waitMs;
  }
}

/** @throws What cannot pass, as it is. */
export function passing(error: unknown, timeoutMs: number): PassingFailure {
  if (error instanceof PassingFailure) return error;
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return new PassingFailure(`no answer within ${timeoutMs / 1000} s`);
  }
  // fetch and its body reject with TypeError when a connection fails or breaks off.
  if (error instanceof TypeError || error instanceof Deno.errors.Http) {
    return new PassingFailure((error as Error).message);
  }
  throw error;
}

/**
 * What an answer without a body that is wanted says, in words.
 *
 * @throws {PassingFailure} where the same request may succeed.
 */
export function refusal({ status, statusText, headers }: Response): string {
  const answer = `the server answers ${status} ${statusText}`.trim();
  if (!PASSING.includes(status)) return answer;
  const seconds = Number(headers.get("retry-after") ?? 0);
  throw new PassingFailure(answer, Number.isFinite(seconds) ? 1000 * seconds : 0);
}

/** Milliseconds to wait after attempt number `attempt`, counted from 1. */
export function waitBefore(attempt: number, backOffMs: number, failure: PassingFailure): number {
  // Random parts keep many readers from coming back all at once.
  const waitMs = backOffMs * 2 ** (attempt - 1) * (0.5 + Math.random());
  return Math.min(MAX_WAIT_MS, Math.max(waitMs, failure.waitMs));
}

/** Resolves after a time, or rejects when the signal is aborted. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
