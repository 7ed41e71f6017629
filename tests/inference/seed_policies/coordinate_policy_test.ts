import { deepStrictEqual, rejects, strictEqual, throws } from "node:assert/strict";
import {
  CoordinatePolicy,
  coordinatesOf,
} from "../../../engine/inference/seed_policies/coordinate_policy.ts";
import type { SeedPolicy } from "../../../engine/inference/seed_policies/policy.ts";
import { contextOf } from "./policy_context.ts";

const context = contextOf([8, 9, 10], { margin: [1, 2, 3] });
const inside = [[1, 2, 3], [6, 6, 6], [4, 4, 4]];
const rows = [[0, 4, 4], inside[0], [4, 7, 4], inside[1], [4, 4, 2], inside[2], [7, 4, 4]];

/** A policy over `rows` that counts how often its list is made. */
function countedPolicy() {
  const made = { times: 0 };
  const policy = new CoordinatePolicy(() => {
    made.times++;
    return Int32Array.from(rows.flat());
  }, context);
  return { policy, made };
}

async function drain(policy: SeedPolicy): Promise<number[][]> {
  const seeds: number[][] = [];
  for (let seed = await policy.next(); seed; seed = await policy.next()) seeds.push([...seed]);
  return seeds;
}

Deno.test("CoordinatePolicy makes its list at the first next() and keeps to the margin", async () => {
  const { policy, made } = countedPolicy();
  strictEqual(policy.total, undefined);
  deepStrictEqual(policy.state(), { coords: new Int32Array(0), index: 0 });
  strictEqual(made.times, 0);
  deepStrictEqual(await drain(policy), inside);
  strictEqual(await policy.next(), null);
  strictEqual(policy.total, 3);
  strictEqual(made.times, 1);
});

Deno.test("CoordinatePolicy.restore() goes on at every saved place", async () => {
  for (let read = 0; read <= inside.length; read++) {
    const { policy } = countedPolicy();
    for (let k = 0; k < read; k++) await policy.next();
    const state = structuredClone(policy.state());
    strictEqual(state.index, read);
    const resumed = countedPolicy();
    resumed.policy.restore(state);
    deepStrictEqual(await drain(resumed.policy), inside.slice(read));
    strictEqual(resumed.made.times, read === 0 ? 1 : 0);
  }
});

Deno.test("CoordinatePolicy.restore() understands a list saved before the margin was applied", async () => {
  const coords = Int32Array.from(rows.flat());
  const left = [3, 3, 2, 2, 1, 1, 0, 0];
  for (const [index, count] of left.entries()) {
    const { policy } = countedPolicy();
    policy.restore({ coords, index });
    deepStrictEqual(await drain(policy), inside.slice(3 - count));
    strictEqual(policy.total, 3);
  }
});

Deno.test("CoordinatePolicy.restore() refuses an index outside of the list", () => {
  const coords = new Int32Array(6);
  for (const index of [-1, 3, 0.5]) {
    throws(
      () => countedPolicy().policy.restore({ coords, index }),
      new RegExp(`current ${index} of 2$`),
    );
  }
  throws(() => countedPolicy().policy.restore({ coords: new Int32Array(4), index: 0 }), RangeError);
});

Deno.test("CoordinatePolicy tries again after its list could not be made", async () => {
  let fail = true;
  const policy = new CoordinatePolicy(() => {
    if (fail) throw new RangeError("Cannot make it");
    return Int32Array.of(4, 4, 4);
  }, context);
  await rejects(policy.next(), RangeError);
  fail = false;
  deepStrictEqual(await policy.next(), [4, 4, 4]);
});

Deno.test("coordinatesOf() splits C-order indices", () => {
  deepStrictEqual(
    coordinatesOf([0, 9, 10, 719], [8, 9, 10]),
    Int32Array.of(0, 0, 0, 0, 0, 9, 0, 1, 0, 7, 8, 9),
  );
});
