/** `ffn train --workers N`: processes that die, are asked to stop, and go on. */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout } from "node:timers/promises";
import { flagOf } from "../../engine/commands/command.ts";
import { newestStep, readTrainingStatus } from "../../engine/commands/training_status.ts";
import { loadNewest } from "../../engine/training/checkpoint_store.ts";
import { testWith } from "../support/resources.ts";
import type { TemporaryFolder } from "../support/temporary_folder.ts";
import { killProcesses, processesWith } from "../support/training_processes.ts";
import { flags, prepared, train } from "../support/training_run.ts";

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));

function start(folder: TemporaryFolder, more: Record<string, unknown>): Deno.ChildProcess {
  const values = { ...flags(folder), threads: 1, replicaStepDelay: 0, ...more };
  return new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", CLI, "train"],
      ...Object.entries(values).map(([name, value]) => `${flagOf(name)}=${value}`),
    ],
    ...{ stdout: "piped", stderr: "piped" },
  }).spawn();
}

async function outputOf(child: Deno.ChildProcess) {
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** Waits until a run has come so far. */
async function reached(run: string, step: number): Promise<void> {
  for (let round = 0; (await readTrainingStatus(run).catch(() => null))?.step! < step; round++) {
    ok(round < 600, `step ${step} was not reached`);
    await setTimeout(50);
  }
}

/** Waits until a run is further than it was. */
async function goesOn(run: string): Promise<void> {
  await reached(run, (await readTrainingStatus(run))!.step + 1);
}

/** Waits until there is a status at all. */
async function begun(run: string): Promise<void> {
  for (let round = 0; await readTrainingStatus(run).catch(() => null) === null; round++) {
    ok(round < 1200, "the run did not begin");
    await setTimeout(50);
  }
}

async function sumOfCounts(run: string): Promise<number> {
  const { counts = {} } = (await loadNewest(run))!.state!.json as {
    counts?: Record<string, number>;
  };
  return Object.values(counts).reduce((sum, n) => sum + n, 0);
}

testWith(
  "nats",
  "ffn train --workers goes on when a worker, the server and the owner are killed",
  async () => {
    await using folder = await prepared();
    const run = folder.of("run"), own = `--train-dir=${run}`;
    const every = 100;
    const child = start(folder, {
      ...{ workers: 2, maxSteps: 1_000_000, checkpointEverySteps: every, lostSeconds: 2 },
    });
    const output = outputOf(child);
    await begun(run);
    strictEqual(killProcesses(own, "--job-name=worker", "--task=1"), 1);
    await goesOn(run);
    ok(killProcesses(join(run, ".exchange", "nats.conf")) > 0);
    await goesOn(run);
    strictEqual(killProcesses(own, "--job-name=ps"), 1);
    // What was being saved at that moment may still come.
    const saved = (await newestStep(run))! + every;
    for (let round = 0; (await newestStep(run))! <= saved; round++) {
      ok(round < 600, "the run did not go on with another owner");
      await setTimeout(100);
    }
    child.kill("SIGTERM");
    const { code, stderr } = await output;
    strictEqual(code, 143, stderr);
    match(stderr, /^worker 1 ended with exit code 137/m);
    match(stderr, /^nats-server ended with exit code 137; it is started again$/m);
    match(stderr, /^owner 0 ended with exit code 137/m);
    strictEqual(await sumOfCounts(run), await newestStep(run));
    deepStrictEqual(processesWith(own), []);
  },
);

testWith("nats", "ffn train --workers saves when it is asked to stop, and goes on", async () => {
  await using folder = await prepared();
  const run = folder.of("run"), own = `--train-dir=${run}`;
  const child = start(folder, { workers: 2, maxSteps: 100_000, numPs: 2 });
  const output = outputOf(child);
  await begun(run);
  await reached(run, 20);
  await rejects(
    train({ ...flags(folder), workers: 1, launch: "local" }),
    /a run is under way there; see ffn status/,
  );
  child.kill("SIGTERM");
  const { code, stderr } = await output;
  strictEqual(code, 143, stderr);
  deepStrictEqual(processesWith(own), []);
  // Whoever goes on would wait for a server that has ended.
  await rejects(Deno.stat(join(run, ".exchange", "exchange.json")), Deno.errors.NotFound);
  const saved = (await newestStep(run))!;
  ok(saved >= 20, `${saved}`);
  strictEqual(await sumOfCounts(run), saved);
  const again = await outputOf(start(folder, { workers: 1, maxSteps: saved + 30, numPs: 2 }));
  strictEqual(again.code, 0, again.stderr);
  strictEqual(await newestStep(run), saved + 30);
  strictEqual(await sumOfCounts(run), saved + 30);
});
