/**
 * Runs acceptance programs: `deno task acceptance NAME…`, `--ci` (those that continuous integration runs), `--all` or
 * `--list`; with `--prepare` only makes the Python environments that they need. Ends with a count line and exit code 0
 * where all passed.
 */
import { parseArgs } from "node:util";
import { pythonWith } from "../support/python.ts";
import { FIB25 } from "../support/resources.ts";
import type { AcceptanceContext, AcceptanceProgram } from "./program.ts";

const folder = new URL(".", import.meta.url);
const NOT_PROGRAMS = ["run.ts", "program.ts"];

async function programs(): Promise<Map<string, AcceptanceProgram>> {
  const files = [...Deno.readDirSync(folder)].map((entry) => entry.name)
    .filter((name) => name.endsWith(".ts") && !NOT_PROGRAMS.includes(name)).sort();
  const loaded = files.map(async (file): Promise<[string, AcceptanceProgram]> => [
    file.replace(/\.ts$/, ""),
    await import(new URL(file, folder).href),
  ]);
  return new Map(await Promise.all(loaded));
}

/** Runs one program in a folder of its own; the last line it prints is its verdict. */
async function runProgram(name: string, program: AcceptanceProgram, threads: number) {
  console.log(`== ${name}: ${program.description}`);
  const started = performance.now();
  const scratch = await Deno.makeTempDir({ prefix: "ffn-acceptance-" });
  let checks = 0;
  const failures: string[] = [];
  const context: AcceptanceContext = {
    fib25: FIB25,
    root: new URL("../../", import.meta.url).pathname,
    folder: scratch,
    threads,
    print: (line) => console.log(`   ${line}`),
    check(what, value, wanted, holds) {
      checks++;
      if (!holds) failures.push(`${what} is ${value}, wanted ${wanted}`);
      console.log(`   ${holds ? "ok  " : "FAIL"} ${what}: ${value} (wanted ${wanted})`);
    },
  };
  try {
    await program.run(context);
    if (checks === 0) failures.push("it checked nothing");
  } catch (error) {
    failures.push(error instanceof Error ? error.stack ?? error.message : String(error));
  } finally {
    // A program may have cleared it away itself.
    await Deno.remove(scratch, { recursive: true }).catch(() => {});
  }
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const verdict = failures.length === 0 ? "PASS" : "FAIL";
  console.log(`${verdict} ${name}: ${failures.join("; ") || `${checks} checks`} (${seconds} s)`);
  return failures.length === 0;
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    allowPositionals: true,
    options: {
      list: { type: "boolean" },
      ci: { type: "boolean" },
      all: { type: "boolean" },
      prepare: { type: "boolean" },
      threads: { type: "string" },
    },
  });
  const known = await programs();
  const unknown = positionals.filter((name) => !known.has(name));
  const wanted = [...known].filter(([name, program]) =>
    values.all || (values.ci && program.ci) || positionals.includes(name)
  );
  if (unknown.length > 0) {
    console.error(`Cannot run "${unknown[0]}": the programs are ${[...known.keys()].join(", ")}`);
    return 2;
  }
  if (values.list || wanted.length === 0) {
    for (const [name, { description, ci }] of known) {
      console.log(`${name.padEnd(28)} ${ci ? "CI " : "   "} ${description}`);
    }
    return values.list || values.ci || values.all ? 0 : 2;
  }
  if (values.prepare) {
    const needed = wanted.flatMap(([, { environments = [] }]) => environments);
    for (const requirements of needed) await pythonWith(requirements);
    return 0;
  }
  if (!(await Deno.stat(FIB25).then((s) => s.isDirectory, () => false))) {
    console.error(`Cannot find the shared data at "${FIB25}": set FFN_SHARED to its folder`);
    return 1;
  }
  let passed = 0;
  for (const [name, program] of wanted) {
    const threads = Number(values.threads ?? navigator.hardwareConcurrency);
    if (await runProgram(name, program, threads)) passed++;
  }
  console.log(`${passed} passed, ${wanted.length - passed} failed`);
  return passed === wanted.length ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main());
