import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { type BodyOptions, httpBody } from "../../engine/volumes/http_body.ts";
import { flakyServer } from "../support/flaky_server.ts";

const DATA = Uint8Array.from({ length: 10_000 }, (_, i) => (i * 31 + (i >> 8)) & 255);
const QUICK = { backOffMs: 1, silenceMs: 2000 };

async function read(url: string, options: BodyOptions = {}): Promise<Uint8Array> {
  const parts: number[] = [];
  for await (const bytes of httpBody(url, { ...QUICK, ...options })) parts.push(...bytes);
  return Uint8Array.from(parts);
}

Deno.test("httpBody() asks for the rest where a connection breaks off", async () => {
  await using server = flakyServer([["/a", DATA]], { breaksAfter: [3000, 2000] });
  let length = 0;
  deepStrictEqual(await read(`${server.url}/a`, { onLength: (n) => length = n }), DATA);
  strictEqual(length, DATA.length);
  strictEqual(server.requests.length, 3);
  // How much of a broken body arrives is up to the system.
  match(server.requests[1], /^\/a bytes=[12]?\d00\d-$|^\/a bytes=3000-$|^\/a$/);
});

Deno.test("httpBody() begins at an offset, also where the server ignores ranges, and at the end", async () => {
  for (const ignoresRanges of [false, true]) {
    await using server = flakyServer([["/a", DATA]], { ignoresRanges, breaksAfter: [6000] });
    deepStrictEqual(await read(`${server.url}/a`, { offset: 2500 }), DATA.subarray(2500));
    strictEqual((await read(`${server.url}/a`, { offset: DATA.length })).length, 0);
  }
});

Deno.test("httpBody() waits for answers that may pass, and gives up after so many in a row", async () => {
  await using server = flakyServer([["/a", DATA]], { statuses: [503, 500, 429] });
  deepStrictEqual(await read(`${server.url}/a`), DATA);
  await using broken = flakyServer([["/a", DATA]], { statuses: new Array(9).fill(503) });
  await rejects(
    read(`${broken.url}/a`, { attempts: 3 }),
    /from byte 0 on: the server answers 503 .*, after 3 attempts/,
  );
  strictEqual(broken.requests.length, 3);
});

Deno.test("httpBody() gives up a silent server, what is not there, and what changes on the way", async () => {
  await using silent = flakyServer([["/a", DATA]], { silent: 2 });
  await rejects(
    read(`${silent.url}/a`, { silenceMs: 30, attempts: 2 }),
    /no answer within 0.03 s, after 2 attempts/,
  );
  await using changing = flakyServer([["/a", DATA]], { changes: true, breaksAfter: [3000] });
  await rejects(read(`${changing.url}/a`), /it changed while it was read, its etag was "1"/);
  await rejects(read(`${changing.url}/b`), /the server answers 404/);
});

Deno.test("httpBody() stops when it is cancelled, also while it waits", async () => {
  await using server = flakyServer([["/a", DATA]], { statuses: new Array(9).fill(503) });
  const stop = new AbortController();
  const reading = read(`${server.url}/a`, { backOffMs: 60_000, signal: stop.signal });
  setTimeout(() => stop.abort(new Error("Stopped")), 20);
  const started = performance.now();
  await rejects(reading, /Stopped/);
  ok(performance.now() - started < 5000);
});
