/**
 * Compiles the AssemblyScript under `wasm/assembly/` into `wasm/build/*.wasm`, which is committed so that neither tests
 * nor importing programs need a build. `--check` compiles again and fails unless every byte is identical.
 *
 *   wasm/assembly/unary.ts              -> build/unary.wasm
 *   wasm/assembly/labels/components.ts  -> build/labels_components.wasm
 *   wasm/assembly/generate_conv3d_splat.ts -> build/conv3d_splat.wasm: a Deno program whose `source()` returns the AssemblyScript
 *   wasm/assembly/_vectors.ts           -> nothing: imported by others
 *
 * Modules import one shared memory as `env.memory`, and threads, SIMD and relaxed SIMD are on. A source whose first line
 * is `// asc: <flags>` gets those flags in place of the memory flags (none: it exports a memory of its own), and of -O3
 * where they name a level.
 */
import { asc } from "./assemblyscript.ts";

const ASSEMBLY = new URL("./assembly/", import.meta.url);
const BUILD = new URL("./build/", import.meta.url);

const COMMON_FLAGS = [
  "--runtime",
  "stub",
  "--noAssert",
  "--enable",
  "simd,relaxed-simd,threads,bulk-memory",
];

const OPTIMISE = "-O3";

/** 65,536 pages are the 4 GiB that 32-bit addresses reach; the host decides how much there is. */
const SHARED_MEMORY_FLAGS = [
  "--importMemory",
  "--sharedMemory",
  "--initialMemory",
  "1",
  "--maximumMemory",
  "65536",
];

const PRAGMA = /^\/\/ asc:(.*)\n/;

/** Paths of all files below `folder`, relative to it, with `/`, sorted. */
async function filesBelow(folder: URL, prefix = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    const path = `${prefix}${entry.name}`;
    if (entry.isDirectory) {
      paths.push(...await filesBelow(new URL(`${entry.name}/`, folder), `${path}/`));
    } else paths.push(path);
  }
  return paths.sort();
}

/** Name of the module that a source builds, or null for a source that others import. */
function moduleName(path: string): string | null {
  const parts = path.replace(/\.ts$/, "").split("/");
  const file = parts.pop()!;
  if (file.startsWith("_")) return null;
  return [...parts, file.replace(/^generate_/, "")].join("_");
}

/** Text of one AssemblyScript source; generators are run. */
async function sourceOf(path: string): Promise<string> {
  const url = new URL(path, ASSEMBLY);
  if (!path.split("/").pop()!.startsWith("generate_")) return await Deno.readTextFile(url);
  const generator: { source(): string } = await import(url.href);
  return generator.source();
}

/** Compiles one source to wasm. */
async function compile(path: string): Promise<Uint8Array> {
  const source = await sourceOf(path);
  const own = PRAGMA.exec(source);
  const flags = own ? own[1].trim().split(/\s+/).filter(Boolean) : [...SHARED_MEMORY_FLAGS];
  if (!flags.some((flag) => flag.startsWith("-O"))) flags.unshift(OPTIMISE);
  let binary: Uint8Array | null = null;
  let messages = "";
  const { error } = await asc.main([path, ...COMMON_FLAGS, ...flags, "--outFile", "out.wasm"], {
    readFile: (name: string) =>
      name === path
        ? source
        : Deno.readTextFile(new URL(name, ASSEMBLY)).catch((cause: unknown) => {
          if (cause instanceof Deno.errors.NotFound) return null;
          throw cause;
        }),
    writeFile: (name: string, contents: Uint8Array | string) => {
      if (name === "out.wasm" && typeof contents !== "string") binary = contents;
    },
    listFiles: () => [],
    stderr: { write: (text: string) => void (messages += text) },
  });
  if (error || binary === null) {
    throw new SyntaxError(
      `Cannot compile "${path}": ${error?.message ?? "no output"}\n${messages}`,
    );
  }
  return binary;
}

/** Every module by file name, compiled anew. `only` keeps those whose name starts with it. */
export async function buildModules(only = ""): Promise<Map<string, Uint8Array>> {
  const modules = new Map<string, Uint8Array>();
  for (const path of await filesBelow(ASSEMBLY)) {
    const name = path.endsWith(".ts") ? moduleName(path) : null;
    if (name === null || !name.startsWith(only)) continue;
    if (modules.has(`${name}.wasm`)) {
      throw new RangeError(`Cannot build "${name}.wasm": two sources have that name`);
    }
    modules.set(`${name}.wasm`, await compile(path));
  }
  return modules;
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Names of committed modules that differ from what their source compiles to, are missing, or have no source. */
async function staleModules(modules: ReadonlyMap<string, Uint8Array>): Promise<string[]> {
  const committed = (await filesBelow(BUILD)).filter((name) => name.endsWith(".wasm"));
  const stale = committed.filter((name) => !modules.has(name)).map((name) => `${name}: no source`);
  for (const [name, bytes] of modules) {
    if (!committed.includes(name)) stale.push(`${name}: not built`);
    else if (!equalBytes(await Deno.readFile(new URL(name, BUILD)), bytes)) {
      stale.push(`${name}: differs from its source`);
    }
  }
  return stale;
}

if (import.meta.main) {
  const check = Deno.args.includes("--check");
  const only = check ? "" : Deno.args[0];
  const modules = await buildModules(only);
  if (check) {
    const stale = await staleModules(modules);
    if (stale.length > 0) {
      console.error(`Cannot accept wasm/build: run "deno task build"\n  ${stale.join("\n  ")}`);
      Deno.exit(1);
    }
    console.log(`${modules.size} modules in wasm/build are identical to their sources`);
  } else {
    await Deno.mkdir(BUILD, { recursive: true });
    for (const [name, bytes] of modules) {
      await Deno.writeFile(new URL(name, BUILD), bytes);
      console.log(`${name}: ${bytes.length} bytes`);
    }
  }
}
