/** README.md and CONTRIBUTING.md say what the program says. */
import { strictEqual } from "node:assert/strict";
import { DOCUMENTS, regenerated } from "./support/generated_tables.ts";

/** `deno fmt` pads the cells of tables; only their content counts here. */
const unpadded = (markdown: string) => markdown.replace(/ +\|/g, " |").replace(/-{3,}/g, "---");

for (const document of DOCUMENTS) {
  Deno.test(`the generated tables of ${document} are up to date (deno task docs)`, async () => {
    const current = await Deno.readTextFile(new URL(`../${document}`, import.meta.url));
    strictEqual(unpadded(current), unpadded(await regenerated(document)));
  });
}
