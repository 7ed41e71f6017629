/** House rules that a program can check: length of files, names of rooms, nothing of somebody's machine. */
import { deepStrictEqual, ok } from "node:assert/strict";
import { dirname } from "node:path";

const root = new URL("../", import.meta.url);
const NOT_OURS = /^(node_modules|results|coverage|demo_output|wasm\/build|docs|tests\/fixtures)$/;
const SOURCE = /\.(ts|wgsl|py|sh)$/;
const TEXT = /(\.(ts|wgsl|py|sh|md|json|pbtxt)|^\.ci\/run|^LICENSE)$/;
const MAX_LINES = 400;

/** Paths of all files of the repository, without what is built, generated or downloaded. */
function* files(folder = ""): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, root))) {
    const path = folder + name;
    const hidden = name.startsWith(".") && name !== ".ci";
    if (hidden || NOT_OURS.test(path)) continue;
    if (isDirectory) yield* files(`${path}/`);
    else yield path;
  }
}

const paths = [...files()].sort();
const text = (path: string) => Deno.readTextFileSync(new URL(path, root));
const lineCount = (path: string) => text(path).split("\n").length - 1;

Deno.test("no source file is longer than 400 lines", () => {
  const long = paths.filter((path) => SOURCE.test(path) && lineCount(path) > MAX_LINES);
  deepStrictEqual(long.map((path) => `${path}: ${lineCount(path)} lines`), []);
});

Deno.test("nine of ten engine files stay under 300 lines", () => {
  const lengths = paths.filter((path) => /^(engine|kernels|wasm)\/.*\.ts$/.test(path))
    .map(lineCount).sort((a, b) => a - b);
  const p90 = lengths[Math.floor(0.9 * lengths.length)];
  ok(p90 < 300, `the 90th percentile is ${p90} lines`);
});

Deno.test("no room or file is called after nothing in particular", () => {
  const vague = /(^|\/)(utils?|common|misc|helpers?)(\.ts|\/)/;
  deepStrictEqual(paths.filter((path) => vague.test(path)), []);
});

Deno.test("file names are snake_case", () => {
  const odd = paths.filter((path) => /\.(ts|wgsl|py)$/.test(path) && !/^[a-z0-9_./]+$/.test(path));
  deepStrictEqual(odd, []);
});

Deno.test("no file names a folder of somebody's machine or a registry host", () => {
  const machine =
    /(?<![\w.}/])\/(work|root|home|Users)\/\w|https?:\/\/[a-z0-9.-]*(registry|mirror)/;
  const found = paths.filter((path) => TEXT.test(path) && path !== "deno.lock").flatMap((path) =>
    text(path).split("\n").flatMap((line, i) =>
      machine.test(line) ? [`${path}:${i + 1}: ${line.trim()}`] : []
    )
  );
  deepStrictEqual(found, []);
});

Deno.test("every folder of the engine is a room that the layers test lists", () => {
  const rooms = text("tests/layers_test.ts");
  const folders = new Set(
    paths.filter((path) => path.startsWith("engine/")).map((path) =>
      dirname(path).split("/").slice(0, 2).join("/")
    ),
  );
  deepStrictEqual([...folders].filter((folder) => !rooms.includes(`"${folder}"`)), []);
});
