/** README.md and CONTRIBUTING.md say what the program says. */
import { deepStrictEqual, strictEqual } from "node:assert/strict";
import { COMMANDS } from "../cli.ts";
import manifest from "../deno.json" with { type: "json" };
import { DOCUMENTS, regenerated } from "./support/generated_tables.ts";

/** `deno fmt` pads the cells of tables; only their content counts here. */
const unpadded = (markdown: string) => markdown.replace(/ +\|/g, " |").replace(/-{3,}/g, "---");

for (const document of DOCUMENTS) {
  Deno.test(`the generated tables of ${document} are up to date (deno task docs)`, async () => {
    const current = await Deno.readTextFile(new URL(`../${document}`, import.meta.url));
    strictEqual(unpadded(current), unpadded(await regenerated(document)));
  });
}

Deno.test("README.md and CONTRIBUTING.md name commands and tasks that exist", async () => {
  const known = [
    ...Object.keys(COMMANDS).map((name) => `ffn ${name}`),
    ...Object.keys(manifest.tasks).map((name) => `deno task ${name}`),
  ];
  const unknown: string[] = [];
  for (const document of DOCUMENTS) {
    const text = await Deno.readTextFile(new URL(`../${document}`, import.meta.url));
    const named = text.matchAll(/(?<=[`\n])(?:ffn|deno task) [a-z][a-z-]*/g);
    unknown.push(...[...named].map(([command]) => command).filter((name) => !known.includes(name)));
  }
  deepStrictEqual(unknown, []);
});

Deno.test("CONTRIBUTING.md has every room of the engine in its layout", async () => {
  const text = await Deno.readTextFile(new URL("../CONTRIBUTING.md", import.meta.url));
  const rooms = [...Deno.readDirSync(new URL("../engine", import.meta.url))]
    .filter((entry) => entry.isDirectory).map(({ name }) => `engine/${name}/`);
  deepStrictEqual(rooms.filter((room) => !text.includes(`\n${room} `)), []);
});
