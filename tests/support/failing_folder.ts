/** A local web server over a folder that answers 503, cuts answers short, and takes its time. */
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

/** The server. */
export interface FailingFolder extends AsyncDisposable {
  readonly url: string;
  /** Answers with a file, or instead of one. */
  readonly requests: number;
  /** Times that it failed, by kind. */
  readonly faults: Readonly<Record<"unavailable" | "slow" | "truncated", number>>;
}

/** What becomes of requests in turn. */
const FATES = ["fine", "unavailable", "fine", "slow", "fine", "truncated", "fine"] as const;

/** Serves the files of a folder; three answers in seven are bad ones. */
export function failingFolder(folder: string): FailingFolder {
  const faults = { unavailable: 0, slow: 0, truncated: 0 };
  let requests = 0;
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    async (request) => {
      const path = join(folder, decodeURIComponent(new URL(request.url).pathname));
      const bytes = await Deno.readFile(path).catch(() => null);
      if (bytes === null) return new Response("no", { status: 404 });
      const fate = FATES[requests++ % FATES.length];
      if (fate !== "fine") faults[fate]++;
      if (fate === "unavailable") return new Response("later", { status: 503 });
      if (fate === "slow") await setTimeout(300);
      if (fate !== "truncated") return new Response(bytes);
      const cut = new ReadableStream({
        start(stream) {
          stream.enqueue(bytes.subarray(0, bytes.length / 2));
          stream.close();
        },
      });
      return new Response(cut, { headers: { "content-length": `${bytes.length}` } });
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    get requests() {
      return requests;
    },
    faults,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
