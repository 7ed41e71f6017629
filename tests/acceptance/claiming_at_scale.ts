/** The real claiming code under many workers, on a virtual clock and files in memory; and what it costs on a real disk. */
import { join } from "node:path";
import { Batch } from "../../engine/cluster/batch.ts";
import { BoxFailures } from "../../engine/cluster/box_failures.ts";
import { BoxQueue } from "../../engine/cluster/box_queue.ts";
import { diskLeaseFiles } from "../../engine/cluster/lease_files.ts";
import { Leases } from "../../engine/cluster/leases.ts";
import { seededRandom } from "../support/random.ts";
import { SimulatedFiles, VirtualClock } from "../support/simulated_files.ts";
import type { AcceptanceContext } from "./program.ts";

export const description =
  "claims, heartbeats and takeovers of up to 4,096 boxes and 80 workers on a virtual clock; lease cost per box on this disk";

const SCALES = [
  { edge: 10, workers: 10 },
  { edge: 16, workers: 80 },
];
const LEASE_MS = 180_000;
/** Of one box, evenly spread. */
const BOX_MS = [60_000, 180_000] as const;
const LATENCY_MS = 1;
const DEATHS_PER_BOX = 0.002;
const BAR_SEC = 0.2;

export async function run({ folder, print, check }: AcceptanceContext): Promise<void> {
  for (const { edge, workers } of SCALES) {
    const result = await simulate(edge ** 3, edge, workers);
    const { boxes, hours, idealHours, deaths, duplicates, unfinished, counts } = result;
    const total = Object.values(counts).reduce((sum, n) => sum + n, 0);
    print(
      `${boxes} boxes, ${workers} workers: ${hours.toFixed(2)} h (${
        idealHours.toFixed(2)
      } h without loss), ${deaths} deaths, ` +
        `${(total / boxes).toFixed(1)} operations per box, ${
          (total / hours / 3600).toFixed(1)
        } per second; ` +
        Object.entries(counts).map(([kind, n]) => `${kind} ${(n / boxes).toFixed(1)}`).join(", "),
    );
    check(`boxes left, ${workers} workers`, unfinished, "0", unfinished === 0);
    check(`boxes published twice, ${workers} workers`, duplicates, "0", duplicates === 0);
  }
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

async function simulate(boxes: number, edge: number, workers: number) {
  const clock = new VirtualClock();
  const files = new SimulatedFiles(clock, LATENCY_MS);
  const random = seededRandom(boxes + workers);
  const batch = new Batch({
    outer: { start: [0, 0, 0], size: [10 * edge, 10 * edge, 10 * edge] },
    subvolumeSize: [10, 10, 10],
    overlap: [0, 0, 0],
    ...{ includeSmall: false, backShift: false, outputDirs: ["/results"] },
  });
  const published = new Map<number, number>();
  let deaths = 0, lastMs = 0;
  const worker = async (name: string, first: number): Promise<void> => {
    const leases = new Leases(batch.folder, {
      ...{ owner: name, leaseMs: LEASE_MS, files, now: () => clock.nowMs },
    });
    const failures = new BoxFailures(batch.folder, files);
    const all = Array.from({ length: boxes }, (_, i) => (i + first) % boxes);
    const queue = new BoxQueue(batch, leases, failures, {
      ...{ indices: all, maxAttempts: 3, sleep: (ms) => clock.sleep(ms) },
    });
    for (;;) {
      const claimed = await queue.next();
      if (claimed === null) return;
      const { index, lease } = claimed;
      const endMs = clock.nowMs + BOX_MS[0] + random() * (BOX_MS[1] - BOX_MS[0]);
      const diesMs = random() < DEATHS_PER_BOX ? clock.nowMs + random() * BOX_MS[0] : Infinity;
      for (let held = true; held && clock.nowMs < endMs; held = await lease.refresh()) {
        await clock.sleep(Math.min(LEASE_MS / 5, endMs - clock.nowMs));
        if (clock.nowMs >= diesMs) {
          deaths++;
          // The scheduler starts another one in its place.
          return await worker(`${name}'`, first);
        }
      }
      await files.makeFolder("/scratch");
      await files.write(`/scratch/${lease.id}`, "");
      await lease.publish([{ from: `/scratch/${lease.id}`, to: batch.resultOf(index) }]);
      published.set(index, (published.get(index) ?? 0) + 1);
      lastMs = clock.nowMs;
      await leases.release(lease);
    }
  };
  const all = Array.from(
    { length: workers },
    (_, i) => worker(`w${i}`, Math.floor(i * boxes / workers)),
  );
  await clock.run();
  await Promise.all(all);
  return {
    boxes,
    hours: lastMs / 3_600_000,
    idealHours: boxes * (BOX_MS[0] + BOX_MS[1]) / 2 / workers / 3_600_000,
    deaths,
    duplicates: [...published.values()].filter((n) => n > 1).length,
    unfinished: boxes - published.size,
    counts: files.counts,
  };
}
