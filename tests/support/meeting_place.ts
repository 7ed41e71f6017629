/** Where the processes of a training run meet in tests: a real nats-server on loopback. */
import { type ExchangeConfig, writeExchangeConfig } from "../../engine/cluster/exchange_config.ts";
import { findNatsServer, randomToken, startNatsServer } from "../../engine/cluster/nats_server.ts";
import type { TemporaryFolder } from "./temporary_folder.ts";

/** Ends the server when disposed. */
export interface MeetingPlace extends AsyncDisposable {
  readonly config: ExchangeConfig;
}

/** Starts a server and writes the document that names it, `exchange.json`. */
export async function meetingPlace(
  folder: TemporaryFolder,
  owners: number,
): Promise<MeetingPlace> {
  const token = randomToken();
  const maxPayload = 2 ** 20;
  const server = await startNatsServer({
    program: await findNatsServer(),
    ...{ host: "127.0.0.1", token, maxPayload, maxPending: 2 ** 26, folder: folder.path },
    note: () => {},
  });
  const config = { run: "run", servers: [server.url], token, owners, maxPayload, lostSeconds: 20 };
  await writeExchangeConfig(folder.of("exchange.json"), config);
  return { config, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}
