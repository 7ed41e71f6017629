/** A `nats-server` of our own for as long as a training runs: found, configured, started, watched, ended. */
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { NotFoundError, UnsupportedError } from "../errors/errors.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { eachLine } from "./worker_processes.ts";

/** What a server is started with. */
export interface NatsServerOptions {
  /** Path of the program, or a name on `PATH`; found by itself unless given. */
  readonly program?: string;
  /** The one interface that it listens on. */
  readonly host: string;
  /** A free one unless given. */
  readonly port?: number;
  /** At least 128 bits; see {@linkcode randomToken}. */
  readonly token: string;
  /** Longest message in bytes; parameters that are larger travel in chunks. */
  readonly maxPayload: number;
  /** Bytes that may wait for one connection; a connection for which more waits is cut off. */
  readonly maxPending: number;
  /** Gets the configuration, which holds the token, and can be read by its owner only. */
  readonly folder: string;
  /** Takes warnings and errors of the server. */
  note(line: string): void;
}

/** A server that accepts connections. */
export interface NatsServer extends AsyncDisposable {
  readonly port: number;
  /** `nats://host:port`. */
  readonly url: string;
  readonly version: string;
  /** Settles when the process has ended, with its exit code. */
  readonly ended: Promise<number>;
}

const READY_MS = 20_000;

/** 192 random bits as letters and digits. */
export function randomToken(): string {
  return [...crypto.getRandomValues(new Uint8Array(24))].map((byte) =>
    byte.toString(16).padStart(2, "0")
  ).join("");
}

/**
 * Path of the server's program.
 *
 * @param given What the user said: a path, or a name on `PATH`.
 * @throws {NotFoundError} saying how to get it.
 */
export async function findNatsServer(given?: string): Promise<string> {
  const name = given ?? "nats-server";
  const env = (variable: string) => Deno.env.get(variable) ?? "";
  // Debian puts it where only administrators look, Go where nobody does.
  const folders = [
    ...env("PATH").split(":"),
    "/usr/sbin",
    "/usr/local/bin",
    `${env("HOME")}/go/bin`,
  ];
  const paths = name.includes("/") ? [name] : folders.map((folder) => join(folder || ".", name));
  for (const path of paths) {
    const stat = await Deno.stat(path).catch(() => null);
    if (stat?.isFile && ((stat.mode ?? 0o111) & 0o111) !== 0) return path;
  }
  throw new NotFoundError(
    `Cannot exchange gradients: no program "${name}" ${
      name.includes("/") ? "there" : "on PATH"
    }; get it with "apt-get install nats-server", or without being root with ` +
      `"go install github.com/nats-io/nats-server/v2@latest", then give its path with --nats-server`,
  );
}

/**
 * Starts a server and waits until it accepts connections. It ends with `dispose`, and also when this process is gone,
 * however that came about.
 *
 * @throws {NotFoundError} without the program. {UnsupportedError} where it does not start: the port is taken, the host is no address of this machine, …
 */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  const { host, port = -1, token, folder, note } = options;
  if (token.length < 32) {
    throw new RangeError(
      `Cannot start nats-server: the token must have 32 characters or more, current number is ${token.length}`,
    );
  }
  const program = await findNatsServer(options.program);
  const config = join(folder, "nats.conf");
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  await removePortFiles(folder);
  await writeFileAtomically(config, new TextEncoder().encode(configText(options, port)), {
    mode: 0o600,
  });
  const child = new Deno.Command("sh", {
    args: ["-c", FOLLOW, "sh", program, "-c", config],
    ...{ stdin: "piped", stdout: "null", stderr: "piped", detached: true },
  }).spawn();
  const said: string[] = [];
  let ready = false;
  const listening = eachLine(child.stderr, (line) => {
    const [, level, text] = /\[(\w{3})\] (.*)$/.exec(line) ?? ["", "ERR", line];
    if (level === "FTL" || level === "ERR") said.push(text);
    // Connections that are cut off are mere information to the server, and lost gradients to us.
    const isNews = level !== "INF" && level !== "DBG" || /Slow Consumer/.test(text);
    if (ready && isNews) note(`nats-server: ${text}`);
  });
  const ended = child.status.then(async ({ code }) => {
    await listening;
    return code;
  });
  const stop = async () => {
    await child.stdin.close().catch(() => {});
    await ended;
    await removePortFiles(folder);
  };
  try {
    const actual = await portOf(folder, ended);
    const info = await greeting(host, actual, ended);
    if (info.auth_required !== true) {
      throw new UnsupportedError(`Cannot use "${program}": it lets clients in without a token`);
    }
    ready = true;
    return {
      port: actual,
      url: urlOf(host, actual),
      version: String(info.version),
      ended,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    if (!(error instanceof EndedError)) throw error;
    throw new UnsupportedError(`Cannot start nats-server${whyNot(said, host, port)}`);
  }
}

