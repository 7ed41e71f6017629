/** What was measured once on this machine and need not be measured again, as JSON files in the user's cache folder. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { writeFileAtomically } from "../volumes/atomic_file.ts";

/** `FFN_CACHE`, or `ffn` in the platform's cache folder; null where the environment names none. */
export function cacheFolder(): string | null {
  const given = Deno.env.get("FFN_CACHE");
  if (given) return given;
  const platform = Deno.env.get("XDG_CACHE_HOME") ?? Deno.env.get("LOCALAPPDATA");
  if (platform) return join(platform, "ffn");
  const home = Deno.env.get("HOME");
  return home ? join(home, ".cache", "ffn") : null;
}

/**
 * The value kept under `key`, or what `measure` finds, which is kept from then on. A cache that cannot be read or written
 * only costs time.
 *
 * @param topic Folder of the cache, for example "kernel_process".
 * @param key Everything that the choice depends on.
 */
export async function measuredOnce<T>(
  topic: string,
  key: unknown,
  measure: () => Promise<T>,
): Promise<T> {
  const folder = cacheFolder();
  if (folder === null) return await measure();
  const name = createHash("sha256").update(JSON.stringify(key)).digest("hex").slice(0, 16);
  const path = join(folder, topic, `${name}.json`);
  try {
    return JSON.parse(await Deno.readTextFile(path)).value;
  } catch {
    const value = await measure();
    const text = JSON.stringify({ key, value }, null, 2) + "\n";
    await writeFileAtomically(path, new TextEncoder().encode(text)).catch(() => {});
    return value;
  }
}
