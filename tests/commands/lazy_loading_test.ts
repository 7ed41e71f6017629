/** `ffn --help` loads every command's data; none of it may pull in a device, HDF5 or a protobuf library. */
import { deepStrictEqual, ok } from "node:assert/strict";

const root = new URL("../../", import.meta.url);
const LIGHT =
  /^(cli\.ts|deno\.json|engine\/commands\/|engine\/errors\/|engine\/backends\/open_backend\.ts$)/;

interface Module {
  specifier: string;
  dependencies?: { isDynamic?: boolean; code?: { specifier?: string } }[];
}

async function importGraph(): Promise<Map<string, Module>> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "cli.ts"],
    cwd: root,
  }).output();
  const modules: Module[] = JSON.parse(new TextDecoder().decode(stdout)).modules;
  return new Map(modules.map((module) => [module.specifier, module]));
}

/** What `entry` loads with itself: everything it imports without `import()`. */
function loadedWith(entry: string, graph: Map<string, Module>): Set<string> {
  const seen = new Set([entry]);
  for (const specifier of seen) {
    for (const dependency of graph.get(specifier)?.dependencies ?? []) {
      if (!dependency.isDynamic && dependency.code?.specifier) seen.add(dependency.code.specifier);
    }
  }
  return seen;
}

Deno.test("cli.ts and the files of commands load nothing heavy with them", async () => {
  const graph = await importGraph();
  const cli = new URL("cli.ts", root).href;
  const commands = graph.get(cli)!.dependencies!.filter((d) => d.isDynamic)
    .map((d) => d.code!.specifier!);
  ok(commands.length > 0);
  const heavy = [cli, ...commands].flatMap((entry) => [...loadedWith(entry, graph)])
    .filter((specifier) =>
      !specifier.startsWith("npm:commander") && !specifier.startsWith("npm:/commander") &&
      !LIGHT.test(specifier.slice(root.href.length))
    );
  deepStrictEqual([...new Set(heavy)], []);
});
