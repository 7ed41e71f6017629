/** What only an exchange between processes can get wrong. */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { openWasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { Credits } from "../../engine/cluster/credits.ts";
import {
  type ExchangeConfig,
  readExchangeConfig,
  writeExchangeConfig,
} from "../../engine/cluster/exchange_config.ts";
import { decodeFloats, encodeFloats } from "../../engine/cluster/exchange_frames.ts";
import { connectToServer, ownerSubject } from "../../engine/cluster/nats_connection.ts";
import { openNatsExchange } from "../../engine/cluster/nats_exchange.ts";
import { variablesOf } from "../../engine/cluster/owner_shards.ts";
import { ParameterOwner } from "../../engine/cluster/parameter_owner.ts";
import { serveOwner } from "../../engine/cluster/serve_owner.ts";
import { elementCount } from "../../engine/formats/nd_array.ts";
import { IDENTITY, MODEL, openRun } from "../support/exchange_places.ts";
import { seededRandom } from "../support/random.ts";
import { testWith } from "../support/resources.ts";
import { smallModel } from "../support/small_networks.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

/** More than 64 KiB of variables. */
const LARGER = smallModel([7, 7, 7], [2, 2, 2], 3, 16);
const { signal } = new AbortController();

function gradientsOf(model: typeof MODEL, value: number): Map<string, Float32Array> {
  return new Map(
    model.variables.map((
      { name, shape },
    ) => [name, new Float32Array(elementCount(shape)).fill(value)]),
  );
}

testWith("nats", "parameters and gradients over max_payload travel in parts", async () => {
  const optimizer = { name: "sgd", learningRate: 1 } as const;
  await using run = await openRun({ model: LARGER, maxPayload: 65_536, optimizer }, true);
  const exchange = await run.join(0);
  const before = await exchange.pull();
  strictEqual(
    (await exchange.push(gradientsOf(LARGER, 0.25), before.stamps, 1)).outcome,
    "applied",
  );
  const { values } = await exchange.pull();
  for (const { name } of LARGER.variables) {
    deepStrictEqual(values.get(name), before.values.get(name)!.map((v) => v - 0.25));
  }
  const { variables } = await exchange.state();
  deepStrictEqual(variables.get(LARGER.variables[0].name)!.shape, LARGER.variables[0].shape);
});

Deno.test("a push that is repeated is answered and not applied again", async () => {
  await using run = await openRun({}, false);
  const [owner] = run.owners;
  const join = { worker: 1, name: "w", identity: IDENTITY, epoch: null };
  const { epoch } = await owner.join(join);
  const { stamp, values } = await owner.pull({ worker: 1, epoch, after: null });
  const push = { worker: 1, epoch, sequence: 1, stamp, loss: 1, values };
  strictEqual((await owner.push(push)).stamp.version, 1);
  deepStrictEqual((await owner.push(push)).outcome, "applied");
  strictEqual(owner.version, 1);
  await owner.push({ ...push, sequence: 2 });
  strictEqual(owner.version, 2);
});

testWith(
  "nats",
  "openNatsExchange() names a wrong token and a server of short messages, and waits for a server until it is told to stop",
  async () => {
    await using run = await openRun({}, true);
    const options = { worker: 0, identity: IDENTITY, variables: MODEL.variables, signal };
    await rejects(
      openNatsExchange({ ...run.config!, token: "wrong" }, options),
      /the server does not take the token of the exchange configuration/,
    );
    await rejects(
      openNatsExchange({ ...run.config!, maxPayload: 2 ** 21 }, options),
      /max_payload must be at least that of the exchange configuration, 2097152 bytes, current value is 1048576/,
    );
    const stop = AbortSignal.timeout(700);
    await rejects(
      openNatsExchange({ ...run.config!, servers: ["nats://127.0.0.1:1"] }, {
        ...options,
        signal: stop,
      }),
      { name: "TimeoutError" },
    );
  },
);

testWith("nats", "float16 on the wire loses digits, not updates", async () => {
  const optimizer = { name: "sgd", learningRate: 1 } as const;
  await using run = await openRun({ wire: "float16", optimizer }, true);
  const exchange = await run.join(0);
  const { stamps } = await exchange.pull();
  // Far below the least float16.
  await exchange.push(gradientsOf(MODEL, 3e-9), stamps, 1);
  const { variables } = await exchange.state();
  const [bias] = variables.get("seed_update/conv0_a/biases")!.data as Float32Array;
  ok(Math.abs(bias + 3e-9) < 3e-9 * 2 ** -11, `${bias}`);
});

testWith(
  "nats",
  "a worker goes on with an owner that was replaced, which drops gradients from before",
  async () => {
    await using run = await openRun({ owners: 2 }, true);
    const config = run.config as ExchangeConfig;
    const exchange = await run.join(2);
    const old = await exchange.pull();
    await exchange.push(gradientsOf(MODEL, 0.1), old.stamps, 1);
    strictEqual((await exchange.pull()).globalStep, 1);
    // The first owner comes back from a checkpoint; the second goes back to it too, and the old first one ends.
    const { initial, optimizer } = run;
    await using backend = await openWasmBackend({ threads: 1 });
    await using again = await ParameterOwner.open({
      ...{ index: 0, owners: 2, variables: MODEL.variables, optimizer, initial, backend },
      ...{ identity: IDENTITY, rule: {}, maxSteps: 9, lostSeconds: 30 },
    });
    const stop = new AbortController();
    const served = serveOwner(again, 0, config, stop.signal).catch(() => {});
    for (let i = 0; i < 100 && run.owners[1].version > 0; i++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    strictEqual(run.owners[1].version, 0);
    deepStrictEqual(await exchange.push(gradientsOf(MODEL, 0.1), old.stamps, 1), {
      outcome: "stale",
      globalStep: 0,
    });
    const { stamps } = await exchange.pull();
    strictEqual((await exchange.push(gradientsOf(MODEL, 0.1), stamps, 1)).globalStep, 1);
    ok(run.notes.includes("Cannot go on as owner 0: another process has taken its place"));
    stop.abort();
    await served;
  },
);

testWith("nats", "a worker asks again while the server is started again", async () => {
  await using run = await openRun({}, true);
  const exchange = await run.join(0);
  const { stamps } = await exchange.pull();
  const restarted = run.restartServer!(), begun = performance.now();
  // One after the other, so that some are asked while there is no server.
  for (let i = 1; i <= 20; i++) {
    strictEqual((await exchange.push(gradientsOf(MODEL, 0.1), stamps, 1)).globalStep, i);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await restarted;
  strictEqual((await exchange.pull()).globalStep, 20);
  // What was lost with the server is not waited for.
  ok(performance.now() - begun < 15_000);
});

testWith("nats", "a worker does not wait for the answer of an owner that died", async () => {
  await using run = await openRun({}, true);
  const config = { ...run.config!, run: "again" }, [owner] = run.owners;
  const serve = () => {
    const stop = new AbortController();
    const served = serveOwner(owner, 0, config, stop.signal).catch(() => {});
    return () => (stop.abort(), served);
  };
  const stopFirst = serve();
  const worker = { worker: 0, identity: IDENTITY, variables: MODEL.variables, signal };
  await using exchange = await openNatsExchange(config, worker);
  await stopFirst();
  // It takes a request and says nothing, as one does that is killed.
  const connection = await connectToServer(config, "test", signal);
  const taken = Promise.withResolvers<void>();
  const dying = connection.subscribe(ownerSubject(config, 0), { callback: () => taken.resolve() });
  await connection.flush();
  const begun = performance.now(), pulled = exchange.pull();
  await taken.promise;
  await dying.drain();
  const stopSecond = serve();
  strictEqual((await pulled).globalStep, 0);
  ok(performance.now() - begun < 15_000);
  await stopSecond();
  await connection.close();
});

Deno.test("Credits gives turns in the order in which they were asked for", async () => {
  const credits = new Credits(2);
  ok(await credits.take(1, 1000));
  ok(await credits.take(2, 1000));
  ok(await credits.take(1, 1000));
  const third = credits.take(3, 1000);
  const fourth = credits.take(4, 20);
  strictEqual(await fourth, false);
  credits.giveBack(1);
  strictEqual(await third, true);
  credits.giveBack(2);
  strictEqual(await credits.take(4, 1000), true);
});

Deno.test("variablesOf() deals out every variable once, in parts of about the same size", () => {
  const { variables } = smallModel([9, 9, 9], [2, 2, 2], 6, 8);
  const parts = [0, 1, 2].map((i) => variablesOf(variables, 3, i));
  deepStrictEqual(
    parts.flat().map(({ name }) => name).sort(),
    variables.map(({ name }) => name).sort(),
  );
  const sizes = parts.map((part) => part.reduce((sum, { shape }) => sum + elementCount(shape), 0));
  ok(Math.max(...sizes) < 1.4 * Math.min(...sizes), sizes.join());
});

Deno.test("encodeFloats() keeps eleven digits of two in float16 over eight decades", () => {
  const random = seededRandom(3);
  const values = Float32Array.from(
    { length: 500 },
    () => (random() < 0.5 ? -1 : 1) * 10 ** (-8 * random()),
  );
  const { content, factor } = encodeFloats(values, "float16");
  const back = decodeFloats(new Uint8Array(content), "float16", factor);
  strictEqual(content.length, 1000);
  const worst = Math.max(...values.map((v, i) => Math.abs(back[i] - v) / Math.abs(v)));
  ok(worst <= 2 ** -11, `${worst}`);
});

Deno.test("readExchangeConfig() gives back what was written for its owner only, and names what is wrong", async () => {
  await using folder = await temporaryFolder();
  const config = {
    ...{ run: "a-1", servers: ["nats://127.0.0.1:4222"], token: "secret" },
    ...{ owners: 2, maxPayload: 2 ** 20, lostSeconds: 60 },
  };
  const path = folder.of("exchange.json");
  await writeExchangeConfig(path, config);
  deepStrictEqual(await readExchangeConfig(path), config);
  strictEqual((await Deno.stat(path)).mode! & 0o777, 0o600);
  const wrong: [object, RegExp][] = [
    [
      { maxPayload: 1000 },
      /"max_payload" must be a number of bytes from 65536 on, current value is 1000/,
    ],
    [{ owners: 0 }, /"owners" must be a number from 1 on, current value is 0/],
    [{ servers: ["4222"] }, /"servers" must be a list of addresses nats:\/\/host:port/],
    [{ token: "" }, /"token" must be a text, current value is string/],
  ];
  for (const [change, message] of wrong) {
    await writeExchangeConfig(path, { ...config, ...change });
    await rejects(readExchangeConfig(path), message);
  }
});
