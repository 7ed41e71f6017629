/** What this program asks of SLURM, over its command line. */
import { NotFoundError, UnsupportedError } from "../errors/errors.ts";

/** Runs a program and gives what it printed; tests put recorded output here. */
export type Execute = (program: string, args: readonly string[]) => Promise<{
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}>;

/** A task of an array that has not ended. */
export interface QueuedTask {
  readonly index: number;
  /** As squeue writes it: `PENDING`, `RUNNING`, … */
  readonly state: string;
  /** Why it waits; `None` where it does not. */
  readonly reason: string;
}

/** Runs a program of this machine. */
export const execute: Execute = async (program, args) => {
  try {
    const { code, stdout, stderr } = await new Deno.Command(program, { args: [...args] }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    const message = `Cannot run "${program}": no such program; run this where SLURM is installed`;
    throw new NotFoundError(message, { cause });
  }
};

/** Submits tasks of a script and gives the id of the job. */
export async function submit(
  script: string,
  run: Execute,
  { tasks, maxRunning }: { readonly tasks: readonly number[]; readonly maxRunning?: number },
): Promise<string> {
  const array = `--array=${tasks.join(",")}${maxRunning === undefined ? "" : `%${maxRunning}`}`;
  const { code, stdout, stderr } = await run("sbatch", ["--parsable", array, script]);
  // `1234`, or `1234;cluster`.
  const id = /^(\d+)(;\S*)?\s*$/m.exec(stdout)?.[1];
  if (code === 0 && id !== undefined) return id;
  throw new UnsupportedError(
    `Cannot submit "${script}": sbatch says: ${oneLine(stderr || stdout)}`,
  );
}

/** Takes what has not ended of a job out of the queue; a job that ended by itself is none to worry about. */
export async function cancel(job: string, run: Execute): Promise<void> {
  await run("scancel", [job]);
}

/**
 * Tasks of a job that have not ended; null when the controller did not answer this time.
 */
export async function queuedTasks(job: string, run: Execute): Promise<QueuedTask[] | null> {
  const args = ["--noheader", "--array", "--jobs", job, "--format=%i|%T|%r"];
  const { code, stdout, stderr } = await run("squeue", args);
  // Jobs that ended some minutes ago are no longer known.
  if (code !== 0) return /Invalid job id/i.test(stderr) ? [] : null;
  return stdout.split("\n").filter((line) => line.trim() !== "").flatMap((line) => {
    const [id, state, reason] = line.trim().split("|");
    const index = /^\d+_(\d+)$/.exec(id)?.[1];
    return index === undefined ? [] : [{ index: Number(index), state, reason }];
  });
}

/**
 * How tasks ended, by index: `COMPLETED`, `TIMEOUT`, `NODE_FAIL`, `FAILED 1:0`, …; tasks that SLURM no longer knows are missing.
 */
export async function endStates(job: string, run: Execute): Promise<Map<number, string>> {
  const fields = ["--noheader", "--parsable2", "--allocations", "--format=JobID,State,ExitCode"];
  const accounted = await run("sacct", ["--jobs", job, ...fields]).catch(() => null);
  if (accounted?.code === 0 && accounted.stdout.trim() !== "") {
    return new Map(
      accounted.stdout.trim().split("\n").flatMap((line) => {
        const [id, state, exit] = line.split("|");
        const index = /^\d+_(\d+)$/.exec(id)?.[1];
        return index === undefined ? [] : [[Number(index), describeEnd(state, exit)] as const];
      }),
    );
  }
  // Without an accounting database the controller remembers for some minutes.
  const { stdout } = await run("scontrol", ["--oneliner", "show", "job", job]);
  return new Map(
    stdout.split("\n").flatMap((line) => {
      const field = (name: string) => new RegExp(`\\b${name}=(\\S+)`).exec(line)?.[1];
      const index = field("ArrayTaskId");
      if (index === undefined || !/^\d+$/.test(index)) return [];
      return [
        [Number(index), describeEnd(field("JobState") ?? "UNKNOWN", field("ExitCode"))] as const,
      ];
    }),
  );
}

function describeEnd(state: string, exit = "0:0"): string {
  // `CANCELLED by 1000`
  const [word] = state.split(" ");
  return word === "FAILED" ? `${word} ${exit}` : word;
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, " ");
}
