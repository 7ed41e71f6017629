/** The documentation as a web site: everything that a page links to is there. */
import { deepStrictEqual, match, ok } from "node:assert/strict";
import { dirname, join, relative } from "node:path";
import { buildSite } from "./support/site.ts";
import { temporaryFolder } from "./support/temporary_folder.ts";

/** HTML files below a folder, as paths from it. */
async function* htmlFiles(root: string, folder = ""): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(join(root, folder))) {
    if (isDirectory) yield* htmlFiles(root, join(folder, name));
    else if (name.endsWith(".html")) yield join(folder, name);
  }
}

Deno.test("buildSite() writes pages whose links all lead somewhere", async () => {
  await using folder = await temporaryFolder();
  const pages = await buildSite(folder.path);
  const texts = new Map<string, string>();
  for await (const path of htmlFiles(folder.path)) {
    texts.set(path, await Deno.readTextFile(folder.of(path)));
  }
  const broken: string[] = [];
  for (const [path, text] of texts) {
    // Text may speak of attributes; those of elements stand within them.
    for (const [, written] of text.matchAll(/<[^<>]*? (?:href|src)="([^"]*)"/g)) {
      const href = written.replaceAll("&#x2F;", "/").replaceAll("&amp;", "&");
      if (/^[a-z]+:/.test(href)) continue;
      const [file, fragment] = href.split("#");
      const named = file === "" ? path : join(dirname(path), decodeURIComponent(file));
      const to = file.endsWith("/") ? join(named, "index.html") : named;
      const isThere = texts.has(to) ||
        await Deno.stat(folder.of(to)).then((found) => found.isFile, () => false);
      const isPage = pages.includes(to);
      const hasPlace = !fragment || !isPage || texts.get(to)!.includes(`id="${fragment}"`);
      if (!isThere || !hasPlace || relative(folder.path, folder.of(to)).startsWith("..")) {
        broken.push(`${path}: ${href}`);
      }
    }
  }
  deepStrictEqual(broken, []);
  ok(texts.size > pages.length + 100, `${texts.size} pages`);
  for (const page of pages) {
    const text = texts.get(page)!;
    match(text, /<title>[^<]+<\/title>/);
    match(text, /<a href="[^"]*" aria-current="page">/);
  }
  match(texts.get("index.html")!, /<img src="docs\/images\/view\.png"/);
  match(
    texts.get("docs/notebooks/interactive.html")!,
    /<img alt="[^"]+" src="data:image\/png;base64,iVBOR/,
  );
});
