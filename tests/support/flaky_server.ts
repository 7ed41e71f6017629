/** A local web server that fails in the ways real ones do, and remembers what it was asked. */

/** How the server answers. */
export interface FlakyBehaviour {
  /** Ends the connection after so many bytes of each of the first answers. */
  readonly breaksAfter?: readonly number[];
  /** Sends everything whatever range is asked for. */
  readonly ignoresRanges?: boolean;
  /** States answered before the first body. */
  readonly statuses?: readonly number[];
  /** Changes the ETag with every answer. */
  readonly changes?: boolean;
  /** Sends nothing after the head of so many answers. */
  readonly silent?: number;
}

/** The server; objects may be replaced while it runs. */
export interface FlakyServer extends AsyncDisposable {
  readonly url: string;
  /** `path range`, one for each request. */
  readonly requests: string[];
  readonly objects: Map<string, Uint8Array>;
}

/** Serves objects by path (`/a/b`). */
export function flakyServer(
  objects: Iterable<readonly [string, Uint8Array]>,
  behaviour: FlakyBehaviour = {},
): FlakyServer {
  const requests: string[] = [];
  const held = new Map(objects);
  const [breaks, statuses] = [[...behaviour.breaksAfter ?? []], [...behaviour.statuses ?? []]];
  let silent = behaviour.silent ?? 0;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const path = decodeURIComponent(new URL(request.url).pathname);
    const range = request.headers.get("range");
    requests.push(range === null ? path : `${path} ${range}`);
    const status = statuses.shift();
    if (status !== undefined) return new Response("no", { status });
    const data = held.get(path);
    if (!data) return new Response("not here", { status: 404 });
    const first = behaviour.ignoresRanges ? 0 : Number(/bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0);
    const total = data.length;
    if (first >= total && first > 0) {
      return new Response(null, { status: 416, headers: { "content-range": `bytes */${total}` } });
    }
    const isPart = range !== null && !behaviour.ignoresRanges;
    const headers: Record<string, string> = {
      etag: `"${behaviour.changes ? requests.length : 1}"`,
      "content-length": String(total - first),
    };
    if (isPart) headers["content-range"] = `bytes ${first}-${total - 1}/${total}`;
    const most = breaks.shift() ?? Infinity;
    const isSilent = silent-- > 0;
    const body = new ReadableStream<Uint8Array>({
      async start(controller) {
        if (isSilent) return;
        const end = Math.min(total, first + most);
        const step = Math.max(1000, total / 100 | 0);
        for (let at = first; at < end; at += step) {
          controller.enqueue(data.slice(at, Math.min(end, at + step)));
          await new Promise((resolve) => setTimeout(resolve));
        }
        // Less than was announced: the system ends the connection.
        controller.close();
      },
    });
    return new Response(body, { status: isPart ? 206 : 200, headers });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    requests,
    objects: held,
    async [Symbol.asyncDispose]() {
      // Streams that are silent never end by themselves.
      const stopped = server.shutdown();
      const late = new Promise((resolve) => setTimeout(resolve, 200));
      await Promise.race([stopped, late]);
    },
  };
}
