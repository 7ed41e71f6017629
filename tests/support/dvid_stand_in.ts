/** A server that answers as a live DVID server did, as far as `spec/components.md` §3 recorded it. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** What to do in place of answering the next merge. */
export type Trouble =
  | { readonly status: number; readonly text: string }
  /** Breaks the connection, having merged or not. */
  | { readonly hangUp: true; readonly merged: boolean };

/** A labelmap of some supervoxels. */
export class DvidStandIn implements AsyncDisposable {
  /** Body of each supervoxel. */
  readonly bodies: Map<bigint, bigint>;
  /** Merges that were done, as sent. */
  readonly merges: string[] = [];
  /** Requests by method and endpoint. */
  readonly requests: string[] = [];
  /** Taken one by one by the merges that come. */
  readonly troubles: Trouble[] = [];
  isLocked = false;
  #mutation = 1_000_000_001;
  readonly #server = createServer(async (message, response) => {
    const text = await textOf(message);
    const { pathname, searchParams } = new URL(message.url!, "http://stand-in");
    const endpoint = pathname.replace(/^\/api\/node\/[^/]+\/labels\//, "");
    this.requests.push(`${message.method} ${endpoint} ${searchParams.get("app")}`);
    const answer = (status: number, body: string) => response.writeHead(status).end(body);
    if (message.method === "GET" && endpoint === "mapping") {
      const ids = text.match(/\d+/g) ?? [];
      return answer(200, `[${ids.map((id) => this.bodies.get(BigInt(id)) ?? 0n).join(",")}]`);
    }
    if (message.method !== "POST" || endpoint !== "merge") return answer(404, "no such endpoint");
    const trouble = this.troubles.shift();
    if (trouble && "status" in trouble) return answer(trouble.status, trouble.text);
    const refusal = !trouble || trouble.merged ? this.#merge(text) : null;
    if (trouble) return message.socket.destroy();
    if (refusal !== null) return answer(400, refusal);
    answer(200, `{"MutationID": ${++this.#mutation}}`);
  });

  private constructor(supervoxels: readonly bigint[]) {
    this.bodies = new Map(supervoxels.map((id) => [id, id]));
  }

  static async start(supervoxels: readonly bigint[]): Promise<DvidStandIn> {
    const server = new DvidStandIn(supervoxels);
    await new Promise<void>((ready) => server.#server.listen(0, "127.0.0.1", ready));
    return server;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}/api/node/3f8c/labels`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((closed) => this.#server.close(closed));
  }

  #merge(text: string): string | null {
    if (this.isLocked) return 'Cannot do POST on endpoint "merge" of locked node';
    if (!/^\[[\d, ]*\]$/.test(text)) return "Bad merge op JSON: it is none";
    const [target, ...others] = (text.match(/\d+/g) ?? []).map(BigInt);
    if (others.length === 0) {
      return `invalid merge tuple ${text}, need at least target and to-merge labels`;
    }
    const existing = new Set(this.bodies.values());
    for (const other of others) {
      if (other === target) {
        return `supervoxel ${other} already in index for target label ${target}`;
      }
      if (!existing.has(other)) {
        return `Error on merge: can't merge non-existent label ${other} (into ${target})`;
      }
    }
    for (const [supervoxel, body] of this.bodies) {
      if (others.includes(body)) this.bodies.set(supervoxel, target);
    }
    this.merges.push(text);
    return null;
  }
}

async function textOf(message: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of message) text += new TextDecoder().decode(chunk);
  return text;
}
