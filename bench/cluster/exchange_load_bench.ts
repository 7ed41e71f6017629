/**
 * Many workers at once against real owners over a real server on loopback. The workers are simulated, all in this process:
 * they push random gradients as fast as they are answered. The CPU time that an update costs an owner tells where one
 * saturates that has a core for itself; on few cores the rate itself is that of this process.
 *
 * `FFN_LOADS=64x1,256x1+60` runs some loads only: workers x owners + milliseconds by which an owner's updates are slowed.
 */
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import {
  DEFAULT_MAX_PAYLOAD,
  type ExchangeConfig,
  MAX_IN_FLIGHT,
  readExchangeConfig,
  writeExchangeConfig,
} from "../../engine/cluster/exchange_config.ts";
import { openNatsExchange, readOwnerStatuses } from "../../engine/cluster/nats_exchange.ts";
import { findNatsServer, randomToken, startNatsServer } from "../../engine/cluster/nats_server.ts";
import { elementCount } from "../../engine/formats/nd_array.ts";
import type { GradientExchange } from "../../engine/training/gradient_exchange.ts";
import type { BenchContext } from "../program.ts";
import { IDENTITY, LOAD_MODEL } from "./load_model.ts";

export const description =
  "64 and 256 simulated workers against owners of parameters on loopback: updates/s, p99, memory, every push accounted for";

interface Case {
  readonly workers: number;
  readonly owners: number;
  /** By which an owner's updates are slowed. */
  readonly delayMs: number;
}

const CASES: readonly Case[] = [
  ...[1, 2, 4].map((owners) => ({ workers: 64, owners, delayMs: 0 })),
  ...[1, 2].map((owners) => ({ workers: 256, owners, delayMs: 0 })),
  ...[64, 256].map((workers) => ({ workers, owners: 1, delayMs: 60 })),
];
const SMALL: readonly Case[] = [
  { workers: 20, owners: 2, delayMs: 0 },
  { workers: 20, owners: 1, delayMs: 60 },
];

const VARIABLES = LOAD_MODEL.variables;
const BYTES = 4 * VARIABLES.reduce((sum, { shape }) => sum + elementCount(shape), 0);

const COLUMNS = [
  ...["workers", "owners", "slowed by", "updates/s", "median", "p99", "owner", "server"],
  ...["CPU of an update: owner", "server", "owner saturates at", "pushes counted"],
];

function nameOf({ workers, owners, delayMs }: Case): string {
  return `${workers}x${owners}${delayMs > 0 ? `+${delayMs}` : ""}`;
}

export async function run(context: BenchContext): Promise<unknown> {
  const { print, small } = context;
  print(`${(BYTES / 1e6).toFixed(2)} MB of gradients a push; median and p99 of pull + push`);
  const wanted = Deno.env.get("FFN_LOADS")?.split(",");
  const loads = (small ? SMALL : CASES).filter((load) => wanted?.includes(nameOf(load)) ?? true);
  if (loads.length === 0) throw new RangeError(`Cannot run ${wanted}: ${CASES.map(nameOf)}`);
  const row = (cells: readonly string[]) => print(`| ${cells.join(" | ")} |`);
  row(COLUMNS);
  row(COLUMNS.map(() => "---:"));
  const results = [];
  for (const [i, load] of loads.entries()) {
    const result = await measure(context, load, join(context.folder, `${i}`), small ? 2 : 10);
    results.push(result);
    const { answered, counted, cutOff } = result;
    row([
      ...[`${load.workers}`, `${load.owners}`, `${load.delayMs} ms`],
      ...[result.updatesPerSecond.toFixed(1), `${result.medianMs.toFixed(0)} ms`],
      ...[`${result.p99Ms.toFixed(0)} ms`, `${result.ownerMb.toFixed(0)} MB`],
      ...[`${result.serverMb.toFixed(0)} MB`, `${result.ownerCpuMs.toFixed(1)} ms`],
      ...[`${result.serverCpuMs.toFixed(1)} ms`, `${(1000 / result.ownerCpuMs).toFixed(0)}/s`],
      `${counted[0]} of ${answered}`,
    ]);
    if (counted.some((updates) => updates !== answered)) {
      throw new Error(`Cannot account for ${answered} pushes: owners counted ${counted}`);
    }
    if (cutOff.length > 0) throw new Error(`Cannot go on: ${cutOff[0]}`);
  }
  return { bytes: BYTES, results };
}

