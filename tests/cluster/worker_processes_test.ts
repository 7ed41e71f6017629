import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert/strict";
import { superviseWorkers } from "../../engine/cluster/worker_processes.ts";

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
