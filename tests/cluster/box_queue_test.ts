import { deepStrictEqual, ok, strictEqual } from "node:assert/strict";
import { Batch } from "../../engine/cluster/batch.ts";
import { BoxFailures } from "../../engine/cluster/box_failures.ts";
import { BoxQueue, type QueueOptions } from "../../engine/cluster/box_queue.ts";
import { type Lease, Leases } from "../../engine/cluster/leases.ts";
import { seededRandom } from "../support/random.ts";
import { SimulatedFiles, VirtualClock } from "../support/simulated_files.ts";

const LEASE_MS = 100_000;

/** A batch of `counts` boxes along zyx in files of memory. */
function staged(counts: readonly [z: number, y: number, x: number]) {
  const clock = new VirtualClock();
  const files = new SimulatedFiles(clock, { latencyMs: 1 });
  const [z, y, x] = counts;
  const batch = new Batch({
    outer: { start: [0, 0, 0], size: [4 * z, 4 * y, 4 * x] },
    subvolumeSize: [4, 4, 4],
    overlap: [0, 0, 0],
    ...{ includeSmall: false, backShift: false, outputDirs: ["/results"] },
  });
  const failures = new BoxFailures(batch.folder, files);
  const worker = (owner: string, options: Partial<QueueOptions> = {}) => {
    const leases = new Leases(batch.folder, {
      ...{ owner, leaseMs: LEASE_MS, files, now: () => clock.nowMs },
    });
    const queue = new BoxQueue(batch, leases, failures, {
      ...{ share: { rank: 0, of: 1 }, first: 0, maxAttempts: 2 },
      ...{ sleep: (ms: number) => clock.sleep(ms), ...options },
    });
    const finish = async (index: number, lease: Lease) => {
      await files.write(`/s${lease.id}`, "");
      await lease.publish([{ from: `/s${lease.id}`, to: batch.resultOf(index) }]);
      await leases.release(lease);
    };
    /** Works until the queue is empty; boxes that `fails` are given back with an error. */
    const work = async (fails: (index: number) => boolean = () => false) => {
      const claimed: number[] = [];
      for (let next; (next = await queue.next()) !== null;) {
        claimed.push(next.index);
        await clock.sleep(1000);
        if (!fails(next.index)) await finish(next.index, next.lease);
        else {
          const box = batch.nameOf(next.index);
          await failures.add(next.lease.id, { box, kind: "error", message: "no", owner });
          await leases.release(next.lease);
        }
      }
      return claimed;
    };
    return { queue, leases, finish, work };
  };
  /** What comes of `work` on the virtual clock. */
  const done = async <T>(work: Promise<T>): Promise<T> => {
    const [result] = await Promise.all([work, clock.run()]);
    return result;
  };
  return { batch, files, clock, worker, done };
}

const sorted = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

Deno.test("BoxQueue.next() goes column by column from its first box, round the batch", async () => {
  const { worker, done, files } = staged([3, 2, 2]);
  // Box 6 is at z 1 of column 2; boxes 4 apart lie above each other.
  const claimed = await done(worker("one", { first: 6 }).work());
  deepStrictEqual(claimed.slice(0, 3), [6, 10, 2]);
  deepStrictEqual(sorted(claimed), upTo(12));
  for (let i = 0; i < 12; i += 3) {
    const [box] = claimed.slice(i);
    deepStrictEqual(claimed.slice(i, i + 3), [box, (box + 4) % 12, (box + 8) % 12]);
  }
  // What is noted as finished is not looked at again.
  const before = files.counts.list;
  deepStrictEqual(await done(worker("two").work()), []);
  const lists = files.counts.list - before;
  ok(lists <= 4 + 4, `${lists} listings`);
});

Deno.test("BoxQueue.next() gives every box to one of many workers", async () => {
  const { worker, done } = staged([5, 4, 3]);
  const all = upTo(7).map((i) => worker(`w${i}`, { first: 9 * i }).work());
  const claimed = await done(Promise.all(all));
  deepStrictEqual(sorted(claimed.flat()), upTo(60));
  ok(claimed.every((boxes) => boxes.length >= 5), `${claimed.map((boxes) => boxes.length)}`);
});

