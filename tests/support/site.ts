/**
 * The documentation as a web site: `deno task site` writes README.md, CONTRIBUTING.md, the pages of `docs/`, the notebook
 * and the documentation of `mod.ts` and `browser.ts` into `site/`. markdown-it makes the pages, `deno doc --html` the rest.
 */
import { dirname, join, relative } from "node:path";
import MarkdownIt from "npm:markdown-it@15.0.3";
import anchors from "npm:markdown-it-anchor@10.0.0";
import type { Notebook } from "./notebook.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** Pages in the order of the menu: where each comes from and where it goes, both from their roots. */
const PAGES: readonly (readonly [source: string, target: string])[] = [
  ["README.md", "index.html"],
  ["docs/demo.md", "docs/demo.html"],
  ["docs/view.md", "docs/view.html"],
  ["docs/notebooks/interactive.ipynb", "docs/notebooks/interactive.html"],
  ["docs/own-data.md", "docs/own-data.html"],
  ["docs/training.md", "docs/training.html"],
  ["docs/cluster.md", "docs/cluster.html"],
  ["docs/secgan.md", "docs/secgan.html"],
  ["docs/proofreading.md", "docs/proofreading.html"],
  ["docs/volumes.md", "docs/volumes.html"],
  ["CONTRIBUTING.md", "contributing.html"],
];
/** The documentation of the library, made by Deno. */
const API = "api/index.html", BROWSER_API = "api/browser/index.html";
const STYLE = "docs/site/site.css";

/** Writes the site into a folder, which must be empty or absent, and gives the pages' paths in it. */
export async function buildSite(folder: string): Promise<string[]> {
  await checkPages();
  const titles = await Promise.all(
    PAGES.map(async ([source]) => titleOf(await markdownOf(source))),
  );
  for (const [i, [source, target]] of PAGES.entries()) {
    const content = await contentOf(source);
    await write(join(folder, target), page(target, titles, i, content));
  }
  for await (const { name } of Deno.readDir(join(ROOT, "docs/images"))) {
    const image = join("docs/images", name);
    await write(join(folder, image), await Deno.readFile(join(ROOT, image)));
  }
  await write(join(folder, STYLE), await Deno.readFile(join(ROOT, STYLE)));
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "doc",
      "--html",
      "--name=ffn",
      `--output=${join(folder, dirname(API))}`,
      "mod.ts",
      "browser.ts",
    ],
    cwd: ROOT,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return PAGES.map(([, target]) => target);
}

/** Every page of `docs/` has its place in the menu. */
async function checkPages(): Promise<void> {
  for await (const { name } of Deno.readDir(join(ROOT, "docs"))) {
    if (!name.endsWith(".md") || PAGES.some(([source]) => source === `docs/${name}`)) continue;
    throw new RangeError(`Cannot make the site: docs/${name} has no place in its menu`);
  }
}

/** What Markdown there is of a page; of a notebook its texts. */
async function markdownOf(source: string): Promise<string> {
  const text = await Deno.readTextFile(join(ROOT, source));
  if (!source.endsWith(".ipynb")) return text;
  const { cells }: Notebook = JSON.parse(text);
  return cells.flatMap((cell) => cell.cell_type === "markdown" ? [whole(cell.source)] : [])
    .join("\n\n");
}

function titleOf(markdown: string): string {
  const [, title] = /^# (.+)$/m.exec(markdown)!;
  return title;
}

/** HTML of a page. */
async function contentOf(source: string): Promise<string> {
  if (!source.endsWith(".ipynb")) return render(await markdownOf(source), source);
  const { cells }: Notebook = JSON.parse(await Deno.readTextFile(join(ROOT, source)));
  return cells.map(({ cell_type, source: text, outputs = [] }) => {
    if (cell_type === "markdown") return render(whole(text), source);
    const shown = outputs.map(({ text = "", data = {} }) =>
      "image/png" in data
        ? `<p><img alt="What the cell above shows" src="data:image/png;base64,${
          whole(data["image/png"]).trim()
        }"></p>`
        : `<pre tabindex="0">${escaped(whole(text))}</pre>`
    );
    return render(`\`\`\`ts\n${whole(text)}\n\`\`\``, source) + shown.join("");
  }).join("\n");
}

/** Markdown as HTML; links to pages of ours lead to where they are on the site. */
function render(markdown: string, source: string): string {
  const renderer = new MarkdownIt({ html: true, linkify: false }).use(anchors, { slugify });
  const { rules } = renderer.renderer;
  rules.link_open = (tokens, i, options, _env, self) => {
    const href = String(tokens[i].attrGet("href"));
    tokens[i].attrSet("href", targetOf(href, source));
    return self.renderToken(tokens, i, options);
  };
  // What is wider than the page scrolls, by keyboard too.
  rules.table_open = () => '<div class="table" tabindex="0"><table>\n';
  rules.table_close = () => "</table></div>\n";
  const fence = rules.fence!;
  rules.fence = (...args) => fence(...args).replace("<pre>", '<pre tabindex="0">');
  return renderer.render(markdown);
}

/** Where a link of a source file leads on the site. */
function targetOf(href: string, source: string): string {
  if (/^[a-z]+:|^#/.test(href)) return href;
  const [path, fragment] = href.split("#");
  const to = PAGES.find(([from]) => from === join(dirname(source), path))?.[1];
  if (to === undefined) return href;
  const from = PAGES.find(([name]) => name === source)![1];
  return relative(dirname(from), to) + (fragment === undefined ? "" : `#${fragment}`);
}

/** Names of headings as they are on GitHub, where the same files are read. */
function slugify(text: string): string {
  return text.trim().toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-");
}

function page(target: string, titles: readonly string[], current: number, content: string): string {
  const to = (path: string) => relative(dirname(target), path);
  const items = PAGES.map(([, path], i) =>
    `<li><a href="${to(path)}"${i === current ? ' aria-current="page"' : ""}>${
      escaped(titles[i])
    }</a></li>`
  );
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escaped(titles[current])}${current === 0 ? "" : " - ffn"}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="${to(STYLE)}">
</head>
<body>
<nav aria-label="Pages"><ul>
${items.join("\n")}
<li><a href="${to(API)}">The library</a></li>
<li><a href="${to(BROWSER_API)}">The library in a web page</a></li>
</ul></nav>
<main>
${content}
</main>
</body>
</html>
`;
}

function whole(text: string | readonly string[]): string {
  return [text].flat().join("");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

async function write(path: string, data: string | Uint8Array): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeFile(path, typeof data === "string" ? new TextEncoder().encode(data) : data);
}

if (import.meta.main) {
  const folder = join(ROOT, "site");
  await Deno.remove(folder, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
  const pages = await buildSite(folder);
  console.log(`${pages.length} pages and the library in site/; open site/index.html`);
}
