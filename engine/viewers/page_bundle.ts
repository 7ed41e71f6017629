import { createHash } from "node:crypto";
import { join } from "node:path";
import { cacheFolder } from "../backends/measured_choices.ts";
import { UnsupportedError } from "../errors/errors.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";

/** Entry modules of the page of `ffn view`: what it shows, and the engine in its worker. */
export const VIEW_SCRIPTS: readonly string[] = ["page", "flood_worker"];
/** Of the page that shows a run. */
export const LIVE_SCRIPTS: readonly string[] = ["live_page"];

/** Scripts by name, ready to be served. */
export type Scripts = Map<string, Uint8Array<ArrayBuffer>>;

/** Scripts that were made once, with what they were made from. */
interface KeptScripts {
  /** SHA-256 of each source that is a file here, by its address; the addresses of others name a version. */
  readonly sources: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
}

/** The scripts of a page by name, made from the engine's own modules for a browser. */
export function bundlePage(entries: readonly string[] = VIEW_SCRIPTS): Promise<Scripts> {
  return bundleScripts(entries.map((name) => import.meta.resolve(`./page/${name}.ts`)));
}

/**
 * Makes scripts for a browser from modules, `a/b.ts` becoming `b.js`, and keeps them until a source changes: bundling takes
 * most of the time that a page takes to open.
 *
 * @param modules Their addresses.
 * @param cache Folder to keep them in; null for none.
 * @throws {UnsupportedError} when `deno bundle` fails.
 */
export async function bundleScripts(
  modules: readonly string[],
  cache: string | null = cacheFolder(),
): Promise<Scripts> {
  if (cache === null) return encodeScripts(await bundle(modules));
  const key = hashOf(JSON.stringify([Deno.version.deno, modules])).slice(0, 16);
  const path = join(cache, "page", `${key}.json`);
  const kept = await readKept(path);
  if (kept !== null) return encodeScripts(kept.scripts);
  // The hashes first: a source that changes meanwhile shall not count as the one that was bundled.
  const sources = await hashSources(modules);
  const scripts = await bundle(modules);
  if (sources !== null) {
    const text = JSON.stringify({ sources, scripts } satisfies KeptScripts);
    // A cache that cannot be written only costs time.
    await writeFileAtomically(path, new TextEncoder().encode(text)).catch(() => {});
  }
  return encodeScripts(scripts);
}

/** What was kept, unless a source is another one now. */
async function readKept(path: string): Promise<KeptScripts | null> {
  try {
    const kept: KeptScripts = JSON.parse(await Deno.readTextFile(path));
    const isSame = await Promise.all(
      Object.entries(kept.sources).map(async ([url, hash]) => await hashFile(url) === hash),
    );
    return isSame.every(Boolean) ? kept : null;
  } catch {
    return null;
  }
}

/** Hashes of all files that modules are made of; null where they cannot be listed. */
async function hashSources(modules: readonly string[]): Promise<Record<string, string> | null> {
  const urls = new Set<string>();
  for (const module of modules) {
    const args = ["info", "--json", "--no-config", "--no-lock", module];
    const { success, stdout } = await deno(args);
    if (!success) return null;
    const graph: { modules: { specifier: string }[] } = JSON.parse(
      new TextDecoder().decode(stdout),
    );
    for (const { specifier } of graph.modules) {
      if (specifier.startsWith("file:")) urls.add(specifier);
    }
  }
  try {
    return Object.fromEntries(
      await Promise.all([...urls].map(async (url) => [url, await hashFile(url)])),
    );
  } catch {
    // One is missing, as bundling is going to say.
    return null;
  }
}

/**
 * Makes scripts for a browser from modules, by name.
 *
 * @param flags Further ones of `deno bundle`.
 * @throws {UnsupportedError} when that fails.
 */
export async function bundle(
  modules: readonly string[],
  flags: readonly string[] = [],
): Promise<Record<string, string>> {
  const folder = await Deno.makeTempDir({ prefix: "ffn-page-" });
  try {
    const made = ["--quiet", "--platform", "browser", "--outdir", folder];
    const args = ["bundle", ...made, ...flags, ...modules];
    // The settings of the folder that somebody happens to be in are not ours.
    const { success, stderr } = await deno(args, folder);
    if (!success) {
      throw new UnsupportedError(
        `Cannot make the page's scripts: "deno bundle" says ${new TextDecoder().decode(stderr)}`,
      );
    }
    const names = modules.map((module) => module.split("/").at(-1)!.replace(/\.ts$/, ".js"));
    return Object.fromEntries(
      await Promise.all(
        names.map(async (name) => [name, await Deno.readTextFile(join(folder, name))]),
      ),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function deno(args: string[], cwd?: string): Promise<Deno.CommandOutput> {
  return await new Deno.Command(Deno.execPath(), { args, cwd, env: { NO_COLOR: "1" } }).output();
}

async function hashFile(url: string): Promise<string> {
  return hashOf(await Deno.readFile(new URL(url)));
}

function hashOf(data: string | Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

function encodeScripts(scripts: Readonly<Record<string, string>>): Scripts {
  return new Map(
    Object.entries(scripts).map(([name, text]) => [name, new TextEncoder().encode(text)]),
  );
}

if (import.meta.main) await bundlePage();