Deno.test("BoxQueue.next() asks the file server little, however many workers there are", async () => {
  for (const width of [4, 8]) {
    const { batch, worker, done, files, clock } = staged([20, width, width]);
    const random = seededRandom(width);
    const all = Array.from({ length: width * width }, (_, i) => {
      const first = Math.floor(random() * batch.boxes.count);
      return worker(`w${i}`, { first }).work();
    });
    strictEqual((await done(Promise.all(all))).flat().length, batch.boxes.count);
    const lists = files.counts.list / batch.boxes.count;
    ok(lists < 9, `${lists} listings per box of ${width * width} workers`);
    // That of a claim; all others are there after the first time.
    const folders = files.counts.makeFolder / batch.boxes.count;
    ok(folders < 2, `${folders} folders made per box`);
    // Twenty boxes of a second for each worker, and a wait at the end.
    ok(clock.nowMs < 32_000, `${clock.nowMs} ms`);
  }
});

Deno.test("BoxQueue.next() takes over what fell silent as soon as it has to wait", async () => {
  const { worker, done, clock } = staged([12, 2, 2]);
  strictEqual((await done(worker("silent", { first: 1 }).queue.next()))!.index, 1);
  await done(clock.sleep(LEASE_MS + 1));
  // In the columns 2, 3 and 0, to which the third one comes first.
  const holder = worker("holder").queue;
  await done((async () => {
    for (let i = 1; i < 48; i++) ok(await holder.next());
  })());
  const beforeMs = clock.nowMs;
  strictEqual((await done(worker("third", { first: 2 }).queue.next()))!.index, 1);
  ok(clock.nowMs - beforeMs < 2000, `${clock.nowMs - beforeMs} ms`);
});

Deno.test("BoxQueue.next() keeps to its share, and ends when that is finished", async () => {
  const { worker, done } = staged([3, 2, 2]);
  const share = { rank: 1, of: 5 };
  deepStrictEqual(sorted(await done(worker("one", { share }).work())), [1, 6, 11]);
  deepStrictEqual(await done(worker("two", { share }).work()), []);
});

Deno.test("BoxQueue.next() tries what failed after all others, and not for ever", async () => {
  const { worker, done } = staged([2, 2, 1]);
  const fails = (index: number) => index === 2;
  const claimed = await done(worker("one").work(fails));
  deepStrictEqual(claimed.slice(-1), [2]);
  deepStrictEqual(sorted(claimed), [0, 1, 2, 2, 3]);
  deepStrictEqual(await done(worker("two").work()), []);
});

Deno.test("BoxQueue.next() waits for what others hold and takes over what they drop, or leaves", async () => {
  const { worker, done, clock } = staged([1, 2, 2]);
  const silent = worker("silent", { first: 1 });
  strictEqual((await done(silent.queue.next()))!.index, 1);
  deepStrictEqual(sorted(await done(worker("hurried", { leaveLeased: true }).work())), [0, 2, 3]);
  ok(clock.nowMs < LEASE_MS);
  deepStrictEqual(await done(worker("patient").work()), [1]);
  // Within one pause, a twelfth of a lease, and the second of the work itself.
  ok(clock.nowMs >= LEASE_MS && clock.nowMs < LEASE_MS * 13 / 12 + 1500, `${clock.nowMs}`);
});

Deno.test("BoxQueue.next() stops waiting with the reason of the signal", async () => {
  const { worker, done } = staged([1, 1, 1]);
  await done(worker("holder").queue.next());
  const stop = new AbortController();
  const reason = new Error("stopped");
  const waiting = worker("waiting", { sleep: undefined, signal: stop.signal }).queue.next();
  setTimeout(() => stop.abort(reason), 100);
  strictEqual(await done(waiting.catch((error) => error)), reason);
});
