/**
 * Runs benches: `deno task bench NAME… [--threads N] [--launches N] [--reference DIR] [--small] [--save]`, or `--list`. With
 * `--save` the figures go into `bench/results/<name>/<machine>.json`, which the tables of README.md are made from.
 */
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeMachine, fileName, machineName } from "./machine.ts";
import type { BenchContext, BenchProgram } from "./program.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

/** Path of every bench by its name, `conv_stack` for `bench/models/conv_stack_bench.ts`. */
function benches(): Map<string, string> {
  const folders = [...Deno.readDirSync(join(root, "bench"))].filter((e) => e.isDirectory)
    .map((e) => join(root, "bench", e.name));
  const files = folders.flatMap((folder) =>
    [...Deno.readDirSync(folder)].map((entry) => join(folder, entry.name))
  );
  const found = files.filter((file) => file.endsWith("_bench.ts")).sort();
  return new Map(found.map((file) => [basename(file, "_bench.ts"), file]));
}

async function save(name: string, result: unknown): Promise<string> {
  const machine = describeMachine(root);
  const { device } = result as { device?: string };
  const path = join(
    root,
    "bench",
    "results",
    name,
    `${device ? fileName(device) : machineName(machine)}.json`,
  );
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, JSON.stringify({ machine, ...result as object }, null, 2) + "\n");
  return path;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      list: { type: "boolean" },
      save: { type: "boolean" },
      small: { type: "boolean" },
      threads: { type: "string" },
      launches: { type: "string", default: "7" },
      reference: { type: "string" },
    },
  });
  const known = benches();
  const unknown = positionals.find((name) => !known.has(name));
  if (unknown !== undefined) {
    console.error(`Cannot run "${unknown}": the benches are ${[...known.keys()].join(", ")}`);
    return 2;
  }
  if (values.list || positionals.length === 0) {
    for (const [name, path] of known) {
      const { description }: BenchProgram = await import(path);
      console.log(`${name.padEnd(20)} ${description}`);
    }
    return values.list ? 0 : 2;
  }
  for (const name of positionals) {
    const program: BenchProgram = await import(known.get(name)!);
    const folder = await Deno.makeTempDir({ prefix: "ffn-bench-" });
    const context: BenchContext = {
      root,
      folder,
      threads: Number(values.threads ?? navigator.hardwareConcurrency),
      launches: Number(values.launches),
      small: values.small ?? false,
      reference: values.reference,
      print: (line) => console.log(line),
    };
    try {
      console.log(`== ${name}: ${program.description}`);
      const result = await program.run(context);
      if (values.save && !values.small) console.log(`saved ${await save(name, result)}`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }
  return 0;
}

if (import.meta.main) Deno.exit(await main());
