/**
 * Python environments for oracles and acceptance programs; nothing that a user runs needs Python.
 *
 * An environment is named by the hash of its requirements and kept in `FFN_CACHE` (default: the user's cache folder),
 * never in the repository. `FFN_PYTHON` names the interpreter to build it with (default `python3`).
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";

/**
 * Interpreter of a virtual environment that holds exactly the pinned `requirements` (lines for `pip install`). Built on
 * the first call, which downloads; later calls return at once.
 */
export async function pythonWith(requirements: readonly string[]): Promise<string> {
  const base = Deno.env.get("FFN_PYTHON") ?? "python3";
  const version = (await run(base, ["--version"])).trim();
  const key = createHash("sha256").update(JSON.stringify([version, ...requirements])).digest("hex");
  const folder = join(cacheFolder(), "venvs", key.slice(0, 16));
  const python = join(folder, ...(Deno.build.os === "windows" ? ["Scripts"] : ["bin"]), "python");
  const complete = join(folder, "complete");
  if (existsSync(complete)) return python;
  await Deno.mkdir(folder, { recursive: true });
  // Two programs may want the same environment at the same time.
  using lock = await Deno.open(`${folder}.lock`, { write: true, create: true });
  await lock.lock(true);
  if (existsSync(complete)) return python;
  if (requirements.length === 0) await run(base, ["-m", "venv", "--clear", folder]);
  else {
    // One environment has pip, for all: to install it takes longer than most of what it installs.
    await run(base, ["-m", "venv", "--clear", "--without-pip", folder]);
    const pip = ["-m", "pip", "--quiet", "--disable-pip-version-check", "--python", python];
    // Of large libraries little is imported, which Python then compiles.
    await run(await pythonWith([]), [...pip, "install", "--no-compile", ...requirements]);
  }
  await Deno.writeTextFile(complete, requirements.join("\n"));
  return python;
}

/** Runs a program and returns its standard output; a failure is an error that carries its standard error. */
export async function run(
  program: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<string> {
  const { success, stdout, stderr, code } = await new Deno.Command(program, {
    args: [...args],
    ...options,
  }).output();
  const text = new TextDecoder();
  if (success) return text.decode(stdout);
  const command = [program, ...args].map((a) => a.length > 200 ? `${a.slice(0, 200)}…` : a);
  throw new Error(
    `Cannot run "${command.join(" ")}": exit code ${code}\n${text.decode(stdout)}${
      text.decode(stderr)
    }`,
  );
}

function cacheFolder(): string {
  const given = Deno.env.get("FFN_CACHE");
  if (given) return given;
  const home = Deno.env.get("XDG_CACHE_HOME") ?? Deno.env.get("LOCALAPPDATA");
  return join(home ?? join(Deno.env.get("HOME") ?? ".", ".cache"), "ffn");
}
