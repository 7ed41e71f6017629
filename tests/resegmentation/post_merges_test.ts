import { deepStrictEqual, match, rejects, throws } from "node:assert/strict";
import { plannedRequests, postMerges } from "../../engine/resegmentation/post_merges.ts";
import { DvidLabelmap } from "../../engine/volumes/dvid/labelmap.ts";
import { DvidStandIn } from "../support/dvid_stand_in.ts";

const BIG = 2n ** 63n;
const BODIES = [[1n, 2n, 3n], [6n, 7n], [BIG + 1n, BIG + 3n]];
const ALL = [...BODIES.flat(), 9n];
const QUICK = { waitsMs: [1, 1, 1] };

Deno.test("postMerges() merges each body once, with exact ids", async () => {
  await using server = await DvidStandIn.start(ALL);
  const labelmap = new DvidLabelmap(server.url, { user: "somebody" });
  const posted = await postMerges(labelmap, BODIES, QUICK);
  deepStrictEqual(posted, { merged: 3, before: 0, conflicts: [] });
  deepStrictEqual(server.merges, ["[1,2,3]", "[6,7]", `[${BIG + 1n},${BIG + 3n}]`]);
  deepStrictEqual(server.bodies.get(BIG + 3n), BIG + 1n);
  deepStrictEqual(server.requests[0], "GET mapping ffn");
  // The same again sends nothing.
  deepStrictEqual(await postMerges(labelmap, BODIES, QUICK), {
    ...{ merged: 3, before: 3, conflicts: [] },
  });
  deepStrictEqual(server.merges.length, 3);
});

Deno.test("postMerges() survives errors of the server and answers that are lost", async () => {
  await using server = await DvidStandIn.start(ALL);
  server.troubles.push(
    { status: 503, text: "busy" },
    { hangUp: true, merged: true },
    { status: 500, text: "disk" },
    { hangUp: true, merged: false },
  );
  const labelmap = new DvidLabelmap(server.url);
  deepStrictEqual((await postMerges(labelmap, BODIES, QUICK)).merged, 3);
  // The merge whose answer was lost was not sent again.
  deepStrictEqual(server.merges, ["[1,2,3]", "[6,7]", `[${BIG + 1n},${BIG + 3n}]`]);
});

Deno.test("postMerges() stops where the server refuses, and goes on from there", async () => {
  await using server = await DvidStandIn.start(ALL);
  const labelmap = new DvidLabelmap(server.url);
  const controller = new AbortController();
  const onBody = () => server.isLocked = true;
  await rejects(() => postMerges(labelmap, BODIES, { ...QUICK, onBody }), {
    name: "DvidError",
    message: /400 "Cannot do POST on endpoint "merge" of locked node"/,
  });
  deepStrictEqual(server.merges, ["[1,2,3]"]);
  server.isLocked = false;
  controller.abort(new Error("enough"));
  await rejects(() => postMerges(labelmap, BODIES, { signal: controller.signal }), {
    message: "enough",
  });
  deepStrictEqual(await postMerges(labelmap, BODIES, QUICK), {
    ...{ merged: 3, before: 1, conflicts: [] },
  });
});

Deno.test("postMerges() leaves alone what belongs to other bodies by now", async () => {
  await using server = await DvidStandIn.start(ALL);
  server.bodies.set(3n, 9n);
  server.bodies.delete(7n);
  const labelmap = new DvidLabelmap(server.url);
  const posted = await postMerges(labelmap, BODIES, QUICK);
  // Of 6 and 7 there is nothing that could be merged.
  deepStrictEqual(posted, { merged: 2, before: 0, conflicts: [3n, 7n] });
  deepStrictEqual(server.merges, ["[1,2]", `[${BIG + 1n},${BIG + 3n}]`]);
  server.bodies.delete(1n);
  deepStrictEqual(await postMerges(labelmap, BODIES.slice(0, 2), QUICK), {
    ...{ merged: 0, before: 0, conflicts: [1n, 2n, 3n, 7n] },
  });
});

Deno.test("postMerges() gives up on a server that is down, and names it", async () => {
  const server = await DvidStandIn.start(ALL);
  const labelmap = new DvidLabelmap(server.url);
  await server[Symbol.asyncDispose]();
  await rejects(() => postMerges(labelmap, BODIES, QUICK), (error: Error) => {
    match(error.message, /Cannot reach "http:.*labels\/mapping": .*refused/i);
    return true;
  });
});

Deno.test("postMerges() stops when it is cancelled while the server does not answer", async () => {
  const controller = new AbortController();
  const answer = Promise.withResolvers<Response>();
  await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => {
    controller.abort(new Error("enough"));
    return answer.promise;
  });
  const labelmap = new DvidLabelmap(`127.0.0.1:${server.addr.port}/api/node/1/labels`);
  await rejects(() => postMerges(labelmap, BODIES, { signal: controller.signal }), {
    message: "enough",
  });
  answer.resolve(new Response());
});

Deno.test("plannedRequests() cuts large bodies into chunks", () => {
  const labelmap = new DvidLabelmap("localhost:8000/api/node/3f8c/labels");
  const members = Array.from({ length: 1501 }, (_, i) => BigInt(i + 1));
  const [first, second, ...rest] = plannedRequests(labelmap, [members]);
  match(first, /^POST http:\/\/localhost:8000\/api\/node\/3f8c\/labels\/merge \[1,2,3,.*,1001\]$/);
  match(second, /\[1,1002,.*,1501\]$/);
  deepStrictEqual(rest, []);
  throws(() => new DvidLabelmap("http://localhost:8000/api/node"), {
    name: "SyntaxError",
    message: /write http:\/\/HOST\/api\/node\/UUID\/NAME/,
  });
});
