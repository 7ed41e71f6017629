import { setTimeout } from "node:timers/promises";

/**
 * Waits so many milliseconds.
 *
 * @throws The reason of `signal` when that stops it; the timer itself would say only that it was stopped.
 */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch((error) => {
    throw signal?.aborted ? signal.reason : error;
  });
}
