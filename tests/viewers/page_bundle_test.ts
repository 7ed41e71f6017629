import { ok, rejects, strictEqual } from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { bundlePage, bundleScripts } from "../../engine/viewers/page_bundle.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

/** Bundles the entry of a folder; gives its text. */
async function textOf(entry: string, cache: string): Promise<string> {
  const scripts = await bundleScripts([pathToFileURL(entry).href], cache);
  return new TextDecoder().decode(scripts.get("entry.js"));
}

Deno.test("bundleScripts() keeps scripts until one of their sources changes", async () => {
  await using folder = await temporaryFolder();
  const entry = folder.of("entry.ts"), part = folder.of("part.ts"), cache = folder.of("cache");
  await Deno.writeTextFile(entry, `import { n } from "./part.ts"; console.log(n as number);`);
  await Deno.writeTextFile(part, `export const n: number = 1234;`);
  const first = await textOf(entry, cache);
  ok(first.includes("1234"), first);
  const [{ name }] = [...Deno.readDirSync(folder.of("cache", "page"))];
  const path = folder.of("cache", "page", name);
  // A mark in what was kept shows where scripts come from.
  const kept = await Deno.readTextFile(path);
  await Deno.writeTextFile(path, kept.replace("1234", "4321"));
  ok((await textOf(entry, cache)).includes("4321"));
  // The source of the source.
  await Deno.writeTextFile(part, `export const n: number = 5678;`);
  ok((await textOf(entry, cache)).includes("5678"));
  await Deno.writeTextFile(path, kept.slice(0, 99));
  ok((await textOf(entry, cache)).includes("5678"));
  // A folder that cannot be made.
  await Deno.writeTextFile(folder.of("file"), "");
  ok((await textOf(entry, folder.of("file"))).includes("5678"));
  await Deno.remove(part);
  await rejects(textOf(entry, cache), /Cannot make the page's scripts: "deno bundle" says .*part/s);
});

Deno.test("bundlePage() makes a script of each entry", async () => {
  const scripts = await bundlePage();
  strictEqual([...scripts.keys()].join(), "page.js,flood_worker.js");
});
