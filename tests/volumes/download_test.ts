import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { createHash } from "node:crypto";
import { download, type DownloadOptions } from "../../engine/volumes/download.ts";
import { type FlakyBehaviour, type FlakyServer, flakyServer } from "../support/flaky_server.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const DATA = Uint8Array.from({ length: 50_000 }, (_, i) => (i * 7 + (i >> 8)) & 255);
const SHA256 = createHash("sha256").update(DATA).digest("hex");
const QUICK = { backOffMs: 1, silenceMs: 2000, attempts: 3 };

/** A server with one file, a folder, and downloads from one to the other. */
async function setUp(behaviour: FlakyBehaviour = {}, served = DATA) {
  const server: FlakyServer = flakyServer([["/f", served]], behaviour);
  const folder = await temporaryFolder();
  const path = folder.of("deep", "f");
  const logged: string[] = [];
  return {
    server,
    path,
    logged,
    get: (options: DownloadOptions = {}) =>
      download(`${server.url}/f`, path, {
        ...QUICK,
        sha256: SHA256,
        log: (line) => void logged.push(line),
        ...options,
      }),
    files: () => [...Deno.readDirSync(folder.of("deep"))].map(({ name }) => name).sort(),
    part: async (bytes: Uint8Array) => {
      await Deno.mkdir(folder.of("deep"), { recursive: true });
      await Deno.writeFile(`${path}.part`, bytes);
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

Deno.test("download() writes the file, tells its progress, and keeps it the next time", async () => {
  await using set = await setUp({ breaksAfter: [20_000] });
  const seen: [number, number | undefined][] = [];
  const progress = (bytes: number, total?: number) => void seen.push([bytes, total]);
  const expected = { sizeBytes: DATA.length, sha256: SHA256 };
  deepStrictEqual(await set.get({ progress }), { how: "fetched", ...expected });
  deepStrictEqual(await Deno.readFile(set.path), DATA);
  deepStrictEqual(set.files(), ["f"]);
  deepStrictEqual(seen.at(-1), [DATA.length, DATA.length]);
  ok(seen.every(([bytes], i) => i === 0 || bytes > seen[i - 1][0]));
  const count = set.server.requests.length;
  deepStrictEqual(await set.get(), { how: "kept", ...expected });
  strictEqual(set.server.requests.length, count);
});

Deno.test("download() goes on with what an interrupted call left, also where ranges are ignored", async () => {
  for (const ignoresRanges of [false, true]) {
    await using set = await setUp({ ignoresRanges, breaksAfter: new Array(3).fill(0) });
    await set.part(DATA.slice(0, 30_000));
    // Three connections in a row bring nothing: the part stays.
    await rejects(set.get(), /from byte 30000 on: .*, after 3 attempts/);
    deepStrictEqual(set.files(), ["f.part"]);
    strictEqual((await set.get()).how, "resumed");
    deepStrictEqual(await Deno.readFile(set.path), DATA);
    deepStrictEqual(set.files(), ["f"]);
    ok(set.server.requests.every((request) => request === "/f bytes=30000-"));
  }
});

Deno.test("download() keeps what has arrived when it is cancelled", async () => {
  await using set = await setUp();
  const stop = new AbortController();
  const progress = (bytes: number) => {
    if (bytes > 20_000) stop.abort(new Error("Stopped"));
  };
  await rejects(set.get({ signal: stop.signal, progress }), /Stopped/);
  const { size } = await Deno.stat(`${set.path}.part`);
  ok(size > 20_000 && size < DATA.length, `${size}`);
  strictEqual((await set.get()).how, "resumed");
  deepStrictEqual(await Deno.readFile(set.path), DATA);
});

Deno.test("download() refuses a wrong body and leaves nothing of it", async () => {
  await using set = await setUp({}, new TextEncoder().encode("<html>moved</html>"));
  await rejects(
    set.get(),
    (error: Error) => {
      match(
        error.message,
        new RegExp(`its SHA-256 must be ${SHA256}, current value is .* of 18 bytes`),
      );
      return error.name === "FormatError";
    },
  );
  deepStrictEqual(set.files(), []);
  strictEqual((await set.get({ sha256: undefined })).sizeBytes, 18);
});

Deno.test("download() begins anew where the part is not the file's beginning, or is too long", async () => {
  for (const part of [new Uint8Array(30_000), new Uint8Array(60_000), new Uint8Array(50_000)]) {
    await using set = await setUp();
    await set.part(part);
    strictEqual((await set.get()).how, "fetched");
    deepStrictEqual(await Deno.readFile(set.path), DATA);
    match(set.logged.join(), /is not the beginning of .*: it is fetched from the start/);
  }
});

Deno.test("download() replaces another file only when the new one is complete", async () => {
  await using set = await setUp({ statuses: new Array(3).fill(503) });
  await Deno.mkdir(set.path.slice(0, -2), { recursive: true });
  await Deno.writeTextFile(set.path, "old");
  await rejects(set.get(), /the server answers 503/);
  strictEqual(await Deno.readTextFile(set.path), "old");
  strictEqual((await set.get()).how, "fetched");
  deepStrictEqual(await Deno.readFile(set.path), DATA);
  match(set.logged.join(), /is another file than the one that is wanted/);
});
