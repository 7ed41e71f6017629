import type { Box } from "../geometry/box.ts";
import type { Runner, RunnerControl, SubvolumeResult } from "./runner.ts";

/** How many boxes are worked on at once, and how they are watched. */
export interface RunBoxesOptions {
  /** Boxes at a time, at least 1; all of them where it is below 0. */
  readonly concurrency: number;
  /** Stops every run in progress, each with a checkpoint. */
  readonly signal?: AbortSignal;
  /** Watches one run. */
  control?(box: Box, runner: Runner): Omit<RunnerControl, "signal">;
  /** Told of every finished run; null where the subvolume was finished before. */
  done?(box: Box, runner: Runner, result: SubvolumeResult | null): void | Promise<void>;
}

/**
 * Segments boxes, several at a time over the executor that the runners share. Boxes are begun in order, and each goes
 * through all runners in order, so that a later request can start from the result of an earlier one.
 *
 * @throws the first error; the other runs are stopped then, each with a checkpoint.
 */
export async function runBoxes(
  runners: readonly Runner[],
  boxes: readonly Box[],
  { concurrency, signal, control, done }: RunBoxesOptions,
): Promise<void> {
  if (!Number.isInteger(concurrency) || concurrency === 0) {
    throw new RangeError(
      `Cannot run ${concurrency} boxes at a time: wanted 1 or more, or -1 for all of them`,
    );
  }
  for (const runner of runners) for (const box of boxes) runner.checkBox(box);
  const failed = new AbortController();
  const signals = signal === undefined ? [failed.signal] : [signal, failed.signal];
  const stop = AbortSignal.any(signals);
  const queue = boxes[Symbol.iterator]();
  const work = async () => {
    for (const box of queue) {
      for (const runner of runners) {
        const result = await runner.run(box, { ...control?.(box, runner), signal: stop });
        await done?.(box, runner, result);
      }
    }
  };
  const workers = concurrency < 0 ? boxes.length : Math.min(concurrency, boxes.length);
  let firstError: { readonly error: unknown } | null = null;
  await Promise.all(Array.from({ length: workers }, () =>
    work().catch((error) => {
      firstError ??= { error };
      failed.abort(error);
    })));
  if (firstError !== null) throw (firstError as { error: unknown }).error;
}
