/** From `Command` data to a parser and its help, on top of commander. */
import { Command as Parser, CommanderError, Option as ParserOption } from "npm:commander@15.1.0";
import { UsageError } from "../errors/errors.ts";
import {
  type Command,
  type CommandList,
  flagOf,
  type NumberOption,
  type Option,
  type Options,
} from "./command.ts";

/** What was asked for: a text to print, or a command with its values. */
export type Parsed =
  | { readonly help: string }
  | {
    readonly name: string;
    readonly command: Command;
    readonly values: Readonly<Record<string, unknown>>;
    readonly verbosity: "quiet" | "normal" | "verbose";
  };

const VERBOSITY_OPTIONS = {
  quiet: { type: "flag", description: "print results and errors only" },
  verbose: { type: "flag", description: "more about what is going on; errors with their stack" },
} as const satisfies Options;

/**
 * Reads a command line. Names of commands and flags may be written with `-` or `_`.
 *
 * @throws {UsageError} with everything that is wrong with the command line.
 */
export async function parseCommandLine(
  args: readonly string[],
  commands: CommandList,
  version: string,
): Promise<Parsed> {
  const [first = "--help", ...rest] = args;
  if (["--version", "-V", "version"].includes(first)) return { help: version };
  if (["--help", "-h", "help"].includes(first)) {
    return first === "help" && rest.length > 0
      ? parseCommandLine([rest[0], "--help"], commands, version)
      : { help: (await rootParser(commands)).helpInformation() };
  }
  if (first.startsWith("-")) {
    throw new UsageError(`Cannot take "${first}" before a command: write ffn COMMAND ${first}`);
  }
  const name = commandName(first, commands);
  if (name === null) {
    // commander words the error, with the nearest name.
    parse(await rootParser(commands), [first]);
    throw new UsageError(`Cannot find a command "${first}"`);
  }
  const { command } = await commands[name]();
  const parser = commandParser(`ffn ${name}`, command);
  if (rest.includes("--help") || rest.includes("-h")) {
    const examples = command.examples.map((e) => `  ffn ${e}\n`).join("");
    return { help: parser.helpInformation() + (examples && `\nExamples:\n${examples}`) };
  }
  const { quiet, verbose, ...values } = readValues(parser, command, rest);
  const verbosity = verbose ? "verbose" : quiet ? "quiet" : "normal";
  return { name, command, values, verbosity };
}

/** The command that `text` names (`run_inference` and `run-inference` are one), null where there is none. */
export function commandName(text: string, commands: CommandList): string | null {
  const name = text.replaceAll("_", "-");
  return Object.hasOwn(commands, name) ? name : null;
}

/** Name and description of every command, in the order of the list. */
export async function commandTable(commands: CommandList): Promise<[name: string, what: string][]> {
  const modules = await Promise.all(Object.values(commands).map((load) => load()));
  return Object.keys(commands).map((name, i) => [name, modules[i].command.description]);
}

async function rootParser(commands: CommandList): Promise<Parser> {
  const root = quietParser(new Parser("ffn"))
    .description("Flood-filling networks: segment volumes, train networks, agglomerate segments.")
    .usage("COMMAND [options]")
    .helpCommand("help COMMAND", "what a command takes; the same as ffn COMMAND --help")
    .option("-V, --version", "print the version")
    .configureHelp({ subcommandTerm: (c) => c.name() });
  for (const [name, what] of await commandTable(commands)) {
    quietParser(root.command(name)).description(what);
  }
  return root;
}

function commandParser(name: string, command: Command): Parser {
  const parser = quietParser(new Parser(name)).description(`${command.description}.`);
  for (const [key, argument] of Object.entries(command.arguments)) {
    const term = key.toUpperCase();
    parser.argument(argument.optional ? `[${term}]` : `<${term}>`, argument.description);
  }
  for (const [key, option] of Object.entries({ ...command.options, ...VERBOSITY_OPTIONS })) {
    parser.addOption(parserOption(key, option));
  }
  return parser;
}

