import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { defineCommand } from "../../engine/commands/command.ts";
import { parseCommandLine } from "../../engine/commands/command_line.ts";

const sample = defineCommand({
  description: "Measure a fish",
  arguments: { fish: { description: "which" }, pond: { description: "where", optional: true } },
  options: {
    batchSize: { type: "integer", hint: "N", min: 1, max: 9, default: 2, description: "how many" },
    scale: { type: "number", hint: "X", description: "unit" },
    boxText: { type: "text", hint: "TEXT", description: "where exactly" },
    unit: { type: "text", hint: "U", choices: ["cm", "in"], default: "cm", description: "of it" },
    dryRun: { type: "flag", description: "only say it" },
  },
  examples: ["measure-fish cod"],
  run: () => Promise.resolve(),
});

const COMMANDS = { "measure-fish": () => Promise.resolve({ command: sample }) };
const parse = (...args: string[]) => parseCommandLine(args, COMMANDS, "ffn 1.2.3");

async function valuesOf(...args: string[]): Promise<Readonly<Record<string, unknown>>> {
  const parsed = await parse(...args);
  if ("help" in parsed) throw new Error("help instead of a command");
  return parsed.values;
}

Deno.test("parseCommandLine() takes names and flags with - and with _", async () => {
  const wanted = { fish: "cod", pond: undefined, batchSize: 3, unit: "cm", dryRun: true };
  deepStrictEqual(await valuesOf("measure-fish", "cod", "--batch-size", "3", "--dry-run"), wanted);
  deepStrictEqual(await valuesOf("measure_fish", "--batch_size=3", "--dry_run", "cod"), wanted);
});

Deno.test("parseCommandLine() fills defaults and leaves the rest out", async () => {
  const wanted = { fish: "a_b", pond: "c", batchSize: 2, unit: "cm", dryRun: false };
  deepStrictEqual(await valuesOf("measure-fish", "a_b", "c"), wanted);
});

Deno.test("parseCommandLine() leaves texts as they are, also those that look like a flag", async () => {
  const text = "start { x:0 y:0 }\n--not_a_flag";
  strictEqual((await valuesOf("measure-fish", "cod", "--box_text", text)).boxText, text);
  strictEqual((await valuesOf("measure-fish", "cod", `--box_text=${text}`)).boxText, text);
  strictEqual((await valuesOf("measure-fish", "cod", "--box_text", "--a_b")).boxText, "--a_b");
});

const REFUSED: [args: string[], message: RegExp][] = [
  [["measure-fsh"], /unknown command "measure-fsh" \(did you mean measure-fish\?\)/],
  [["measure-fish"], /missing required argument "FISH"/],
  [["measure-fish", "a", "b", "c"], /too many arguments: expected 2 arguments but got 3/],
  [
    ["measure-fish", "a", "--batchsize", "3"],
    /unknown option "--batchsize" \(did you mean --batch-size\?\)/,
  ],
  [["measure-fish", "a", "--batch-size"], /"--batch-size <N>" argument missing/],
  [
    ["measure-fish", "a", "--batch-size", "0"],
    /--batch-size "0": it must be a whole number of at least 1 and at most 9/,
  ],
  [["measure-fish", "a", "--batch-size", "2.5"], /--batch-size "2.5": it must be a whole number/],
  [["measure-fish", "a", "--batch-size", ""], /--batch-size "": it must be a whole number/],
  [["measure-fish", "a", "--scale", "wide"], /Cannot use --scale "wide": it must be a number$/],
  [["measure-fish", "a", "--unit", "mm"], /Cannot use --unit "mm": it must be one of cm, in/],
  [["--batch-size", "3", "measure-fish"], /"--batch-size" before a command/],
  [["constructor"], /unknown command "constructor"/],
];

for (const [args, message] of REFUSED) {
  Deno.test(`parseCommandLine() refuses ffn ${args.join(" ")}`, async () => {
    await rejects(parse(...args), (error: Error) => {
      strictEqual(error.name, "UsageError");
      match(error.message, message);
      ok(!error.message.includes("\n") && error.message.startsWith("Cannot "), error.message);
      return true;
    });
  });
}

Deno.test("parseCommandLine() makes help from the command's data", async () => {
  for (
    const args of [["measure-fish", "--help"], ["help", "measure_fish"], [
      "measure-fish",
      "x",
      "-h",
    ]]
  ) {
    const parsed = await parse(...args);
    ok("help" in parsed);
    match(parsed.help, /Usage: ffn measure-fish \[options\] <FISH> \[POND\]/);
    match(parsed.help, /--batch-size <N>\s+how many \(default: 2\)/);
    match(parsed.help, /--unit <U>\s+of it \(cm, in\) \(default: "cm"\)/);
    match(parsed.help, /Examples:\n {2}ffn measure-fish cod/);
  }
});

Deno.test("parseCommandLine() lists the commands, also where nothing is asked for", async () => {
  for (const args of [[], ["--help"], ["-h"], ["help"]]) {
    const parsed = await parse(...args);
    ok("help" in parsed);
    match(parsed.help, /measure-fish\s+Measure a fish/);
  }
  deepStrictEqual(await parse("--version"), { help: "ffn 1.2.3" });
});
