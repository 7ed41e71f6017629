/** The configuration file of `ffn train`: JSON, or the lines of a flag file. */
import { UsageError } from "../errors/errors.ts";
import { didYouMean } from "../errors/suggest.ts";
import { flagOf, type Option } from "./command.ts";
import { TRAIN_OPTIONS } from "./train_options.ts";

/** Values by option name, some of them absent. */
export type TrainValues = Readonly<Record<string, unknown>>;

/** The values of the command line over those of the configuration file that it names. */
export async function withConfig(values: TrainValues): Promise<TrainValues> {
  if (values.config === undefined) return values;
  const path = String(values.config);
  const merged: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(await readConfig(path))) {
    const name = key.replace(/[-_]([a-z0-9])/g, (_, c) => c.toUpperCase());
    const option = (TRAIN_OPTIONS as Record<string, Option>)[name];
    if (!option) {
      const known = Object.keys(TRAIN_OPTIONS).map((n) => flagOf(n).slice(2).replaceAll("-", "_"));
      throw new UsageError(
        `Cannot read --config "${path}": unknown key "${key}"${didYouMean(key, known)}`,
      );
    }
    merged[name] = configValue(path, key, option, value);
  }
  const given = Object.entries(values).filter(([, value]) =>
    value !== undefined && value !== false
  );
  return { ...merged, ...Object.fromEntries(given) };
}

async function readConfig(path: string): Promise<Record<string, unknown>> {
  let config: unknown;
  try {
    const text = await Deno.readTextFile(path);
    config = text.trimStart().startsWith("--") ? flagLines(text) : JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`Cannot read --config "${path}": ${(cause as Error).message}`);
  }
  if (typeof config === "object" && config !== null && !Array.isArray(config)) {
    return config as Record<string, unknown>;
  }
  throw new UsageError(`Cannot read --config "${path}": it must be a JSON object`);
}

/** Lines `--name=value`, as every run leaves them in `flags.<seconds>`; `--name` alone is true. */
function flagLines(text: string): Record<string, unknown> {
  const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
  return Object.fromEntries(
    lines.map((line) => {
      const [, name, value] = /^--([\w-]+)(?:=(.*))?$/s.exec(line) ?? [];
      if (name === undefined) throw new SyntaxError(`"${line}" is no line --name=value`);
      return [name, value ?? true];
    }).filter(([name]) => !MACHINE_FLAGS.includes(String(name).replaceAll("_", "-"))),
  );
}

/** Flags that a run writes down too, but that belong to a machine or a process and not to a run. */
const MACHINE_FLAGS = [
  ...["threads", "backend", "kernel-process", "config", "live"],
  ...["exchange", "job-name", "task"],
];

function configValue(path: string, key: string, option: Option, value: unknown): unknown {
  if (option.type === "flag") return value === true || value === "true";
  if (option.type === "text") {
    const text = typeof value === "string" ? value : listOrJson(value);
    if (!option.choices || option.choices.includes(text)) return text;
    throw new UsageError(
      `Cannot read --config "${path}": "${key}" must be one of ${
        option.choices.join(", ")
      }, current value is "${text}"`,
    );
  }
  const { min = -Infinity, max = Infinity } = option as { min?: number; max?: number };
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  const isKind = option.type === "integer" ? Number.isSafeInteger(number) : Number.isFinite(number);
  if (typeof number === "number" && isKind && number >= min && number <= max) return number;
  throw new UsageError(
    `Cannot read --config "${path}": "${key}" must be ${
      option.type === "integer" ? "a whole number" : "a number"
    }${bounds(min, max)}, current value is ${JSON.stringify(value)}`,
  );
}

function bounds(min: number, max: number): string {
  const parts = [
    ...(Number.isFinite(min) ? [`at least ${min}`] : []),
    ...(Number.isFinite(max) ? [`at most ${max}`] : []),
  ];
  return parts.length > 0 ? ` of ${parts.join(" and ")}` : "";
}

function listOrJson(value: unknown): string {
  return Array.isArray(value) ? value.join(",") : JSON.stringify(value);
}
