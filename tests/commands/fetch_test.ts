import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { createHash } from "node:crypto";
import { DATA_SETS } from "../../engine/commands/data_sets.ts";
import { ffn } from "../support/cli.ts";
import { flakyServer } from "../support/flaky_server.ts";
import { FIB25, testWith } from "../support/resources.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const { parts, usual } = DATA_SETS.fib25;

testWith(
  "shared",
  "ffn fetch brings the published network over a bad connection, and goes on",
  async () => {
    const objects = await Promise.all(
      parts.model.map(async ({ path }) =>
        [`/mirror/${path}`, await Deno.readFile(`${FIB25}/${path}`)] as const
      ),
    );
    await using server = flakyServer(objects, { breaksAfter: [900_000, 100_000], statuses: [503] });
    await using folder = await temporaryFolder();
    const mirror = ["--mirror", `${server.url}/mirror/`];
    const first = await ffn("fetch", "fib25", folder.path, "--parts", "model", ...mirror);
    strictEqual(first.code, 0, first.stderr);
    match(first.stdout, /data-00000-of-00001: fetched, 2.55 M bytes, SHA-256 as recorded/);
    for (const { path, sha256 } of parts.model) {
      const bytes = await Deno.readFile(folder.of(path));
      strictEqual(createHash("sha256").update(bytes).digest("hex"), sha256);
    }
    const again = await ffn("fetch", "fib25", folder.path, "--parts", "model", ...mirror);
    match(again.stdout, /index: kept, 2343 bytes/);
    const info = await ffn("info", folder.of("model", "model.ckpt-27465036.index"));
    strictEqual(info.code, 0, info.stderr);
  },
);

Deno.test("ffn fetch refuses what it does not know and files that are not the recorded ones", async () => {
  await using server = flakyServer([["/model/model.ckpt-27465036.index", new Uint8Array(9)]]);
  await using folder = await temporaryFolder();
  const fetch = (...args: string[]) =>
    ffn("fetch", ...args, "--mirror", server.url, "--attempts", "1");
  const unknown = await fetch("fib-25", folder.path);
  strictEqual(unknown.code, 1);
  match(unknown.stderr, /Cannot fetch "fib-25", did you mean "fib25": there are fib25/);
  const part = await fetch("fib25", folder.path, "--parts", "modell");
  strictEqual(part.code, 2);
  match(part.stderr, /no part "modell", did you mean "model"; it has training, validation/);
  const missing = await fetch("fib25", folder.path, "--parts", "model");
  strictEqual(missing.code, 1);
  match(missing.stderr, /data-00000-of-00001": the server answers 404/);
  server.objects.set(`/${parts.model[0].path}`, new Uint8Array(5));
  const wrong = await fetch("fib25", folder.path, "--parts", "model");
  match(wrong.stderr, /its SHA-256 must be a2910768\w+, current value is \w+ of 5 bytes/);
  deepStrictEqual([...Deno.readDirSync(folder.of("model"))], []);
  const accepted = await fetch("fib25", folder.path, "--parts", "model", "--accept-changed");
  strictEqual(accepted.code, 0, accepted.stderr);
  match(accepted.stdout, /5.00 bytes, SHA-256 \w{64}, not as recorded/);
});

Deno.test("DATA_SETS has every file once, under safe paths, over HTTPS, with a digest", () => {
  const files = Object.values(parts).flat();
  strictEqual(new Set(files.map(({ path }) => path)).size, files.length);
  for (const { path, url, sha256 } of files) {
    ok(url.startsWith("https://") && /^[\w-]+\/[\w.-]+$/.test(path) && !path.includes(".."), path);
    match(sha256, /^[0-9a-f]{64}$/);
  }
  ok(usual.every((part) => part in parts));
});
