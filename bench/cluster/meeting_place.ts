import { join } from "node:path";
import {
  DEFAULT_MAX_PAYLOAD,
  type ExchangeConfig,
  MAX_IN_FLIGHT,
  writeExchangeConfig,
} from "../../engine/cluster/exchange_config.ts";
import { findNatsServer, randomToken, startNatsServer } from "../../engine/cluster/nats_server.ts";

/** A server with the document that names it, for processes of a bench. */
export interface MeetingPlace extends AsyncDisposable {
  readonly config: ExchangeConfig;
  /** Of the document. */
  readonly path: string;
  /** Starts a program of this folder, which ends with its standard input. */
  start(program: string, ...args: string[]): Deno.ChildProcess;
}

/** Starts a server on loopback for one owner. */
export async function openMeetingPlace(folder: string): Promise<MeetingPlace> {
  const stack = new AsyncDisposableStack();
  const token = randomToken();
  const maxPayload = DEFAULT_MAX_PAYLOAD;
  const server = stack.use(
    await startNatsServer({
      ...{ program: await findNatsServer(), host: "127.0.0.1", token, maxPayload, folder },
      ...{ maxPending: 2 * MAX_IN_FLIGHT * maxPayload, note: () => {} },
    }),
  );
  const place = { run: "bench", servers: [server.url], token, owners: 1 };
  const config: ExchangeConfig = { ...place, maxPayload, lostSeconds: 120 };
  const path = join(folder, "exchange.json");
  await writeExchangeConfig(path, config);
  return {
    config,
    path,
    start(program, ...args) {
      const file = new URL(program, import.meta.url).href;
      const child = new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", file, ...args],
        stdin: "piped",
        stdout: "piped",
      }).spawn();
      stack.defer(async () => {
        await child.stdin.close().catch(() => {});
        await child.status;
        await child.stdout.cancel().catch(() => {});
      });
      return child;
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
