/**
 * `deno task fixtures [NAME…] [--check]`: regenerates the files of `tests/fixtures/` from the Python scripts of this
 * folder (all, or those named without `.py`). With `--check` it writes nothing and fails where a file would change.
 *
 * A script declares, in comment lines at its top,
 *
 *     # requirements: numpy==1.26.4 h5py==3.11.0      pinned, separated by spaces; may be repeated
 *     # writes: tests/fixtures/npy/                   a file, or a folder ending in "/"; may be repeated
 *
 * and is run in an empty working folder, where it writes exactly those paths. It must be deterministic.
 */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { pythonWith, run } from "../support/python.ts";

const folder = fileURLToPath(new URL(".", import.meta.url));
const root = fileURLToPath(new URL("../../", import.meta.url));

/** All values of the header line `# key: value value`, up to the first line that is no comment. */
function header(source: string, key: string): string[] {
  const lines = source.split("\n");
  const end = lines.findIndex((line) => !line.startsWith("#"));
  return lines.slice(0, end).filter((line) => line.startsWith(`# ${key}:`))
    .flatMap((line) => line.slice(key.length + 3).trim().split(/\s+/));
}

/** Relative paths of all files below `base`. */
function filesBelow(base: string, under = ""): string[] {
  return [...Deno.readDirSync(join(base, under))].flatMap((entry) => {
    const path = under ? `${under}/${entry.name}` : entry.name;
    return entry.isDirectory ? filesBelow(base, path) : [path];
  }).sort();
}

/** Runs one script; returns the fixture paths whose bytes differ from those in the repository. */
async function regenerate(script: string, check: boolean): Promise<string[]> {
  const source = await Deno.readTextFile(join(folder, script));
  const writes = header(source, "writes");
  if (writes.length === 0) throw new Error(`Cannot run "${script}": it has no "# writes:" line`);
  const python = await pythonWith(header(source, "requirements"));
  const work = await Deno.makeTempDir({ prefix: "ffn-oracle-" });
  try {
    for (const path of writes) {
      await Deno.mkdir(join(work, path.endsWith("/") ? path : dirname(path)), { recursive: true });
    }
    await run(python, [join(folder, script)], {
      cwd: work,
      env: { PYTHONHASHSEED: "0", PYTHONDONTWRITEBYTECODE: "1" },
    });
    const written = filesBelow(work);
    const declared = (path: string) =>
      writes.some((w) => w.endsWith("/") ? path.startsWith(w) : path === w);
    const stray = written.filter((path) => !declared(path));
    const absent = writes.filter((w) => !w.endsWith("/") && !written.includes(w));
    if (stray.length + absent.length + (written.length === 0 ? 1 : 0) > 0) {
      throw new Error(
        `Cannot take the fixtures of "${script}": undeclared ${JSON.stringify(stray)}, ` +
          `declared but not written ${JSON.stringify(absent)}, of ${written.length} files`,
      );
    }
    const changed: string[] = [];
    for (const path of written) {
      const bytes = await Deno.readFile(join(work, path));
      const target = join(root, path);
      if (existsSync(target) && equal(bytes, await Deno.readFile(target))) continue;
      changed.push(path);
      if (check) continue;
      await Deno.mkdir(dirname(target), { recursive: true });
      await Deno.writeFile(target, bytes);
    }
    return changed;
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

if (import.meta.main) {
  const check = Deno.args.includes("--check");
  const names = Deno.args.filter((a) => !a.startsWith("--"));
  const scripts = filesBelow(folder).filter((f) => f.endsWith(".py"));
  const unknown = names.filter((name) => !scripts.includes(`${name}.py`));
  if (unknown.length > 0) {
    console.error(`Cannot find oracle "${unknown[0]}": there are ${scripts.join(", ")}`);
    Deno.exit(2);
  }
  let different = 0;
  for (const script of scripts) {
    if (names.length > 0 && !names.includes(script.slice(0, -3))) continue;
    const changed = await regenerate(script, check);
    different += changed.length;
    console.log(
      `${script}: ${changed.length === 0 ? "unchanged" : `changed ${changed.join(", ")}`}`,
    );
  }
  if (check && different > 0) Deno.exit(1);
}
