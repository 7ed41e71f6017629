import { sleep } from "./sleep.ts";
import { cancel, endStates, type Execute, execute, queuedTasks, submit } from "./slurm.ts";

/** How an array is followed. */
export interface FollowOptions {
  /** Path of the sbatch script. */
  readonly script: string;
  /** Tasks whose work is not done, by what lies on the disk; SLURM's own word is only reported. */
  unfinished(): Promise<readonly number[]>;
  /** Job that was submitted before and may still run. */
  readonly job?: string;
  /** Told of every job that was submitted, before it is waited for. */
  onSubmit?(job: string, tasks: readonly number[]): Promise<void>;
  /** Takes a line when the counts of tasks by state change, and for tasks that ended badly. */
  note(line: string): void;
  /** Tasks that run at once at most; all of them unless given. */
  readonly maxRunning?: number;
  readonly maxResubmits: number;
  readonly pollMs: number;
  readonly signal: AbortSignal;
  readonly run?: Execute;
}

/**
 * Submits an array and waits until all of its work is done; what is not done when the queue is empty is submitted again.
 *
 * @throws {Error} when somebody cancelled the job, or when that happened `maxResubmits` times. The signal's reason when it is aborted; the job goes on then.
 */
export async function followArray(options: FollowOptions): Promise<void> {
  const { run = execute, note } = options;
  const isLeft = options.job !== undefined && (await queuedTasks(options.job, run))?.length !== 0;
  let job = isLeft ? options.job! : null;
  for (let submits = job === null ? 0 : 1;; submits++) {
    if (job !== null) await waitFor(job, options, run);
    const tasks = await options.unfinished();
    if (tasks.length === 0) return;
    const ends = job === null ? new Map() : await endStates(job, run);
    for (const task of job === null ? [] : tasks) {
      note(`task ${task} is not done: ${ends.get(task) ?? "SLURM does not know it"}`);
    }
    if (tasks.some((task) => ends.get(task) === "CANCELLED")) {
      throw new Error(
        `Cannot go on: job ${job} was cancelled; the same command submits what is left`,
      );
    }
    if (submits > options.maxResubmits) {
      throw new Error(
        `Cannot finish the work of "${options.script}": ${tasks.length} tasks are not done after ` +
          `${submits} submissions, the first is ${
            tasks[0]
          }; see its log, then run the same command`,
      );
    }
    job = await submit(options.script, run, { tasks, maxRunning: options.maxRunning });
    await options.onSubmit?.(job, tasks);
    note(`job ${job}: ${tasks.length} tasks ${submits === 0 ? "submitted" : "submitted again"}`);
  }
}

async function waitFor(job: string, options: FollowOptions, run: Execute): Promise<void> {
  let last = "";
  for (;;) {
    const tasks = await queuedTasks(job, run);
    if (tasks !== null && tasks.length === 0) return;
    const counts = new Map<string, number>();
    for (const { state, reason } of tasks ?? []) {
      const what = state === "PENDING" ? `waiting (${reason})` : state.toLowerCase();
      counts.set(what, (counts.get(what) ?? 0) + 1);
    }
    const line = tasks === null
      ? "SLURM does not answer"
      : [...counts].map(([what, count]) => `${count} ${what}`).join(", ");
    if (line !== last) {
      options.note(`job ${job}: ${line}`);
      // SLURM holds what a node refused until a person releases it; the others may have done its work.
      const isWaiting = tasks?.every(({ state }) => state === "PENDING");
      if (isWaiting && (await options.unfinished()).length === 0) {
        options.note(`job ${job}: cancelled, since its work is done`);
        return await cancel(job, run);
      }
    }
    last = line;
    await sleep(options.pollMs, options.signal);
  }
}