async function measure({ root }: BenchContext, load: Case, folder: string, seconds: number) {
  const cutOff: string[] = [];
  const token = randomToken();
  await using server = await startNatsServer({
    ...{ host: "127.0.0.1", token, folder, maxPayload: DEFAULT_MAX_PAYLOAD },
    program: await findNatsServer(),
    maxPending: 2 * MAX_IN_FLIGHT * DEFAULT_MAX_PAYLOAD,
    note: (line) => cutOff.push(line),
  });
  const path = join(folder, "exchange.json");
  await writeExchangeConfig(path, {
    ...{ run: "load", servers: [server.url], token, owners: load.owners },
    ...{ maxPayload: DEFAULT_MAX_PAYLOAD, lostSeconds: 60 },
  });
  const config = await readExchangeConfig(path);
  const owners = Array.from({ length: load.owners }, (_, i) =>
    new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", join(root, "bench", "cluster", "load_owner.ts")],
        ...[path, `${i}`, `${load.delayMs}`],
      ],
      ...{ stdin: "piped", stdout: "null", stderr: "inherit" },
    }).spawn());
  try {
    const pids = { owner: owners[0].pid, server: serverPid(folder) };
    const loadOf = () => ({ owner: cpuSeconds(pids.owner), server: cpuSeconds(pids.server) });
    const { times, answered, elapsed, busy } = await drive(config, load.workers, seconds, loadOf);
    const statuses = await readOwnerStatuses(config);
    const counted = statuses.map((status) =>
      status?.workers.reduce((sum, { applied }) => sum + applied, 0)
    );
    times.sort((a, b) => a - b);
    const share = (of: number) => times[Math.min(times.length - 1, Math.floor(of * times.length))];
    return {
      ...load,
      updatesPerSecond: times.length / elapsed,
      medianMs: share(0.5),
      p99Ms: share(0.99),
      ownerMb: peakMb(pids.owner),
      serverMb: peakMb(pids.server),
      // One owner's part of an update and of a pull; its inverse is where an owner saturates that has a core for itself.
      ownerCpuMs: 1000 * busy.owner / times.length,
      serverCpuMs: 1000 * busy.server / times.length,
      ...{ answered, counted, cutOff },
    };
  } finally {
    for (const owner of owners) await owner.stdin.close();
    for (const owner of owners) await owner.status;
  }
}

/** Lets workers push for some seconds after they have all joined and one round of them has warmed up. */
async function drive(
  config: ExchangeConfig,
  count: number,
  seconds: number,
  loadOf: () => { owner: number; server: number },
) {
  const stop = new AbortController();
  const gradients = new Map(VARIABLES.map(({ name, shape }) => [
    name,
    new Float32Array(elementCount(shape)).map(() => 1e-4 * (Math.random() - 0.5)),
  ]));
  const exchanges: GradientExchange[] = [];
  // Some at a time, as processes that start one after the other would.
  for (let worker = 0; worker < count; worker += 16) {
    exchanges.push(
      ...await Promise.all(
        Array.from({ length: Math.min(16, count - worker) }, (_, i) =>
          openNatsExchange(config, {
            ...{ worker: worker + i, identity: IDENTITY, variables: VARIABLES },
            signal: stop.signal,
          })),
      ),
    );
  }
  let times: number[] = [], answered = 0, isOver = false;
  const working = exchanges.map(async (exchange) => {
    while (!isOver) {
      const at = performance.now();
      const { stamps } = await exchange.pull();
      const { outcome } = await exchange.push(gradients, stamps, 0.5);
      if (outcome === "applied") answered++;
      times.push(performance.now() - at);
    }
  });
  while (answered < count) await setTimeout(20);
  times = [];
  const before = loadOf(), begun = performance.now();
  await setTimeout(1000 * seconds);
  // What has begun is waited for, and counts: the slowest pushes are among it.
  isOver = true;
  await Promise.all(working);
  const elapsed = (performance.now() - begun) / 1000, after = loadOf();
  for (const exchange of exchanges) await exchange[Symbol.asyncDispose]();
  const busy = { owner: after.owner - before.owner, server: after.server - before.server };
  return { times, answered, elapsed, busy };
}

/** The server is a child of the shell that watches over it. */
function serverPid(folder: string): number {
  const [name] = [...Deno.readDirSync(folder)].map((e) => e.name).filter((n) =>
    n.endsWith(".ports")
  );
  return Number(/_(\d+)\.ports$/.exec(name)![1]);
}

function peakMb(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)![1]) / 1024;
}

/** User and system time; the kernel counts hundredths of a second. */
function cpuSeconds(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\) /s, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
