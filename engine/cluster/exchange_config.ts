/** The document that every process of a distributed run reads: where they meet. Flags of the run are not in it. */
import { FormatError } from "../errors/errors.ts";
import { parseJsonObject, shown } from "../formats/json_document.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";

/** Where the processes of one run meet. In the file the keys are in snake_case. */
export interface ExchangeConfig {
  /** Name of the run, part of every subject: letters, digits, `-` and `_`. */
  readonly run: string;
  /** Addresses of the NATS server: `nats://127.0.0.1:4222`. */
  readonly servers: readonly string[];
  /** Without it the server lets nobody in. */
  readonly token: string;
  /** Processes that hold parameters, from 1 on. */
  readonly owners: number;
  /** Longest message that the server takes, in bytes. */
  readonly maxPayload: number;
  /** A worker or owner that was silent for so long is lost. */
  readonly lostSeconds: number;
}

/** A payload limit below this cuts parameters into too many pieces. */
export const MIN_PAYLOAD = 64 * 1024;
/** What a launcher sets unless told otherwise: the parameters of the published network in one message. */
export const DEFAULT_MAX_PAYLOAD = 8 * 1024 * 1024;
/** Silence that is no sign of anything: a step of a large network on one core takes long, and file servers pause. */
export const DEFAULT_LOST_SECONDS = 60;

/**
 * Full gradients that may be under way to one owner. The server disconnects an owner to which more than its
 * `max_pending` waits, which therefore must be this many messages of `max_payload`, and as much again for replies.
 */
export const MAX_IN_FLIGHT = 16;

/** Writes the document so that only its owner can read it: it holds the token. */
export async function writeExchangeConfig(path: string, config: ExchangeConfig): Promise<void> {
  const document = {
    run: config.run,
    servers: config.servers,
    token: config.token,
    owners: config.owners,
    max_payload: config.maxPayload,
    lost_seconds: config.lostSeconds,
  };
  const text = `${JSON.stringify(document, null, 2)}\n`;
  await writeFileAtomically(path, new TextEncoder().encode(text), { mode: 0o600 });
}

/** @throws {FormatError} naming what is missing or wrong. */
export async function readExchangeConfig(path: string): Promise<ExchangeConfig> {
  const document = parseJsonObject(await Deno.readFile(path), path);
  const checked = <T>(key: string, wanted: string, isRight: (value: unknown) => boolean): T => {
    const value = document[key];
    if (isRight(value)) return value as T;
    // Never the token itself.
    const current = key === "token" ? typeof value : shown(value);
    throw new FormatError(
      `Cannot read exchange configuration "${path}": "${key}" must be ${wanted}, current value is ${current}`,
      { path },
    );
  };
  const isInteger = (min: number) => (value: unknown) =>
    Number.isSafeInteger(value) && Number(value) >= min;
  return {
    run: checked("run", "letters, digits, - and _", (v) => /^[\w-]{1,64}$/.test(String(v))),
    servers: checked(
      "servers",
      "a list of addresses nats://host:port",
      (v) =>
        Array.isArray(v) && v.length > 0 && v.every((s) => /^nats:\/\/\S+:\d+$/.test(String(s))),
    ),
    token: checked("token", "a text", (v) => typeof v === "string" && v !== ""),
    owners: checked("owners", "a number from 1 on", isInteger(1)),
    maxPayload: checked(
      "max_payload",
      `a number of bytes from ${MIN_PAYLOAD} on`,
      isInteger(MIN_PAYLOAD),
    ),
    lostSeconds: checked(
      "lost_seconds",
      "a number above 0",
      (v) => typeof v === "number" && Number.isFinite(v) && v > 0,
    ),
  };
}
