/** Runs one command line: parsing, signals, errors, exit code. `cli.ts` gives it the process, tests give it arrays. */
import { UsageError } from "../errors/errors.ts";
import type { CommandList, Context } from "./command.ts";
import { commandName, parseCommandLine } from "./command_line.ts";
import { onTermination } from "./termination.ts";
import manifest from "../../deno.json" with { type: "json" };

/** Where a command line's output goes. */
export interface Streams {
  stdout(text: string): void;
  stderr(text: string): void;
  /** Width of the terminal behind standard error, null where it is none. */
  columns(): number | null;
}

/**
 * Runs `args` (what follows `ffn`) and returns the exit code: 0, 2 for a command line that makes no sense, 1 for
 * anything else that failed, 128 + signal for a run that was interrupted. Never throws.
 */
export async function main(
  args: readonly string[],
  commands: CommandList,
  streams: Streams = processStreams(),
): Promise<number> {
  const command = commandName(args[0] ?? "", commands);
  const name = command === null ? "ffn" : `ffn ${command}`;
  const verbose = args.includes("--verbose");
  using termination = onTermination();
  try {
    const parsed = await parseCommandLine(args, commands, `ffn ${manifest.version}`);
    if ("help" in parsed) {
      streams.stdout(`${parsed.help.trimEnd()}\n`);
      return 0;
    }
    await parsed.command.run(parsed.values, context(streams, termination.signal, parsed.verbosity));
    return 0;
  } catch (error) {
    const interrupted = termination.exitCode();
    if (interrupted !== null && error === termination.signal.reason) {
      streams.stderr(`${name}: ${oneLine(error)}\n`);
      return interrupted;
    }
    const usage = error instanceof UsageError;
    const hint = usage ? `; see ${name} --help` : "";
    streams.stderr(`${name}: ${oneLine(error)}${hint}\n`);
    if (verbose && !usage) streams.stderr(stackOf(error));
    return usage ? 2 : 1;
  }
}

function context(
  streams: Streams,
  signal: AbortSignal,
  verbosity: Context["verbosity"],
): Context {
  return {
    signal,
    verbosity,
    print: (line) => streams.stdout(`${line}\n`),
    note: (line) => verbosity === "quiet" ? undefined : streams.stderr(`${line}\n`),
    stderr: { write: streams.stderr, columns: streams.columns },
  };
}

/** Our own messages start with "Cannot" and say all; anything else is given with its class. */
function oneLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const message = error.message.trim().replace(/\s*\n\s*/g, " ");
  return /^(Cannot|Stopped) /.test(message) ? message : `Cannot go on: ${error.name}: ${message}`;
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const cause = error.cause === undefined ? "" : `caused by ${stackOf(error.cause) || error.cause}`;
  return `${error.stack ?? error.message}\n${cause}`;
}

function processStreams(): Streams {
  const encoder = new TextEncoder();
  const write = (to: { writeSync(bytes: Uint8Array): number }, text: string) => {
    for (let bytes = encoder.encode(text); bytes.length > 0;) {
      bytes = bytes.subarray(to.writeSync(bytes));
    }
  };
  return {
    stdout: (text) => write(Deno.stdout, text),
    stderr: (text) => write(Deno.stderr, text),
    columns: () => Deno.stderr.isTerminal() ? Deno.consoleSize().columns : null,
  };
}
