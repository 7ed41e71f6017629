/** A worker to be started as a process of its own. */
export interface WorkerProcess {
  /** In messages, and the owner of its leases. */
  readonly name: string;
  /** Arguments of the command line. */
  readonly args: readonly string[];
  /** Beside the environment of this process. */
  readonly env: Readonly<Record<string, string>>;
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
}

/** A worker that dies so often without a finished box between is not started again. */
const MAX_DEATHS = 3;
/** Exit code of a command line that makes no sense, which a second try would not change. */
const USAGE = 2;
/** Set for workers: they end when their standard input does, which is when whoever started them is gone. */
export const FOLLOW_STDIN = "FFN_FOLLOW_STDIN";

/**
 * Runs workers until all have ended; one that dies is started again. When the signal comes, each is asked once to stop.
 *
 * @returns Names of the workers that gave up.
 * @throws the signal's reason.
 */
export async function superviseWorkers(
  workers: readonly WorkerProcess[],
  options: SupervisionOptions,
): Promise<string[]> {
  const ends = await Promise.all(workers.map(async (worker) => {
    for (let deaths = 0; deaths < MAX_DEATHS;) {
      const { code, lines } = await runOnce(worker, options);
      options.signal.throwIfAborted();
      if (code === 0) return null;
      await options.onDeath?.(worker.name);
      deaths = lines > 0 ? 1 : deaths + 1;
      options.note(`${worker.name} ended with exit code ${code}`);
      if (code === USAGE) break;
    }
    return worker.name;
  }));
  return ends.filter((name) => name !== null);
}

/** Address of the command line, from which a worker is started as this process was. */
const CLI = new URL("../../cli.ts", import.meta.url).href;

async function runOnce(
  { name, args, env }: WorkerProcess,
  { signal, print, note }: SupervisionOptions,
): Promise<{ code: number; lines: number }> {
  signal.throwIfAborted();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", CLI, ...args],
    env: { ...env, [FOLLOW_STDIN]: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    // A group of its own: Ctrl-C on a terminal reaches this process only, which then asks once.
    detached: true,
  }).spawn();
  const ask = () => {
    try {
      child.kill("SIGTERM");
    } catch {
      // It has just ended.
    }
  };
  signal.addEventListener("abort", ask);
  try {
    let lines = 0;
    const output = eachLine(child.stdout, (line) => {
      lines++;
      print(line);
    });
    const remarks = eachLine(child.stderr, (line) => note(`${name}: ${line}`));
    const { code } = await child.status;
    await Promise.all([output, remarks]);
    return { code, lines };
  } finally {
    signal.removeEventListener("abort", ask);
    await child.stdin.close().catch(() => {});
  }
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

/** Aborts when standard input ends, for a worker whose starter asked for it; else never. */
export function starterIsGone(): AbortSignal {
  const gone = new AbortController();
  if (Deno.env.get(FOLLOW_STDIN) !== undefined) {
    const watch = async () => {
      for await (const _ of Deno.stdin.readable);
      gone.abort(
        new DOMException("Stopped, since the process that started this one is gone", "AbortError"),
      );
    };
    watch().catch(() => {});
  }
  return gone.signal;
}
