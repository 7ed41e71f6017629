/**
 * Training of the published network (depth 12, 33³, batch 4) by two one-thread workers over NATS, against two independent
 * one-thread trainings and against one, in turn; then how much of the exchange a smaller step hides with `--prefetch`.
 */
import type { BenchContext } from "../program.ts";
import { quantile, quartiles, showQuartiles } from "../statistics.ts";
import { eachLine } from "../../engine/cluster/worker_processes.ts";
import { type MeetingPlace, openMeetingPlace } from "./meeting_place.ts";

export const description =
  "two one-thread workers over NATS against two independent trainings and against one (idle cores)";

interface Setting {
  readonly batch: number;
  readonly edge: number;
  readonly steps: number;
}

const PUBLISHED: Setting = { batch: 4, edge: 33, steps: 3 };
/** Steps that are not much longer than an exchange. */
const SHORT: Setting = { batch: 1, edge: 9, steps: 200 };
const SMALL: Setting = { batch: 1, edge: 9, steps: 3 };

export async function run(context: BenchContext): Promise<unknown> {
  const { folder, print, small } = context;
  const rounds = small ? 1 : Math.min(context.launches, 5);
  await using place = await openMeetingPlace(folder);
  place.start("load_owner.ts", place.path, "0", "0");
  const setting = small ? SMALL : PUBLISHED;
  const rates: Record<string, number[]> = { shared: [], independent: [], one: [] };
  for (let i = 0; i < rounds; i++) {
    rates.shared.push(await updatesPerSecond(place, setting, place.path, 2));
    rates.independent.push(await updatesPerSecond(place, setting, "alone", 2));
    rates.one.push(await updatesPerSecond(place, setting, "alone", 1));
    print(`round ${i}: ${Object.entries(rates).map(([k, v]) => `${k} ${v[i].toFixed(4)}`)}`);
  }
  const figures = Object.fromEntries(Object.entries(rates).map(([k, v]) => [k, quartiles(v)]));
  for (const [name, rate] of Object.entries(figures)) {
    print(`${name}: ${showQuartiles(rate, 4)} updates/s`);
  }
  const { shared, independent, one } = figures;
  const ofIndependent = shared.median / independent.median;
  const ofOne = shared.median / one.median;
  print(`two workers: ${ofIndependent.toFixed(3)} of independent, ${ofOne.toFixed(3)} of one`);
  const prefetch = await hidden(place, small ? SMALL : SHORT);
  print(
    `short steps: alone ${prefetch.aloneMs.toFixed(1)} ms, with the exchange ${
      prefetch.exchangedMs.toFixed(1)
    } ms, with --prefetch ${prefetch.prefetchedMs.toFixed(1)} ms: ${
      (100 * prefetch.share).toFixed(0)
    } % hidden`,
  );
  return { setting, updatesPerSecond: figures, ofIndependent, ofOne, prefetch };
}

/** Of `count` processes together. */
async function updatesPerSecond(
  place: MeetingPlace,
  setting: Setting,
  path: string,
  count: number,
): Promise<number> {
  const all = await launch(place, setting, path, count, false);
  return all.reduce((sum, ms) => sum + 1000 * ms.length / ms.reduce((a, b) => a + b), 0);
}

/** What of the exchange's time the second of two workers does not see; the first is there and does nothing. */
async function hidden(place: MeetingPlace, setting: Setting) {
  const median = async (path: string, prefetch: boolean) => {
    const idle = path === "alone"
      ? []
      : await begin(place, { ...setting, steps: 0 }, path, 0, false);
    const [ms] = await launch(place, setting, path, 1, prefetch);
    await Promise.all(idle.map((process) => process.end()));
    return quantile(ms, 0.5);
  };
  const aloneMs = await median("alone", false);
  const exchangedMs = await median(place.path, false);
  const prefetchedMs = await median(place.path, true);
  const share = 1 - (prefetchedMs - aloneMs) / (exchangedMs - aloneMs);
  return { aloneMs, exchangedMs, prefetchedMs, share };
}

/** Milliseconds of the steps of `count` processes that begin together. */
async function launch(
  place: MeetingPlace,
  setting: Setting,
  path: string,
  count: number,
  prefetch: boolean,
): Promise<number[][]> {
  const ranks = Array.from({ length: count }, (_, i) => i + 1);
  const started = await Promise.all(
    ranks.map((rank) => begin(place, setting, path, rank, prefetch)),
  );
  const processes = started.flat();
  const times = await Promise.all(processes.map((process) => process.go()));
  await Promise.all(processes.map((process) => process.end()));
  return times;
}

/** A process that has warmed up. */
async function begin(
  place: MeetingPlace,
  { batch, edge, steps }: Setting,
  path: string,
  rank: number,
  prefetch: boolean,
) {
  const args = [path, rank, batch, edge, steps, prefetch].map(String);
  const child = place.start("train_workers_launch.ts", ...args);
  const ready = Promise.withResolvers<void>();
  const result = Promise.withResolvers<number[]>();
  const reading = eachLine(child.stdout, (line) => {
    if (line === "ready") ready.resolve();
    else result.resolve(JSON.parse(line));
  });
  const writer = child.stdin.getWriter();
  await Promise.race([
    ready.promise,
    child.status.then(({ code }) => Promise.reject(new Error(`Cannot train: exit code ${code}`))),
  ]);
  return [{
    async go() {
      await writer.write(new Uint8Array(1));
      return await result.promise;
    },
    async end() {
      await writer.close().catch(() => {});
      await child.status;
      await reading;
    },
  }];
}