/** A parser that throws instead of printing and leaving. */
function quietParser(parser: Parser): Parser {
  return parser.exitOverride().configureOutput({ writeErr: () => {}, writeOut: () => {} });
}

function parserOption(key: string, option: Option): ParserOption {
  if (option.type === "flag") return new ParserOption(flagOf(key), option.description);
  if (option.type === "texts") {
    return new ParserOption(`${flagOf(key)} <${option.hint}...>`, option.description);
  }
  const choices = option.type === "text" && option.choices ? ` (${option.choices.join(", ")})` : "";
  const isAlone = option.type !== "text" && option.alone !== undefined;
  const value = isAlone ? `[${option.hint}]` : `<${option.hint}>`;
  const result = new ParserOption(`${flagOf(key)} ${value}`, option.description + choices);
  if (option.default !== undefined) result.default(option.default);
  if (isAlone) result.preset(String(option.alone));
  return result.argParser((text) => readValue(flagOf(key), option, text));
}

function readValue(
  flag: string,
  option: Exclude<Option, { type: "flag" | "texts" }>,
  text: string,
) {
  if (option.type !== "text") return readNumber(flag, option, text);
  if (option.choices && !option.choices.includes(text)) {
    const allowed = option.choices.join(", ");
    throw new UsageError(`Cannot use ${flag} "${text}": it must be one of ${allowed}`);
  }
  return text;
}

function readNumber(flag: string, option: NumberOption, text: string): number {
  const { type, min = -Infinity, max = Infinity } = option;
  const value = text.trim() === "" ? NaN : Number(text);
  const fits = type === "integer" ? Number.isSafeInteger(value) : Number.isFinite(value);
  if (fits && value >= min && value <= max) return value;
  const kind = type === "integer" ? "a whole number" : "a number";
  const bounds = [
    ...(Number.isFinite(min) ? [`at least ${min}`] : []),
    ...(Number.isFinite(max) ? [`at most ${max}`] : []),
  ].join(" and ");
  throw new UsageError(
    `Cannot use ${flag} "${text}": it must be ${kind}${bounds && ` of ${bounds}`}`,
  );
}

function readValues(
  parser: Parser,
  command: Command,
  args: readonly string[],
): Record<string, unknown> {
  const flags = Object.keys({ ...command.options, ...VERBOSITY_OPTIONS }).map(flagOf);
  parse(parser, args.map((arg) => withDashes(arg, flags)));
  const values: Record<string, unknown> = { ...parser.opts() };
  for (const [key, option] of Object.entries(command.options)) {
    if (option.type === "flag") values[key] ??= false;
  }
  Object.keys(command.arguments).forEach((key, i) => values[key] = parser.args[i]);
  return values;
}

function parse(parser: Parser, args: readonly string[]): void {
  try {
    parser.parse([...args], { from: "user" });
  } catch (error) {
    throw asUsageError(error);
  }
}

/** `--batch_size=3` to `--batch-size=3`, and `--F_or_G` to `--f-or-g`, where that is a flag; texts that only look alike stay as they are. */
function withDashes(arg: string, flags: readonly string[]): string {
  const [, name, rest] = /^(--[\w-]+)(.*)$/s.exec(arg) ?? [];
  const dashed = name?.replaceAll("_", "-").toLowerCase();
  return dashed !== undefined && flags.includes(dashed) ? dashed + rest : arg;
}

/** commander says `error: unknown option '--x'\n(Did you mean --y?)`. */
function asUsageError(error: unknown): unknown {
  if (!(error instanceof CommanderError)) return error;
  const what = error.message.replace(/^error: /, "").replace(/\s*\n\s*/g, " ")
    .replaceAll("'", '"')
    .replace("(Did you mean", "(did you mean").replace(". Expected", ": expected").replace(
      /\.$/,
      "",
    );
  return new UsageError(`Cannot read the command line: ${what}`);
}
