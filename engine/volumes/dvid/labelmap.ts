import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";

/** The server answered with an error, or not at all. */
export class DvidError extends Error {
  override readonly name = "DvidError";
  /** HTTP status; null where there was no answer. */
  readonly status: number | null;

  constructor(message: string, status: number | null, cause?: unknown) {
    super(message, { cause });
    this.status = status;
  }

  /** Whether the same request may succeed later: no answer, too many requests, or the server's own fault. */
  get isPassing(): boolean {
    return this.status === null || this.status === 429 || this.status >= 500;
  }
}

/** Time without a sign of life after which a request counts as failed; large merges take long. */
const LIMIT_MS = 120_000;
/** An answer longer than this is none of ours. */
const MAX_ANSWER_BYTES = 2 ** 28;

/**
 * The labelmap instance of a DVID node, `http://HOST/api/node/UUID/NAME`. Ids are 64-bit, which JSON numbers of JavaScript
 * are not, so they are written and read as text here.
 */
export class DvidLabelmap {
  readonly url: string;
  readonly #query: string;

  /** @throws {SyntaxError} when the text is no such address. */
  constructor(url: string, { user = Deno.env.get("USER") ?? "ffn" }: { user?: string } = {}) {
    const text = /^https?:\/\//.test(url) ? url : `http://${url}`;
    const parsed = URL.canParse(text) ? new URL(text) : null;
    if (parsed === null || !/\/api\/node\/[^/]+\/[^/]+\/?$/.test(parsed.pathname)) {
      throw new SyntaxError(
        `Cannot use "${url}" as a labelmap: write http://HOST/api/node/UUID/NAME`,
      );
    }
    this.url = `${parsed.origin}${parsed.pathname.replace(/\/$/, "")}`;
    this.#query = new URLSearchParams({ u: user, app: "ffn" }).toString();
  }

  /** Body of each supervoxel, 0 for those that do not exist. */
  async mapping(supervoxels: readonly bigint[], signal?: AbortSignal): Promise<bigint[]> {
    const answer = await this.#send("GET", "mapping", `[${supervoxels.join(",")}]`, signal);
    const bodies = /^\s*\[[\d\s,]*\]\s*$/.test(answer) ? answer.match(/\d+/g) ?? [] : null;
    if (bodies?.length === supervoxels.length) return bodies.map(BigInt);
    throw new DvidError(
      `Cannot read the bodies of ${supervoxels.length} supervoxels: "${this.url}/mapping" answered ` +
        `"${answer.slice(0, 100)}"`,
      200,
    );
  }

  /** Merges bodies into another one; all of them, or none where the server refuses. */
  async merge(target: bigint, others: readonly bigint[], signal?: AbortSignal): Promise<void> {
    await this.#send("POST", "merge", mergeBody(target, others), signal);
  }

  #send(
    method: "GET" | "POST",
    endpoint: string,
    body: string,
    signal?: AbortSignal,
  ): Promise<string> {
    const address = `${this.url}/${endpoint}`;
    const send = address.startsWith("https:") ? httpsRequest : httpRequest;
    const bytes = new TextEncoder().encode(body);
    const headers = { "content-type": "application/json", "content-length": bytes.length };
    const failed = (cause: Error) =>
      signal?.aborted
        ? signal.reason
        : new DvidError(`Cannot reach "${address}": ${cause.message}`, null, cause);
    // fetch refuses a body on GET, which this interface wants.
    return new Promise((resolve, reject) => {
      const request = send(
        `${address}?${this.#query}`,
        { method, headers, signal, timeout: LIMIT_MS },
        (response) => {
          const chunks: Uint8Array[] = [];
          let length = 0;
          response.on("data", (chunk: Uint8Array) => {
            chunks.push(chunk);
            length += chunk.length;
            if (length > MAX_ANSWER_BYTES) request.destroy(new Error("its answer does not end"));
          });
          response.on("error", (error: Error) => reject(failed(error)));
          response.on("aborted", () => reject(failed(new Error("it stopped in the middle"))));
          response.on("end", () => {
            const answer = new TextDecoder().decode(joined(chunks, length));
            const status = response.statusCode ?? 0;
            if (status >= 200 && status < 300) return resolve(answer);
            const said = answer.trim().slice(0, 300);
            reject(new DvidError(`Cannot ${method} "${address}": ${status} "${said}"`, status));
          });
        },
      );
      request.on("timeout", () => request.destroy(new Error(`no answer in ${LIMIT_MS / 1000} s`)));
      request.on("error", (error: Error) => reject(failed(error)));
      request.end(bytes);
    });
  }
}

/** What a merge sends: `[target,other,other…]`. */
export function mergeBody(target: bigint, others: readonly bigint[]): string {
  return `[${[target, ...others].join(",")}]`;
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
