import { match, strictEqual } from "node:assert/strict";
import { fileURLToPath } from "node:url";
import manifest from "../../deno.json" with { type: "json" };
import { run } from "../support/python.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

Deno.test("deno install makes a program that runs from any folder", async () => {
  await using folder = await temporaryFolder();
  const cli = fileURLToPath(new URL("../../cli.ts", import.meta.url));
  const args = ["install", "--quiet", "--root", folder.path, "-gA", "-n", "ffn", cli];
  await run(Deno.execPath(), args, { cwd: folder.path });
  const program = folder.of("bin", Deno.build.os === "windows" ? "ffn.cmd" : "ffn");
  strictEqual(await run(program, ["--version"], { cwd: folder.path }), `ffn ${manifest.version}\n`);
  const wrong = await new Deno.Command(program, { args: ["info", "--jsn"] }).output();
  strictEqual(wrong.code, 2);
  match(new TextDecoder().decode(wrong.stderr), /^ffn info: Cannot .*"--jsn".*\n$/);
});
