import { deepStrictEqual } from "node:assert/strict";
import { Random } from "../../../engine/training/random.ts";
import { FakePool } from "../../../engine/training/secgan/fake_pool.ts";

/** Section 7.5 of the spec as a list of numbers, one per image. */
function expected(capacity: number, fakes: readonly number[], random: Random): number[] {
  const pool: number[] = [];
  return fakes.map((fake) => {
    if (capacity === 0) return fake;
    if (pool.length < capacity) {
      pool.push(fake);
      return fake;
    }
    if (random.uniform() < 0.5) return fake;
    const place = random.below(capacity);
    const old = pool[place];
    pool[place] = fake;
    return old;
  });
}

Deno.test("FakePool.query() returns new and old fakes by the reference's rule", () => {
  const fakes = Array.from({ length: 60 }, (_, i) => i + 1);
  for (const capacity of [0, 1, 5, 100]) {
    const pool = new FakePool(capacity, new Random(3));
    const returned: number[] = [];
    for (let i = 0; i < fakes.length; i += 3) {
      const batch = Float32Array.from(fakes.slice(i, i + 3).flatMap((n) => [n, -n]));
      returned.push(...pool.query(batch, 3).filter((_, at) => at % 2 === 0));
    }
    deepStrictEqual(returned, expected(capacity, fakes, new Random(3)), `capacity ${capacity}`);
  }
});

Deno.test("FakePool.restore() goes on as if it had not been stopped", () => {
  const random = new Random(8);
  const pool = new FakePool(4, random);
  const batch = (first: number) => Float32Array.from({ length: 6 }, (_, i) => first + i);
  for (let i = 0; i < 5; i++) pool.query(batch(10 * i), 6);
  const state = random.state();
  const copies = pool.entries().map((entry) => entry.slice());
  const wanted = pool.query(batch(90), 6);
  const later = new Random(0);
  later.restore(state);
  const other = new FakePool(4, later);
  other.restore(copies);
  deepStrictEqual(other.query(batch(90), 6), wanted);
});
