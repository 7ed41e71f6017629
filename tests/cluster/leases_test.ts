import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert/strict";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { LeaseLostError, Leases } from "../../engine/cluster/leases.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";

const exists = (path: string) => Deno.stat(path).then(() => true, () => false);

Deno.test("Leases.claim() gives a piece of work to one of many at once", async () => {
  await using folder = await temporaryFolder();
  const workers = Array.from(
    { length: 20 },
    (_, i) => new Leases(folder.path, { owner: `w${i}`, leaseMs: 60_000 }),
  );
  for (const name of ["a", "b", "c"]) {
    const leases = await Promise.all(workers.map((worker) => worker.claim(name)));
    strictEqual(leases.filter((lease) => lease !== null).length, 1);
    const winner = leases.findIndex((lease) => lease !== null);
    strictEqual((await workers[0].holder(name))?.owner, `w${winner}`);
  }
  deepStrictEqual((await workers[0].list()).map(({ name }) => name), ["a", "b", "c"]);
});

Deno.test("Leases.release() lets the next one claim and leaves nothing", async () => {
  await using folder = await temporaryFolder();
  const [one, two] = ["one", "two"].map((owner) =>
    new Leases(folder.path, { owner, leaseMs: 60_000 })
  );
  const lease = await one.claim("box");
  strictEqual(await two.claim("box"), null);
  await one.release(lease!);
  ok(!await lease!.refresh());
  ok(await two.claim("box"));
  deepStrictEqual([...Deno.readDirSync(folder.of("dropped"))], []);
  deepStrictEqual([...Deno.readDirSync(folder.of("prepared"))], []);
});

Deno.test("Leases.claim() takes over what is silent, and one of many does", async () => {
  await using folder = await temporaryFolder();
  const silent = await new Leases(folder.path, { owner: "silent", leaseMs: 100 }).claim("box");
  const taken: string[] = [];
  const takers = Array.from({ length: 10 }, (_, i) =>
    new Leases(folder.path, {
      owner: `w${i}`,
      leaseMs: 60_000,
      onTakeover: (name, { owner }) => Promise.resolve(void taken.push(`${name} of ${owner}`)),
    }));
  strictEqual(await takers[0].claim("box"), null);
  await setTimeout(150);
  ok(await silent!.refresh());
  strictEqual(await takers[0].claim("box"), null);
  await setTimeout(150);
  const claims = await Promise.all(takers.map((taker) => taker.claim("box")));
  strictEqual(claims.filter((lease) => lease !== null).length, 1);
  deepStrictEqual(taken, ["box of silent"]);
  ok(!await silent!.refresh());
});

Deno.test("Lease.publish() refuses whoever lost the lease, at every stage of what follows", async () => {
  await using folder = await temporaryFolder();
  const orphan = await new Leases(folder.path, { owner: "orphan", leaseMs: 0 }).claim("box");
  const next = new Leases(folder.path, { owner: "next", leaseMs: 60_000 });
  const publishLate = async () => {
    await Deno.writeTextFile(folder.of("late"), "late");
    await rejects(
      orphan!.publish([{ from: folder.of("late"), to: folder.of("result") }]),
      LeaseLostError,
    );
  };
  await setTimeout(20);
  const holder = await next.holder("box");
  ok(await next.takeOver("box", holder!));
  await publishLate();
  const lease = await next.claim("box");
  await publishLate();
  await Deno.writeTextFile(folder.of("good"), "good");
  await lease!.publish([{ from: folder.of("good"), to: folder.of("deep", "result") }]);
  await publishLate();
  await next.release(lease!);
  await publishLate();
  strictEqual(await Deno.readTextFile(folder.of("deep", "result")), "good");
  ok(!await exists(folder.of("result")));
  // Somebody who looked before the lease changed hands cannot take it from its new holder.
  const again = await next.claim("box");
  ok(!await next.takeOver("box", holder!));
  ok(await again!.refresh());
});

Deno.test("Leases.holder() copes with damaged files", async () => {
  await using folder = await temporaryFolder();
  const leases = new Leases(folder.path, { owner: "one", leaseMs: 100 });
  const lease = await leases.claim("box");
  const file = join(folder.path, "leases", "box", lease!.id, "owner");
  for (const text of ["", "{", `{"owner": 1}`, `{"owner": "x", "leaseMs": -5}`]) {
    await Deno.writeTextFile(file, text);
    const holder = await leases.holder("box");
    deepStrictEqual([holder?.owner, holder?.leaseMs], ["unknown", 100], text);
  }
  // The file server lost it: nobody gives signs of life there.
  await Deno.remove(file);
  const other = new Leases(folder.path, { owner: "two", leaseMs: 100 });
  const taken = await other.claim("box");
  ok(taken !== null && !await lease!.refresh());
  // Killed between two steps of giving the lease back.
  await Deno.remove(join(folder.path, "leases", "box", taken.id), { recursive: true });
  ok(await leases.claim("box"));
});
