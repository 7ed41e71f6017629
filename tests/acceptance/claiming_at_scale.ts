/**
 * The real claiming code under many workers, on a virtual clock and files in memory; and what it costs on a real disk.
 * `FFN_BATCH_WORKERS` takes another number of workers than 10,000, `FFN_BATCH_BOXES` another number of boxes for each than
 * 100.
 */
import { join } from "node:path";
import { Batch, type BoxColumn } from "../../engine/cluster/batch.ts";
import { BoxFailures } from "../../engine/cluster/box_failures.ts";
import { BoxQueue } from "../../engine/cluster/box_queue.ts";
import { diskLeaseFiles } from "../../engine/cluster/lease_files.ts";
import { LeaseLostError, Leases } from "../../engine/cluster/leases.ts";
import { seededRandom } from "../support/random.ts";
import { SimulatedFiles, VirtualClock } from "../support/simulated_files.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "claims, heartbeats and takeovers of 10^6 boxes by 10^4 workers on a virtual clock, also on a slow file server; lease cost per box on this disk";

const WORKERS = Number(Deno.env.get("FFN_BATCH_WORKERS") ?? 10_000);
/** Boxes above each other, and boxes for each worker. */
const HEIGHT = Number(Deno.env.get("FFN_BATCH_BOXES") ?? 100);
/** Workers of the simulations of slow servers. */
const FEW_WORKERS = 100;
const FEW_HEIGHT = 10;
const LEASE_MS = 180_000;
/** Of one box, evenly spread. */
const BOX_MS = [60_000, 180_000] as const;
const LATENCY_MS = 5;
const DEATHS_PER_BOX = 0.002;
const BAR_SEC = 0.2;

/** What is simulated. */
interface Scenario {
  readonly workers: number;
  /** Boxes for each worker. */
  readonly height: number;
  /** What the file server serves at most. */
  readonly perSecond?: number;
}

/** What came of it. */
interface Outcome {
  readonly boxes: number;
  readonly hours: number;
  /** Without deaths, claims and waiting at the end. */
  readonly idealHours: number;
  readonly deaths: number;
  /** Boxes that were segmented, or begun, more than once. */
  readonly wasted: number;
  readonly publishedTwice: number;
  readonly unpublished: number;
  readonly files: SimulatedFiles;
}

export async function run({ folder, print, check }: AcceptanceContext): Promise<void> {
  const large = await simulate({ workers: WORKERS, height: HEIGHT });
  for (const line of describe(large, WORKERS)) print(line);
  for (const [second, count] of busiest(large.files.perSecond)) {
    print(`  busiest: ${count} operations in second ${second} of ${Math.ceil(large.hours * 3600)}`);
  }
  check("boxes left", large.unpublished, "0", large.unpublished === 0);
  check("boxes published twice", large.publishedTwice, "0", large.publishedTwice === 0);
  const wasted = large.wasted - large.deaths;
  check("boxes begun twice without a death", wasted, "0", wasted === 0);
  const efficiency = large.idealHours / large.hours;
  const wanted = WORKERS * HEIGHT >= 1_000_000 ? 0.9 : 0.8;
  check("throughput of the ideal", efficiency.toFixed(3), `>= ${wanted}`, efficiency >= wanted);

  // A steady run of these needs some hundred operations a second.
  for (const perSecond of [50, 10, 2, 1]) {
    const slow = await simulate({ workers: FEW_WORKERS, height: FEW_HEIGHT, perSecond });
    print(`file server of ${perSecond} operations per second:`);
    for (const line of describe(slow, FEW_WORKERS)) print(`  ${line}`);
    const { publishedTwice } = slow;
    check(`  boxes published twice`, publishedTwice, "0", publishedTwice === 0);
  }
  await leaseCost(folder, check);
}

function describe(outcome: Outcome, workers: number): string[] {
  const { boxes, hours, idealHours, deaths, wasted, files } = outcome;
  const total = Object.values(files.counts).reduce((sum, n) => sum + n, 0);
  const peak = files.perSecond.reduce((most, n) => Math.max(most, n ?? 0), 0);
  const kinds = Object.entries(files.counts).sort(([, a], [, b]) => b - a)
    .map(([kind, n]) => `${kind} ${(n / boxes).toFixed(1)}`);
  return [
    `${boxes} boxes, ${workers} workers: ${hours.toFixed(2)} h, ${
      Math.round(boxes / hours)
    } boxes per hour (${(100 * idealHours / hours).toFixed(1)} % of the ideal)`,
    `  ${deaths} deaths, ${wasted} boxes begun again, ${outcome.unpublished} given up`,
    `  ${(total / boxes).toFixed(1)} operations per box (${kinds.join(", ")}), ${
      (files.listedNames / boxes).toFixed(0)
    } names listed`,
    `  ${
      (total / hours / 3600).toFixed(0)
    } operations per second, ${peak} at most; the longest took ${
      (files.longestMs / 1000).toFixed(2)
    } s`,
  ];
}

