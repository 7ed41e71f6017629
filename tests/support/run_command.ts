import type { Command, Context, Option } from "../../engine/commands/command.ts";

/** Runs a command in this process with these flags, and its defaults for the others. */
export async function runCommand(
  command: Command,
  flags: Readonly<Record<string, unknown>>,
  { note = () => {}, print = () => {}, signal = new AbortController().signal }: Partial<
    Pick<Context, "note" | "print" | "signal">
  > = {},
): Promise<void> {
  const options: Record<string, Option> = command.options;
  const defaults = Object.entries(options).map(([name, option]) => [
    name,
    option.type === "flag" ? false : (option as { default?: unknown }).default,
  ]);
  const stderr = { write: () => {}, columns: () => null };
  await command.run(
    { ...Object.fromEntries(defaults), ...flags },
    { signal, verbosity: "normal", print, note, stderr },
  );
}
