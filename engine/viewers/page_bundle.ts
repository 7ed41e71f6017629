import { UnsupportedError } from "../errors/errors.ts";

/** Entry modules of the page of `ffn view`: what it shows, and the engine in its worker. */
export const VIEW_SCRIPTS: readonly string[] = ["page", "flood_worker"];
/** Of the page that shows a run. */
export const LIVE_SCRIPTS: readonly string[] = ["live_page"];

/**
 * The scripts of a page by name, made from the engine's own modules for a browser. Made anew at every start, which takes less
 * than half a second, so that there is no second copy of the engine that could be out of date.
 */
export async function bundlePage(
  entries: readonly string[] = VIEW_SCRIPTS,
): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const folder = await Deno.makeTempDir({ prefix: "ffn-page-" });
  try {
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["bundle", "--quiet", "--platform", "browser", "--outdir", folder],
        ...entries.map((name) => import.meta.resolve(`./page/${name}.ts`)),
      ],
      // The settings of the folder that somebody happens to be in are not ours.
      cwd: folder,
      env: { NO_COLOR: "1" },
    }).output();
    if (!success) {
      throw new UnsupportedError(
        `Cannot make the page's scripts: "deno bundle" says ${new TextDecoder().decode(stderr)}`,
      );
    }
    return new Map(
      await Promise.all(
        entries.map(async (name) =>
          [`${name}.js`, await Deno.readFile(`${folder}/${name}.js`)] as const
        ),
      ),
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
