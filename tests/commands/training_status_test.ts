import { match, ok, strictEqual } from "node:assert/strict";
import type { OwnerStatus, WorkerStatus } from "../../engine/cluster/owner_connection.ts";
import {
  describeTraining,
  exchangeFolder,
  readTrainingStatus,
  TrainingStatusFile,
} from "../../engine/commands/training_status.ts";
import { ffn } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const worker = (number: number, more: Partial<WorkerStatus> = {}): WorkerStatus => ({
  ...{ worker: number, name: `host.${number}`, epoch: 1, applied: 50, dropped: 0, silentMs: 10 },
  ...{ isLost: false, hasLeft: false, staleness: 1, loss: 0.25, stepsPerSecond: 4 },
  ...more,
});

const owner = (version: number, workers: readonly WorkerStatus[]): OwnerStatus => ({
  ...{ owner: 0, stamp: { incarnation: "a", version }, maxSteps: 400, workers },
});

Deno.test("ffn status tells the pace, staleness and loss of every worker of a training run", async () => {
  await using folder = await temporaryFolder();
  const file = new TrainingStatusFile(folder.path, 400);
  file.take([owner(1, [worker(0)]), null]);
  file.take([
    owner(100, [worker(0), worker(1, { isLost: true, silentMs: 90_000, stepsPerSecond: 9 })]),
    null,
  ]);
  // What comes while a file is written is told by the next look.
  while ((await readTrainingStatus(folder.path))?.step !== 100) {
    file.take([owner(100, [worker(0), worker(1, { isLost: true, silentMs: 90_000 })]), null]);
  }
  const { code, stdout } = await ffn("status", folder.path);
  strictEqual(code, 0);
  match(
    stdout,
    /^100 of 400 steps \(25.0 %\), 4.00 steps\/s, 1 min 15 s left\n1 of 2 owners answer\n/,
  );
  match(stdout, /^worker +process +state +applied +dropped +steps\/s +staleness +loss$/m);
  match(stdout, /^0 +host.0 +training +50 +0 +4.00 +1 +0.2500$/m);
  match(stdout, /^1 +host.1 +lost, silent for 1 min 30 s/m);
  await file.close();
  const watched = await ffn("status", folder.path, "--watch", "--json");
  const last = JSON.parse(watched.stdout);
  strictEqual(last.isRunning, false);
  match(describeTraining(last, Date.now()), /, stopped\n/);
  match(
    describeTraining({ ...last, step: 400 }, Date.now()),
    /^400 of 400 steps \(100.0 %\), done/,
  );
});

Deno.test("describeTraining() says that a launcher fell silent", () => {
  const text = describeTraining({
    ...{ time: 0, isRunning: true, step: 3, maxSteps: 9, stepsPerSecond: 1 },
    ...{ owners: { count: 1, answering: 1 }, workers: [worker(0, { stepsPerSecond: null })] },
  }, 120_000);
  match(text, /^3 of 9 steps \(33.3 %\), no word for 2 min 0 s\n/);
});

Deno.test("TrainingStatusFile survives a folder that cannot be written", async () => {
  await using folder = await temporaryFolder();
  await Deno.writeTextFile(exchangeFolder(folder.path), "a file where a folder should be");
  const file = new TrainingStatusFile(folder.path, 10);
  file.take([owner(1, [worker(0)])]);
  await file.close();
  ok(await readTrainingStatus(folder.path) === null);
});