/** The three busiest seconds, with their counts. */
function busiest(perSecond: readonly number[]): [number, number][] {
  return [...perSecond.entries()].filter(([, count]) => count !== undefined)
    .sort(([, a], [, b]) => b - a).slice(0, 3);
}

/** Remembers its columns, for which ten thousand workers ask one process again and again. */
class SharedBatch extends Batch {
  readonly #columns: BoxColumn[] = [];

  override column(number: number): BoxColumn {
    return this.#columns[number] ??= super.column(number);
  }
}

async function simulate({ workers, height, perSecond }: Scenario): Promise<Outcome> {
  const clock = new VirtualClock(LATENCY_MS);
  const files = new SimulatedFiles(clock, { latencyMs: LATENCY_MS, perSecond });
  const random = seededRandom(workers + (perSecond ?? 0));
  const width = Math.ceil(Math.sqrt(workers));
  const batch = new SharedBatch({
    outer: { start: [0, 0, 0], size: [10 * height, 10 * width, 10 * width] },
    subvolumeSize: [10, 10, 10],
    overlap: [0, 0, 0],
    ...{ includeSmall: false, backShift: false, outputDirs: ["/results"] },
  });
  const boxes = batch.boxes.count;
  const begun = new Uint8Array(boxes), published = new Uint8Array(boxes);
  let deaths = 0, lastMs = 0;
  const failures = new BoxFailures(batch.folder, files);
  const worker = async (owner: string): Promise<void> => {
    const leases = new Leases(batch.folder, {
      ...{ owner, leaseMs: LEASE_MS, files, now: () => clock.nowMs },
      onTakeover: (box, holder) =>
        failures.add(holder.id, { box, kind: "lost", message: "silent", owner: holder.owner }),
    });
    const queue = new BoxQueue(batch, leases, failures, {
      share: { rank: 0, of: 1 },
      first: Math.floor(random() * boxes),
      maxAttempts: 3,
      sleep: (ms) => clock.sleep(ms),
    });
    for (let claimed; (claimed = await queue.next()) !== null;) {
      const { index, lease } = claimed;
      begun[index]++;
      const endMs = clock.nowMs + BOX_MS[0] + random() * (BOX_MS[1] - BOX_MS[0]);
      const diesMs = random() < DEATHS_PER_BOX ? clock.nowMs + random() * BOX_MS[0] : Infinity;
      let isAlive = true, isHeld = true;
      const heart = async () => {
        for (;;) {
          await clock.sleep(LEASE_MS / 5);
          if (!isAlive || !isHeld) return;
          if (!await lease.refresh()) isHeld = false;
        }
      };
      heart();
      await clock.sleep(Math.min(endMs, diesMs) - clock.nowMs);
      if (clock.nowMs >= diesMs) {
        isAlive = false;
        deaths++;
        // The scheduler starts another one in its place.
        return await worker(`${owner}'`);
      }
      const paths = ["prob", "npz"].map((suffix) => ({
        from: `/scratch/${lease.id}/${suffix}`,
        to: batch.resultOf(index).replace(/npz$/, suffix),
      }));
      await files.makeFolder(`/scratch/${lease.id}`);
      for (const { from } of paths) await files.write(from, "");
      try {
        await lease.publish(paths);
        published[index]++;
        lastMs = clock.nowMs;
      } catch (error) {
        if (!(error instanceof LeaseLostError)) throw error;
      }
      isAlive = false;
      await files.remove(`/scratch/${lease.id}`);
      await leases.release(lease);
    }
  };
  await Promise.all([...Array.from({ length: workers }, (_, i) => worker(`w${i}`)), clock.run()]);
  const sum = (counts: Uint8Array) => counts.reduce((total, n) => total + n, 0);
  return {
    ...{ boxes, deaths, files, hours: lastMs / 3_600_000 },
    idealHours: boxes * (BOX_MS[0] + BOX_MS[1]) / 2 / workers / 3_600_000,
    wasted: sum(begun) - boxes,
    publishedTwice: published.filter((n) => n > 1).length,
    unpublished: published.filter((n) => n === 0).length,
  };
}

async function leaseCost(folder: string, check: AcceptanceContext["check"]): Promise<void> {
  const leases = new Leases(folder, { owner: "one", leaseMs: LEASE_MS });
  const count = 50;
  const startedMs = performance.now();
  for (let i = 0; i < count; i++) {
    const lease = await leases.claim(`box${i}`);
    await Deno.writeTextFile(join(folder, "result"), "result");
    await lease!.refresh();
    await lease!.publish([{ from: join(folder, "result"), to: join(folder, "x", `${i}`) }]);
    await leases.release(lease!);
  }
  const seconds = (performance.now() - startedMs) / count / 1000;
  check("lease cost per box, s", seconds.toFixed(4), `<= ${BAR_SEC}`, seconds <= BAR_SEC);
  await diskLeaseFiles.remove(join(folder, "leases"));
}
