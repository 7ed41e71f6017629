/** `ffn train` as the processes of one run, all in this one, over a real nats-server. */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { readOwnerStatuses } from "../../engine/cluster/nats_exchange.ts";
import { loadNewest } from "../../engine/training/checkpoint_store.ts";
import type { SavedState } from "../../engine/training/example_stream.ts";
import { meetingPlace } from "../support/meeting_place.ts";
import { testWith } from "../support/resources.ts";
import type { TemporaryFolder } from "../support/temporary_folder.ts";
import { flags, prepared, train } from "../support/training_run.ts";

const read = async (folder: TemporaryFolder, run: string, step: number) =>
  await Deno.readFile(folder.of(run, `model.ckpt-${step}.data-00000-of-00001`));

testWith(
  "nats",
  "ffn train with one worker over two owners leaves the checkpoint that one process leaves, byte for byte",
  async () => {
    await using folder = await prepared();
    await using _place = await meetingPlace(folder, 2);
    const notes: string[] = [];
    const values = (more: Record<string, unknown>) => flags(folder, { threads: 1, ...more });
    await train(values({ trainDir: folder.of("alone") }));
    const role = (jobName: string, task: number) => {
      const more = { jobName, task, exchange: folder.of("exchange.json"), psHosts: "a:2220" };
      return train(values(more), (line) => notes.push(line));
    };
    await Promise.all([role("ps", 0), role("ps", 1), role("worker", 0)]);
    deepStrictEqual(await read(folder, "run", 6), await read(folder, "alone", 6));
    ok(
      notes.includes(
        "--ps-hosts has no effect: owners of parameters are reached over the server that --exchange names",
      ),
    );
  },
);

testWith(
  "nats",
  "ffn train with several workers counts every update once, and goes on from its checkpoint",
  async () => {
    await using folder = await prepared();
    await using place = await meetingPlace(folder, 1);
    const exchange = folder.of("exchange.json");
    const role = (
      jobName: string,
      task: number,
      maxSteps: number,
      more = {},
      signal?: AbortSignal,
    ) =>
      train(
        flags(folder, {
          jobName,
          task,
          exchange,
          maxSteps,
          threads: 1,
          replicaStepDelay: 2,
          ...more,
        }),
        undefined,
        signal,
      );
    const countsOf = async () => {
      const { state, variables } = (await loadNewest(folder.of("run")))!;
      const { counts } = state!.json as SavedState;
      const sum = Object.values(counts!).reduce((a, b) => a + b, 0);
      strictEqual(sum, Number(variables.get("global_step")!.data[0]));
      return counts!;
    };
    await Promise.all([role("ps", 0, 12), role("worker", 0, 12), role("worker", 1, 12)]);
    const first = await countsOf();
    ok(first[0] > 0 && first[0] + (first[1] ?? 0) === 12, JSON.stringify(first));
    strictEqual((await readOwnerStatuses(place.config))[0], null);
    await Promise.all([role("ps", 0, 16), role("worker", 0, 16, { prefetch: true })]);
    const then = await countsOf();
    strictEqual(then[0], first[0] + 4);
    const stop = new AbortController();
    const owner = role("ps", 0, 20, {}, stop.signal);
    await rejects(
      role("worker", 1, 20, { learningRate: 0.5 }),
      /Cannot join as worker 1: all processes of a run must have the same --learning-rate, current is 0.5, the owner has default/,
    );
    stop.abort();
    await rejects(owner, { name: "AbortError" });
  },
);
