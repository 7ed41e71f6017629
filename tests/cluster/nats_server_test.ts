import { match, ok, rejects, strictEqual } from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import {
  findNatsServer,
  type NatsServerOptions,
  randomToken,
  startNatsServer,
} from "../../engine/cluster/nats_server.ts";
import { testWith } from "../support/resources.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary_folder.ts";

const TOKEN = randomToken();

const options = (folder: TemporaryFolder, more: Partial<NatsServerOptions> = {}) => ({
  host: "127.0.0.1",
  token: TOKEN,
  maxPayload: 1 << 20,
  maxPending: 1 << 26,
  folder: folder.of("server"),
  note: () => {},
  ...more,
});

/** What a server says to a client that has sent its first words: `+OK`, `PONG` or `-ERR …`. */
async function ask(port: number, connect: Record<string, unknown>): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const words = `CONNECT ${JSON.stringify({ verbose: false, ...connect })}\r\nPING\r\n`;
  await connection.write(new TextEncoder().encode(words));
  let text = "";
  for await (const part of connection.readable.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (/PONG|-ERR/.test(text)) return text;
  }
  return text;
}

/** Local addresses on which something listens on a port, as the kernel writes them: IPv4 is little-endian hexadecimal. */
async function listeners(port: number): Promise<string[]> {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const tables = await Promise.all(
    ["tcp", "tcp6"].map((name) => Deno.readTextFile(`/proc/net/${name}`)),
  );
  return tables.flatMap((text) =>
    text.split("\n").map((line) => line.trim().split(/\s+/))
      .filter(([, local, , state]) => state === "0A" && local.endsWith(`:${hex}`))
      .map(([, local]) => local.split(":")[0])
  );
}

testWith("nats", "startNatsServer() lets in whoever has the token and nobody else", async () => {
  await using folder = await temporaryFolder();
  await using server = await startNatsServer(options(folder));
  match(server.version, /^\d+\.\d+/);
  strictEqual(server.url, `nats://127.0.0.1:${server.port}`);
  match(await ask(server.port, { auth_token: TOKEN }), /PONG/);
  match(await ask(server.port, { auth_token: `${TOKEN}0` }), /-ERR 'Authorization Violation'/);
  match(await ask(server.port, {}), /-ERR 'Authorization Violation'/);
  match(await ask(server.port, { auth_token: "" }), /-ERR 'Authorization Violation'/);
});

testWith(
  "nats",
  "startNatsServer() listens on the one address it was told, and hides the token",
  async () => {
    await using folder = await temporaryFolder();
    await using server = await startNatsServer(options(folder));
    strictEqual((await listeners(server.port)).join(), "0100007F");
    const { mode } = await Deno.stat(folder.of("server", "nats.conf"));
    strictEqual((mode! & 0o777).toString(8), "600");
    const processes = await new Deno.Command("ps", { args: ["axww", "-o", "args"] }).output();
    ok(!new TextDecoder().decode(processes.stdout).includes(TOKEN));
  },
);

testWith(
  "nats",
  "startNatsServer() says which port is taken and which host is not here",
  async () => {
    await using folder = await temporaryFolder();
    await using first = await startNatsServer(options(folder));
    const { port } = first;
    await rejects(startNatsServer(options(folder, { port, folder: folder.of("second") })), {
      name: "UnsupportedError",
      message:
        `Cannot start nats-server on 127.0.0.1:${port}: the port is taken; give another one with --nats-port, or none for one that is free`,
    });
    await rejects(startNatsServer(options(folder, { host: "192.0.2.1" })), {
      message:
        'Cannot start nats-server on "192.0.2.1": that is no address of this machine; give one with --nats-host',
    });
    await rejects(startNatsServer(options(folder, { token: "short" })), /32 characters or more/);
  },
);

testWith(
  "nats",
  "startNatsServer() may take the port again that a server had that died",
  async () => {
    await using folder = await temporaryFolder();
    const first = await startNatsServer(options(folder));
    await first[Symbol.asyncDispose]();
    await rejects(Deno.connect({ hostname: "127.0.0.1", port: first.port }));
    await using second = await startNatsServer(options(folder, { port: first.port }));
    strictEqual(second.port, first.port);
  },
);

testWith("nats", "startNatsServer() leaves nothing behind when its starter is killed", async () => {
  await using folder = await temporaryFolder();
  const program = `
    import { startNatsServer } from "${new URL(
    "../../engine/cluster/nats_server.ts",
    import.meta.url,
  )}";
    const server = await startNatsServer({
      ...${JSON.stringify(options(folder))},
      note: () => {},
    });
    console.log(server.port);
    await new Promise((done) => setTimeout(done, 60_000));
  `;
  await Deno.writeTextFile(folder.of("starter.ts"), program);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-lock", folder.of("starter.ts")],
    ...{ stdout: "piped", stderr: "null" },
  }).spawn();
  let port = NaN;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    port = Number(text);
    break;
  }
  match(await ask(port, { auth_token: TOKEN }), /PONG/);
  child.kill("SIGKILL");
  await child.status;
  for (let round = 0; (await listeners(port)).length > 0; round++) {
    ok(round < 100, "the server still listens");
    await setTimeout(50);
  }
});

testWith("nats", "startNatsServer() tells how a server ended", async () => {
  await using folder = await temporaryFolder();
  await using server = await startNatsServer(options(folder));
  const [pid] = (await new Deno.Command("pgrep", {
    args: ["-f", `^\\S*nats-server -c ${folder.of("server", "nats.conf")}`],
  }).output().then(({ stdout }) => new TextDecoder().decode(stdout))).trim().split("\n");
  Deno.kill(Number(pid), "SIGKILL");
  strictEqual(await server.ended, 137);
});

Deno.test("findNatsServer() says how to get the server", async () => {
  await rejects(findNatsServer("/nowhere/nats-server"), {
    name: "NotFoundError",
    message: /no program "\/nowhere\/nats-server" there; get it with "apt-get install nats-server"/,
  });
  await rejects(findNatsServer("no-such-server"), /no program "no-such-server" on PATH/);
});
