import { dirname } from "node:path";

/** A worker to be started as a process of its own. */
export interface WorkerProcess {
  /** In messages, and the owner of its leases. */
  readonly name: string;
  /** Arguments of the command line. */
  readonly args: readonly string[];
  /** Beside the environment of this process. */
  readonly env: Readonly<Record<string, string>>;
  /** Words before those of the program, `srun -w n2 …`; told how often it was started before. */
  readonly starter?: (starts: number) => readonly string[];
  /**
   * It is asked to stop by the end of its standard input alone. SIGTERM, with which others are asked, may come from a
   * scheduler as well, and the second ends a process at once; srun does not hand it on.
   */
  readonly followsInput?: boolean;
  /** Gets what it prints, which then is not printed here. */
  readonly log?: string;
}

/** How workers are watched. */
export interface SupervisionOptions {
  readonly signal: AbortSignal;
  /** Takes a line of a worker's standard output. */
  print(line: string): void;
  /** Takes a line of its standard error, and remarks about it. */
  note(line: string): void;
  /** Told when a worker ended other than well, before it is started again. */
  onDeath?(name: string): Promise<void>;
  /** Told when one is not started again. */
  onGiveUp?(name: string): void;
  /** A worker that lived for so long counts as one that got on with its work; none does unless given. */
  readonly longLifeMs?: number;
}

/** A worker that dies so often without having got on with its work between is not started again. */
const MAX_DEATHS = 3;
/** Exit code of a command line that makes no sense, which a second try would not change. */
const USAGE = 2;
/** Set for workers: they end when their standard input does, which is when whoever started them is gone. */
export const FOLLOW_STDIN = "FFN_FOLLOW_STDIN";

/**
 * Runs workers until all have ended; one that dies is started again. When the signal comes, each is asked once to stop, and
 * waited for.
 *
 * @returns Names of the workers that gave up.
 * @throws the signal's reason.
 */
export async function superviseWorkers(
  workers: readonly WorkerProcess[],
  options: SupervisionOptions,
): Promise<string[]> {
  const ends = await Promise.allSettled(workers.map((worker) => supervise(worker, options)));
  return ends.flatMap((end, i) => {
    if (end.status === "rejected") throw end.reason;
    return end.value ? [] : [workers[i].name];
  });
}

/** Whether the worker did its work in the end. */
async function supervise(worker: WorkerProcess, options: SupervisionOptions): Promise<boolean> {
  const { longLifeMs = Infinity } = options;
  for (let deaths = 0, starts = 0; deaths < MAX_DEATHS; starts++) {
    const begunAt = performance.now();
    const { code, lines, lastRemark } = await runOnce(worker, starts, options);
    options.signal.throwIfAborted();
    if (code === 0) return true;
    await options.onDeath?.(worker.name);
    const gotOn = lines > 0 || performance.now() - begunAt >= longLifeMs;
    deaths = gotOn ? 1 : deaths + 1;
    const why = lastRemark === "" ? "" : `: ${lastRemark}`;
    options.note(`${worker.name} ended with exit code ${code}${why}`);
    if (code === USAGE) break;
  }
  options.onGiveUp?.(worker.name);
  return false;
}

/** Address of the command line, from which a worker is started as this process was. */
const CLI = new URL("../../cli.ts", import.meta.url).href;

async function runOnce(
  worker: WorkerProcess,
  starts: number,
  { signal, print, note }: SupervisionOptions,
): Promise<{ code: number; lines: number; lastRemark: string }> {
  signal.throwIfAborted();
  const { name, args, env, starter } = worker;
  const words = starter?.(starts) ?? [];
  const [program, ...rest] = [...words, Deno.execPath(), "run", "-A", CLI, ...args];
  using log = await openLog(worker.log);
  const child = new Deno.Command(program, {
    args: rest,
    env: { ...env, [FOLLOW_STDIN]: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    // A group of its own: Ctrl-C on a terminal reaches this process only, which then asks once.
    detached: true,
  }).spawn();
  const ask = () => {
    if (worker.followsInput) return void child.stdin.close().catch(() => {});
    try {
      child.kill("SIGTERM");
    } catch {
      // It has just ended.
    }
  };
  signal.addEventListener("abort", ask);
  try {
    let lines = 0, lastRemark = "", starterFailed = false;
    const output = eachLine(child.stdout, (line) => {
      lines++;
      log ? log.write(line) : print(line);
    });
    const remarks = eachLine(child.stderr, (line) => {
      lastRemark = line;
      // It ends with 0 where the node was lost.
      if (line.startsWith("srun: error: ")) starterFailed = true;
      log ? log.write(line) : note(`${name}: ${line}`);
    });
    const { code } = await child.status;
    await Promise.all([output, remarks]);
    return {
      code: starterFailed && code === 0 ? 1 : code,
      lines,
      lastRemark: log ? lastRemark : "",
    };
  } finally {
    signal.removeEventListener("abort", ask);
    await child.stdin.close().catch(() => {});
  }
}

/** A log that lines are added to; null without a path. */
async function openLog(path?: string): Promise<Disposable & { write(line: string): void } | null> {
  if (path === undefined) return null;
  await Deno.mkdir(dirname(path), { recursive: true });
  const file = await Deno.open(path, { append: true, create: true });
  return {
    write: (line) => void file.writeSync(new TextEncoder().encode(`${line}\n`)),
    [Symbol.dispose]: () => file.close(),
  };
}

/** Takes the lines of a stream of UTF-8 one by one; the last may lack its line feed. */
export async function eachLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  take: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    lines.forEach(take);
  }
  if (rest !== "") take(rest);
}

/** Aborts when standard input ends, for a worker whose starter asked for it; null for all others. */
export function starterIsGone(): AbortSignal | null {
  if (Deno.env.get(FOLLOW_STDIN) === undefined) return null;
  const gone = new AbortController();
  const watch = async () => {
    for await (const _ of Deno.stdin.readable);
    gone.abort(
      new DOMException("Stopped, since the process that started this one is gone", "AbortError"),
    );
  };
  watch().catch(() => {});
  return gone.signal;
}

/** The signal, or the loss of whoever started this process. */
export function untilStarterIsGone(signal: AbortSignal): AbortSignal {
  const gone = starterIsGone();
  return gone === null ? signal : AbortSignal.any([signal, gone]);
}
