/** Answers bare NATS requests, to compare the exchange with: `bare_responder.ts CONFIG BYTES`. It ends with its standard input. */
import { readExchangeConfig } from "../../engine/cluster/exchange_config.ts";
import { connectToServer } from "../../engine/cluster/nats_connection.ts";

const [path, bytes] = Deno.args;
const config = await readExchangeConfig(path);
const connection = await connectToServer(config, "bare", new AbortController().signal);
const payload = new Uint8Array(Number(bytes));
connection.subscribe("bare.push", { callback: (_, message) => void message.respond() });
connection.subscribe("bare.pull", { callback: (_, message) => void message.respond(payload) });
for await (const _ of Deno.stdin.readable);
Deno.exit(0);
