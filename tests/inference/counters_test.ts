import { deepStrictEqual, rejects, strictEqual } from "node:assert/strict";
import { Counters } from "../../engine/inference/counters.ts";

Deno.test("Counters truncate every increment and print sorted lines (V7)", () => {
  const counters = new Counters();
  counters.increment("a", 3.9);
  counters.increment("a");
  strictEqual(counters.get("a"), 4);
  counters.set("b", 7);
  counters.set("b", 5);
  counters.increment("c", 0.7);
  strictEqual(counters.get("c"), 0);
  const printed = new Counters();
  printed.addMs("z-time-ms", 0.7);
  printed.set("b", 5);
  strictEqual(printed.toText(), "b: 5\nz-time-ms: 0\n");
});

Deno.test("Counters keep fractions of milliseconds until they are printed", () => {
  const counters = new Counters();
  for (let i = 0; i < 10; i++) counters.addMs("t-time-ms", 0.25);
  strictEqual(counters.get("t-time-ms"), 2);
});

Deno.test("Counters.time() counts calls, failing ones too", async () => {
  const counters = new Counters();
  strictEqual(await counters.time("work", () => 42), 42);
  await rejects(counters.time("work", () => Promise.reject(new RangeError("no"))), RangeError);
  strictEqual(counters.get("work-calls"), 2);
  deepStrictEqual(Object.keys(counters.toRecord()), ["work-calls", "work-time-ms"]);
});
