import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { Batch, joinBatch } from "../../engine/cluster/batch.ts";
import { runBatchWorker } from "../../engine/cluster/batch_worker.ts";
import { BoxFailures } from "../../engine/cluster/box_failures.ts";
import { BoxQueue } from "../../engine/cluster/box_queue.ts";
import { diskLeaseFiles } from "../../engine/cluster/lease_files.ts";
import { Leases } from "../../engine/cluster/leases.ts";
import { reviewResults } from "../../engine/cluster/review_results.ts";
import type { Runner, RunnerControl } from "../../engine/inference/runner.ts";
import { writeSubvolume } from "../support/inference_results.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary_folder.ts";

const SHARE = { rank: 0, of: 1 };

/** A batch of one box, and a worker whose network is `work`. */
async function staged(folder: TemporaryFolder, work: (scratch: string) => Promise<void>) {
  const batch = new Batch({
    outer: { start: [0, 0, 0], size: [4, 4, 4] },
    subvolumeSize: [null, null, null],
    overlap: [0, 0, 0],
    ...{ includeSmall: false, backShift: false, outputDirs: [folder.path] },
  });
  await joinBatch(batch);
  const leases = new Leases(batch.folder, { owner: "slow", leaseMs: 60_000 });
  const failures = new BoxFailures(batch.folder, diskLeaseFiles);
  const runner = {
    request: { segmentationOutputDir: folder.path, saveRaw: false },
    run: async (_: unknown, control: RunnerControl) => {
      await work(control.folder!);
      return null;
    },
  } as unknown as Runner;
  const queue = new BoxQueue(batch, leases, failures, {
    ...{ share: SHARE, first: 0, maxAttempts: 1, leaveLeased: true },
  });
  const tools = { batch, runners: [runner], leases, failures, queue, owner: "slow" };
  return { ...tools, run: () => runBatchWorker(tools, { concurrency: 1 }) };
}

Deno.test("runBatchWorker() holds no error against a box that somebody else has taken over", async () => {
  await using folder = await temporaryFolder();
  const other = new Leases(folder.of(".batch"), { owner: "other", leaseMs: 60_000 });
  const worker = await staged(folder, async () => {
    const holder = await other.holder("0_0_0");
    ok(await other.takeOver("0_0_0", holder!));
    ok(await other.claim("0_0_0"));
    throw new Deno.errors.NotFound("Cannot write: no such file");
  });
  strictEqual(await worker.run(), 0);
  deepStrictEqual(await worker.failures.boxes(), []);
});

Deno.test("runBatchWorker() notes an error of a box that it holds", async () => {
  await using folder = await temporaryFolder();
  const worker = await staged(folder, () => Promise.reject(new RangeError("Cannot draw")));
  strictEqual(await worker.run(), 0);
  deepStrictEqual((await worker.failures.of("0_0_0")).map(({ message }) => message), [
    "Cannot draw",
  ]);
});

Deno.test("LeaseFiles.remove() stands somebody who goes on writing into the folder", async () => {
  await using folder = await temporaryFolder();
  let isOver = false;
  const write = async () => {
    for (let i = 0; !isOver; i++) {
      // The folder may go away in the midst of it.
      await Deno.mkdir(folder.of("busy"), { recursive: true }).catch(() => {});
      await Deno.writeTextFile(folder.of("busy", `${i % 50}`), "").catch(() => {});
    }
  };
  const writers = [write(), write(), write()];
  for (let i = 0; i < 100; i++) await diskLeaseFiles.remove(folder.of("busy"));
  isOver = true;
  await Promise.all(writers);
  await diskLeaseFiles.remove(folder.of("busy"));
  await rejects(Deno.stat(folder.of("busy")), Deno.errors.NotFound);
});

Deno.test("reviewResults() clears away what killed workers left, and waits for those at work", async () => {
  await using folder = await temporaryFolder();
  const { batch, leases, failures } = await staged(folder, () => Promise.resolve());
  const tools = { batch, leases, failures, owner: "last" };
  const options = { share: SHARE, maxAttempts: 1 };
  const killed = new Leases(batch.folder, { owner: "killed", leaseMs: 60_000 });
  const lease = await killed.claim("0_0_0");
  await Deno.mkdir(folder.of(".batch", "scratch", lease!.id), { recursive: true });
  // At work on the only box.
  strictEqual(await reviewResults(tools, options), false);
  ok(await lease!.refresh());
  // Killed after the result was in its place.
  await writeSubvolume(folder.path, batch.boxes.at(0), new Uint8Array(64));
  strictEqual(await reviewResults(tools, options), false);
  deepStrictEqual(await leases.list(), []);
  deepStrictEqual(await failures.boxes(), []);
  await rejects(Deno.stat(folder.of(".batch", "scratch")), Deno.errors.NotFound);
  // A result that is gone is to be made again.
  await Deno.remove(batch.resultOf(0));
  strictEqual(await reviewResults(tools, options), true);
});
