/**
 * Tables of README.md and CONTRIBUTING.md that are made from the program itself. `deno task docs` rewrites them; a test
 * fails where one is stale. A table stands between `<!-- generated: NAME -->` and `<!-- end -->`.
 */
import { COMMANDS } from "../../cli.ts";
import { commandTable } from "../../engine/commands/command_line.ts";
import manifest from "../../deno.json" with { type: "json" };

const root = new URL("../../", import.meta.url);

/** Documents with generated tables. */
export const DOCUMENTS = ["README.md", "CONTRIBUTING.md"];

function table(head: [string, string], rows: readonly (readonly [string, string])[]): string {
  const lines = [head, ["---", "---"], ...rows].map(([a, b]) => `| ${a} | ${b} |`);
  return lines.join("\n");
}

const TABLES: Record<string, () => Promise<string> | string> = {
  commands: async () =>
    table(
      ["command", "what it does"],
      (await commandTable(COMMANDS)).map(([name, what]) => [`\`ffn ${name}\``, what]),
    ),
  tasks: () =>
    table(
      ["`deno task …`", "what it does"],
      Object.entries(manifest.tasks).map(([name, { description }]) => [`\`${name}\``, description]),
    ),
};

/** The document as it should be. */
export async function regenerated(document: string): Promise<string> {
  const text = await Deno.readTextFile(new URL(document, root));
  // Odd pieces are names of tables, followed by what stands there now.
  const pieces = text.split(/(?<=<!-- generated: )(\w+)(?= -->)/);
  for (let i = 1; i < pieces.length; i += 2) {
    const make = TABLES[pieces[i]];
    if (!make) throw new RangeError(`Cannot generate table "${pieces[i]}" of ${document}`);
    const end = pieces[i + 1].indexOf("<!-- end -->");
    if (end < 0) throw new SyntaxError(`Cannot find the end of table "${pieces[i]}"`);
    pieces[i + 1] = ` -->\n\n${await make()}\n\n${pieces[i + 1].slice(end)}`;
  }
  return pieces.join("");
}

if (import.meta.main) {
  for (const document of DOCUMENTS) {
    await Deno.writeTextFile(new URL(document, root), await regenerated(document));
  }
  const formatted = await new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", ...DOCUMENTS],
    cwd: root,
  }).output();
  if (!formatted.success) throw new Error(new TextDecoder().decode(formatted.stderr));
}
