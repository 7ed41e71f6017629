import { deepEqual, ok } from "node:assert/strict";
import { splitsOf } from "../../kernels/reduction.ts";

const PROFILE = {
  maxBindingBytes: 1 << 20,
  maxWorkgroups: 100,
  halfStorage: false,
  subgroupSize: 0,
};

Deno.test("splitsOf() covers all items, with parts of a least size", () => {
  const each = { bytes: 4, threads: 1 };
  deepEqual(splitsOf(5, 8, each, PROFILE), { count: 1, size: 8 });
  deepEqual(splitsOf(1089, 8, each, PROFILE), { count: 121, size: 9 });
  for (let items = 1; items < 3000; items += 7) {
    const { count, size } = splitsOf(items, 4, each, PROFILE);
    ok(count <= 128 && count * size >= items && (count - 1) * size < items, `${items}`);
  }
});

Deno.test("splitsOf() keeps parts within a binding and their threads within a dispatch", () => {
  ok(splitsOf(1e6, 1, { bytes: 1 << 16, threads: 1 }, PROFILE).count <= 16);
  ok(splitsOf(1e6, 1, { bytes: 4, threads: 640 }, PROFILE).count <= 10);
});
