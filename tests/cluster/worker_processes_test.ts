import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { superviseWorkers } from "../../engine/cluster/worker_processes.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const worker = (name: string, ...args: string[]) => ({ name, args, env: { MARK: name } });

Deno.test("superviseWorkers() starts again what dies, a few times, and not what makes no sense", async () => {
  const deaths: string[] = [], lines: string[] = [], notes: string[] = [];
  const gaveUp = await superviseWorkers(
    [worker("good", "--version"), worker("dying", "status", "nothing"), worker("wrong", "--no")],
    {
      signal: new AbortController().signal,
      print: (line) => lines.push(line),
      note: (line) => notes.push(line),
      onDeath: (name) => Promise.resolve(void deaths.push(name)),
    },
  );
  deepStrictEqual(gaveUp, ["dying", "wrong"]);
  deepStrictEqual(deaths.sort(), ["dying", "dying", "dying", "wrong"]);
  strictEqual(lines.length, 1);
  match(lines[0], /^ffn \d/);
  ok(notes.some((note) => /^dying: ffn status: Cannot find a batch/.test(note)));
  ok(notes.includes("wrong ended with exit code 2"));
});

Deno.test("superviseWorkers() starts nobody after the signal", async () => {
  const stop = new AbortController();
  stop.abort(new Error("asked to stop"));
  const refuse = () => ok(false);
  const watch = { signal: stop.signal, print: refuse, note: refuse };
  await rejects(superviseWorkers([worker("late", "--version")], watch), /asked to stop/);
});

Deno.test("superviseWorkers() waits for all it has asked to stop, by the end of their input where they want that", async () => {
  await using folder = await temporaryFolder();
  // A worker that notes what it gets, and takes its time to end.
  const program = `
    const note = (text) => Deno.writeTextFileSync("${folder.of("noted")}", text, { append: true });
    Deno.addSignalListener("SIGTERM", () => note("signal;"));
    console.log("begun");
    for await (const _ of Deno.stdin.readable);
    note("input;");
    await new Promise((done) => setTimeout(done, 300));
    note("ended;");
    Deno.exit(1);
  `;
  await Deno.writeTextFile(folder.of("worker.ts"), program);
  const stop = new AbortController();
  const log = folder.of("logs", "patient.log");
  const supervision = superviseWorkers([
    {
      // The words after these are left to `sh`, which does not look at them.
      ...{ name: "patient", args: [], env: {}, followsInput: true, log },
      starter: () => ["sh", "-c", `exec "$1" run -A ${folder.of("worker.ts")}`, "sh"],
    },
  ], { signal: stop.signal, print: () => ok(false), note: () => {} });
  while (!await Deno.readTextFile(log).then((text) => text === "begun\n", () => false)) {
    await setTimeout(20);
  }
  stop.abort(new Error("asked to stop"));
  await rejects(supervision, /asked to stop/);
  strictEqual(await Deno.readTextFile(folder.of("noted")), "input;ended;");
});

Deno.test("superviseWorkers() does not count deaths after a long life, and says what a logged worker said last", async () => {
  const notes: string[] = [], gaveUp: string[] = [], starts: number[] = [];
  await using folder = await temporaryFolder();
  await superviseWorkers([
    {
      ...{ name: "short", args: ["status", "nothing"], env: {}, log: folder.of("short.log") },
      starter(count) {
        starts.push(count);
        // Ends well at the fifth start.
        return count < 4 ? [] : ["true"];
      },
    },
  ], {
    ...{ signal: new AbortController().signal, print: () => {}, longLifeMs: 0 },
    note: (line) => notes.push(line),
    onGiveUp: (name) => gaveUp.push(name),
  });
  deepStrictEqual([starts, gaveUp], [[0, 1, 2, 3, 4], []]);
  match(notes[0], /^short ended with exit code 1: ffn status: Cannot find a batch/);
  match(await Deno.readTextFile(folder.of("short.log")), /(Cannot find a batch[^]*){4}/);
});

Deno.test("superviseWorkers() does not take the loss of a node for a good end", async () => {
  const notes: string[] = [];
  // What srun says, and its exit code.
  const lost = ["sh", "-c", "echo 'srun: error: Node failure on n4' >&2"];
  const gaveUp = await superviseWorkers([
    { name: "node n4", args: [], env: {}, starter: (starts) => starts < 3 ? lost : ["true"] },
  ], { signal: new AbortController().signal, print: () => {}, note: (line) => notes.push(line) });
  deepStrictEqual(gaveUp, ["node n4"]);
  strictEqual(notes.filter((note) => note === "node n4 ended with exit code 1").length, 3);
});
