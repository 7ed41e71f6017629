/**
 * A command is data: what it is for, what it takes, and a function to run. Parsing, `--help` and the table of the
 * README come from the same data.
 *
 * A command's file imports only types and this file at its top and loads what it runs with `import()` inside `run`, so
 * that `ffn --help` touches neither a device nor HDF5 (tests/commands/lazy_loading_test.ts holds it to that).
 */
import { BACKEND_NAMES, KERNEL_PROCESS_MODES } from "../backends/open_backend.ts";

/** Something that must, or may, stand on the command line without a flag. */
export interface Argument {
  readonly description: string;
  readonly optional?: boolean;
}

/** A flag that is there or not. */
export interface FlagOption {
  readonly type: "flag";
  readonly description: string;
}

/** A flag with a text. */
export interface TextOption {
  readonly type: "text";
  /** What stands for the value in `--help`, in capitals. */
  readonly hint: string;
  readonly choices?: readonly string[];
  readonly default?: string;
  readonly description: string;
}

/** A flag with one or more texts: `--dirs A B C`. */
export interface TextsOption {
  readonly type: "texts";
  readonly hint: string;
  readonly description: string;
}

/** A flag with a number, both bounds inclusive. */
export interface NumberOption {
  readonly type: "integer" | "number";
  readonly hint: string;
  readonly min?: number;
  readonly max?: number;
  readonly default?: number;
  /** What the flag means where no number follows it; without this one must. */
  readonly alone?: number;
  readonly description: string;
}

/** One flag; its name is its key in `Options`, so `batchSize` is `--batch-size` (or `--batch_size`). */
export type Option = FlagOption | TextOption | TextsOption | NumberOption;

/** Positional arguments by name, in their order. */
export type Arguments = Readonly<Record<string, Argument>>;

/** Flags by camelCase name. */
export type Options = Readonly<Record<string, Option>>;

type ArgumentValue<A extends Argument> = A extends { optional: true } ? string | undefined : string;

type Scalar<O extends Option> = O extends { choices: readonly (infer C)[] } ? C
  : O extends TextsOption ? readonly string[]
  : O extends TextOption ? string
  : number;

type OptionValue<O extends Option> = O extends FlagOption ? boolean
  : O extends { default: string | number } ? Scalar<O>
  : Scalar<O> | undefined;

/** What `run` gets: every argument and option by name. */
export type Values<A extends Arguments, O extends Options> =
  & { readonly [K in keyof A]: ArgumentValue<A[K]> }
  & { readonly [K in keyof O]: OptionValue<O[K]> };

/** What a command may use of the process it runs in. */
export interface Context {
  /** Aborted by Ctrl-C and SIGTERM: save what there is to save, then throw `signal.reason`. */
  readonly signal: AbortSignal;
  readonly verbosity: "quiet" | "normal" | "verbose";
  /** Results: a line on standard output. */
  print(line: string): void;
  /** Remarks on the way: a line on standard error, nothing under `--quiet`. */
  note(line: string): void;
  /** Raw text on standard error, for progress; `columns` is null where that is no terminal. */
  readonly stderr: { write(text: string): void; columns(): number | null };
}

/** A command with the types of its values forgotten, as `cli.ts` lists it. */
export interface Command {
  /** One sentence without a period; the table of commands shows it. */
  readonly description: string;
  readonly arguments: Arguments;
  readonly options: Options;
  /** Command lines for `--help`, each with the part after `ffn`. */
  readonly examples: readonly string[];
  /** Runs to the end, or throws. */
  run(values: Readonly<Record<string, unknown>>, context: Context): Promise<void>;
}

/** The command line's commands: name to the module that holds it. */
export type CommandList = Readonly<Record<string, () => Promise<{ readonly command: Command }>>>;

/** Declares a command; `run` gets values typed by `arguments` and `options`. */
export function defineCommand<
  const A extends Arguments = Record<never, never>,
  const O extends Options = Record<never, never>,
>(command: {
  description: string;
  arguments?: A;
  options?: O;
  examples?: readonly string[];
  run: (values: Values<A, O>, context: Context) => Promise<void>;
}): Command {
  return {
    description: command.description,
    arguments: command.arguments ?? {},
    options: command.options ?? {},
    examples: command.examples ?? [],
    run: (values, context) => command.run(values as Values<A, O>, context),
  };
}

/** `batchSize` to `--batch-size`. */
export function flagOf(optionName: string): string {
  return `--${optionName.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
}

/** The flags of every command that runs a network. */
export const COMPUTE_OPTIONS = {
  threads: {
    type: "integer",
    hint: "N",
    min: 1,
    max: 1024,
    description: "threads of the CPU backend (default: all cores)",
  },
  backend: {
    type: "text",
    hint: "NAME",
    choices: BACKEND_NAMES,
    default: "auto",
    description: "where the network runs: auto picks the fastest that works here",
  },
  kernelProcess: {
    type: "text",
    hint: "MODE",
    choices: KERNEL_PROCESS_MODES,
    default: "auto",
    description: "run the CPU kernels in a child process, without permissions and bounds checks",
  },
} as const satisfies Options;

/** The flag of runs that can be looked at while they go on. */
export const LIVE_OPTION = {
  live: {
    type: "integer",
    hint: "PORT",
    min: 0,
    max: 65535,
    alone: 0,
    description: "serve a page that shows the run, on this machine only; a free port unless given",
  },
} as const satisfies Options;
