/** Imports point up the page: a file imports from its own room and from rooms listed above it. */
import { deepStrictEqual } from "node:assert/strict";
import { existsSync } from "node:fs";

/** From the room that knows least to the one that knows most (CONTRIBUTING.md, Layout). */
const ROOMS = [
  "deno.json",
  "engine/errors",
  "engine/geometry",
  "engine/formats",
  "engine/volumes",
  "engine/ops",
  "kernels",
  "wasm",
  "engine/backends",
  "engine/segmentation",
  "engine/models",
  "engine/inference",
  "engine/resegmentation",
  "engine/training",
  "engine/cluster",
  "engine/viewers",
  "engine/commands",
  "mod.ts",
  "browser.ts",
  "cli.ts",
];

interface Module {
  specifier: string;
  dependencies?: { code?: { specifier?: string }; type?: { specifier?: string } }[];
}

const root = new URL("../", import.meta.url);

async function modulesOf(entry: string): Promise<Module[]> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: root,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout)).modules;
}

function roomOf(specifier: string | undefined): number | null {
  if (!specifier?.startsWith(root.href)) return null;
  const path = specifier.slice(root.href.length);
  const room = ROOMS.findIndex((r) => path === r || path.startsWith(`${r}/`));
  return room < 0 ? ROOMS.length : room;
}

Deno.test("every import points up the list of rooms", async () => {
  const offenders = new Set<string>();
  const page = ["page", "flood_worker", "live_page"].map((name) =>
    `engine/viewers/page/${name}.ts`
  );
  const entries = ["mod.ts", "browser.ts", "cli.ts", ...page];
  for (const entry of entries.filter((f) => existsSync(new URL(f, root)))) {
    for (const module of await modulesOf(entry)) {
      const from = roomOf(module.specifier);
      for (const dependency of from === null ? [] : module.dependencies ?? []) {
        const target = dependency.code?.specifier ?? dependency.type?.specifier;
        const to = roomOf(target);
        if (to !== null && to > from!) offenders.add(`${module.specifier} imports ${target}`);
      }
    }
  }
  deepStrictEqual([...offenders], []);
});
