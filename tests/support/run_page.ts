/** Runs the commands of a page of `docs/`, made smaller, in a folder. */
import { ok } from "node:assert/strict";

const root = new URL("../../", import.meta.url);

/** Texts of a page and what stands in their place where it is run. */
export type Replacements = readonly (readonly [from: string, to: string])[];

/** A page of `docs/` with every replacement made, each of which must have a place. */
export async function smallerPage(name: string, smaller: Replacements): Promise<string> {
  let page = await Deno.readTextFile(new URL(`docs/${name}`, root));
  for (const [from, to] of smaller) {
    ok(page.includes(from), `the page no longer has "${from}"`);
    page = page.replaceAll(from, to);
  }
  return page;
}

/**
 * Writes the blocks that name a file (```` ```json train.json ````) and runs the lines of the `sh` blocks in their order;
 * each must succeed.
 *
 * @returns the lines.
 */
export async function runPage(page: string, folder: string): Promise<string[]> {
  const commands: string[] = [];
  for (const [, language, file, text] of page.matchAll(/```(\S+)(?: (\S+))?\n([\s\S]*?)```/g)) {
    if (file) await Deno.writeTextFile(`${folder}/${file}`, text);
    if (language === "sh") commands.push(...text.trim().split("\n"));
  }
  for (const line of commands) await runLine(line, folder);
  return commands;
}

/** Runs one line `ffn …` in a folder. */
export async function runLine(line: string, folder: string): Promise<void> {
  const [program, ...args] = words(line);
  ok(program === "ffn", `"${line}" is no command of ours`);
  const result = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", new URL("cli.ts", root).href, ...args],
    cwd: folder,
  }).output();
  ok(result.success, `${line}: ${new TextDecoder().decode(result.stderr)}`);
}

/** Words of a command line with '…' around some. */
function words(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain);
}
