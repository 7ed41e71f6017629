import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { HttpStore } from "../../engine/volumes/http_store.ts";
import { open } from "../../engine/volumes/open.ts";
import { type Volume, wholeBox } from "../../engine/volumes/volume.ts";
import { CHUNKED, formulaArray } from "./kinds.ts";

/** What a server does with one request. */
type Answer = (request: Request, path: string) => Response | Promise<Response> | undefined;

interface Server extends AsyncDisposable {
  readonly url: string;
  readonly requests: { path: string; range: string | null }[];
}

/** Serves the fixtures; `answer` comes before the files where it gives something. */
function serve(answer: Answer = () => undefined): Server {
  const requests: Server["requests"] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const path = decodeURIComponent(new URL(request.url).pathname);
    const range = request.headers.get("range");
    requests.push({ path, range });
    return await answer(request, path) ?? fileAnswer(path, range);
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    requests,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

async function fileAnswer(path: string, range: string | null): Promise<Response> {
  const bytes = await Deno.readFile(`${CHUNKED}${path}`).catch(() => null);
  if (bytes === null) return new Response("none", { status: 404 });
  const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(range ?? "") ?? [];
  if (from === undefined) return new Response(bytes);
  const part = from === "" ? bytes.slice(-Number(to)) : bytes.slice(Number(from), Number(to) + 1);
  return new Response(part, { status: 206 });
}

const http = { backOffMs: 1, timeoutMs: 2_000 };

async function expectWhole(volume: Volume): Promise<void> {
  const { data } = formulaArray(volume.dtype, volume.shape);
  deepStrictEqual(await volume.read(wholeBox(volume)), data);
}

Deno.test("open() reads Zarr and precomputed volumes of a server, each chunk once", async () => {
  await using server = serve();
  for (const name of ["v3_gzip.zarr", "v2_gzip.zarr", "raw", "raw:8_8_30", "sharded_cseg"]) {
    await using volume = await open(`${server.url}/${name}`, { http });
    await expectWhole(volume);
    const before = server.requests.length;
    await expectWhole(volume);
    strictEqual(server.requests.length, before, "chunks are kept");
  }
  await using slice = await open(`precomputed://${server.url}/raw[2:4, ::3]`, { http });
  deepStrictEqual(slice.shape, [2, 6, 20]);
});

Deno.test("open() asks a server for parts of shards, not for shards", async () => {
  await using server = serve();
  for (const name of ["v3_sharded.zarr", "sharded_raw"]) {
    await using volume = await open(`${server.url}/${name}`, { http });
    server.requests.length = 0;
    await volume.read({ start: [0, 0, 0], size: [1, 1, 1] });
    ok(server.requests.length > 0);
    for (const { range } of server.requests) match(range!, /^bytes=/);
  }
});

Deno.test("open() reads from a server that ignores ranges", async () => {
  await using server = serve((request, path) => {
    return request.headers.has("range") ? fileAnswer(path, null) : undefined;
  });
  await using volume = await open(`${server.url}/sharded_raw`, { http });
  await expectWhole(volume);
});

Deno.test("HttpStore tries again after answers that may pass", async () => {
  const failures: (() => Response)[] = [
    () => new Response("later", { status: 503, headers: { "retry-after": "0" } }),
    () => new Response("many", { status: 429 }),
    () => new Response("gateway", { status: 502 }),
  ];
  const failed = new Map<string, number>();
  await using server = serve((_, path) => {
    const count = failed.get(path) ?? 0;
    failed.set(path, count + 1);
    return failures[count]?.();
  });
  await using volume = await open(`zarr://${server.url}/v3_zstd.zarr`, { http });
  await expectWhole(volume);
});

Deno.test("HttpStore tries again when a connection breaks off within a body", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let connections = 0;
  const serving = (async () => {
    for await (const connection of listener) {
      await connection.read(new Uint8Array(2048));
      const body = ++connections < 3 ? "abc" : "abcdef";
      const head = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\n";
      await connection.write(new TextEncoder().encode(head + body));
      connection.close();
      if (connections === 3) break;
    }
  })();
  const { port } = listener.addr as Deno.NetAddr;
  const bytes = await new HttpStore(`http://127.0.0.1:${port}`, http).get("a");
  strictEqual(new TextDecoder().decode(bytes), "abcdef");
  await serving;
});

Deno.test("HttpStore gives up with the last answer, the address and the number of attempts", async () => {
  await using server = serve(() => new Response("", { status: 503 }));
  const store = new HttpStore(server.url, { ...http, attempts: 3 });
  await rejects(store.get("a b"), {
    name: "FormatError",
    message:
      `Cannot read "${server.url}/a%20b": the server answers 503 Service Unavailable, after 3 attempts`,
  });
  strictEqual(server.requests.length, 3);
});

Deno.test("HttpStore gives up a server that does not answer in time", async () => {
  await using server = serve(async () => {
    await new Promise((resolve) => setTimeout(resolve, 200));
    return new Response("");
  });
  const store = new HttpStore(server.url, { attempts: 2, backOffMs: 1, timeoutMs: 30 });
  await rejects(store.get("a"), { message: /no answer within 0\.03 s, after 2 attempts$/ });
});

Deno.test("HttpStore does not try again what cannot pass", async () => {
  await using server = serve((_, path) =>
    new Response("", { status: path === "/none" ? 404 : 403 })
  );
  const store = new HttpStore(server.url, http);
  strictEqual(await store.get("none"), undefined);
  await rejects(store.get("a"), {
    name: "NotFoundError",
    message:
      `Cannot read "${server.url}/a": the server answers 403 Forbidden; the volume must be public`,
  });
  strictEqual(server.requests.length, 2);
  await rejects(store.get("../a"), { message: /the name leads out of the volume$/ });
  await rejects(open(`${server.url}/em`, { http }), { name: "NotFoundError", message: /403/ });
});

Deno.test("HttpStore keeps few requests under way", async () => {
  let running = 0, most = 0;
  await using server = serve(async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 5));
    running--;
    return new Response("x");
  });
  const store = new HttpStore(server.url, { ...http, concurrency: 3 });
  await Promise.all(Array.from({ length: 20 }, (_, i) => store.get(`${i}`)));
  strictEqual(most, 3);
});

Deno.test("HttpStore keeps the query of an address", async () => {
  await using server = serve((request) => new Response(new URL(request.url).search));
  const store = new HttpStore(`${server.url}/em/?token=7`, http);
  strictEqual(new TextDecoder().decode(await store.get("info")), "?token=7");
  strictEqual(server.requests[0].path, "/em/info");
});