function urlOf(host: string, port: number): string {
  return `nats://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Runs a program until standard input ends, which is when whoever started it is gone, and gives its exit code. */
const FOLLOW = `
exec 3<&0
"$@" </dev/null 3<&- &
server=$!
(cat <&3; kill -TERM $server) >/dev/null 2>&1 &
exec 3<&-
trap 'kill -TERM $server' TERM
while wait $server; code=$?; kill -0 $server 2>/dev/null; do :; done
exit $code
`;

function configText(options: NatsServerOptions, port: number): string {
  const { host, token, maxPayload, maxPending, folder } = options;
  return [
    `host: ${JSON.stringify(host)}`,
    `port: ${port}`,
    `authorization { token: ${JSON.stringify(token)} }`,
    `max_payload: ${maxPayload}`,
    `max_pending: ${maxPending}`,
    // A client that is busy computing, or stopped for a moment, is not gone.
    'write_deadline: "60s"',
    'ping_interval: "20s"',
    "ping_max: 6",
    `ports_file_dir: ${JSON.stringify(folder)}`,
    "logtime: false",
    "",
  ].join("\n");
}

/** The process ended before it was ready. */
class EndedError extends Error {}

/** The port that the server wrote down. */
async function portOf(folder: string, ended: Promise<number>): Promise<number> {
  return await until(ended, async () => {
    for await (const { name } of Deno.readDir(folder)) {
      if (!name.endsWith(".ports")) continue;
      const text = await Deno.readTextFile(join(folder, name)).catch(() => "");
      const port = /nats:\/\/[^"]*:(\d+)"/.exec(text)?.[1];
      if (port !== undefined) return Number(port);
    }
    return null;
  });
}

/** First line that the server sends to a client: `INFO {…}`. */
async function greeting(
  hostname: string,
  port: number,
  ended: Promise<number>,
): Promise<Record<string, unknown>> {
  return await until(ended, async () => {
    const connection = await Deno.connect({ hostname, port }).catch(() => null);
    if (connection === null) return null;
    const bytes = new Uint8Array(8192);
    const count = await connection.read(bytes).catch(() => null);
    connection.close();
    const text = new TextDecoder().decode(bytes.subarray(0, count ?? 0));
    const json = /^INFO (\{.*\})/.exec(text)?.[1];
    return json === undefined ? null : JSON.parse(json);
  });
}

/** Asks again and again until there is an answer. */
async function until<T>(ended: Promise<number>, ask: () => Promise<T | null>): Promise<T> {
  let isOver = false;
  ended.then(() => isOver = true);
  for (const begun = performance.now(); performance.now() - begun < READY_MS;) {
    const answer = await ask();
    if (answer !== null) return answer;
    if (isOver) throw new EndedError();
    await setTimeout(20);
  }
  throw new UnsupportedError(
    `Cannot start nats-server: it does not answer, ${READY_MS / 1000} seconds after its start`,
  );
}

function whyNot(said: readonly string[], host: string, port: number): string {
  const text = said.join(" ");
  if (/address already in use/.test(text)) {
    return ` on ${host}:${port}: the port is taken; give another one with --nats-port, or none for one that is free`;
  }
  if (/cannot assign requested address|no such host/.test(text)) {
    return ` on "${host}": that is no address of this machine; give one with --nats-host`;
  }
  return `: ${said.join("; ") || "it ended at once"}`;
}

/** Those of a server that was killed stay behind. */
async function removePortFiles(folder: string): Promise<void> {
  for (const { name } of Deno.readDirSync(folder)) {
    if (name.endsWith(".ports")) await Deno.remove(join(folder, name)).catch(() => {});
  }
}
