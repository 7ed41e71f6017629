import { deepEqual, equal, ok } from "node:assert/strict";
import {
  disturbedSlots,
  placeByKind,
  type Placement,
  placeTogether,
  type Slot,
} from "../../../engine/backends/wasm/slots.ts";

/** Slots as a small generator of random numbers makes them. */
function randomSlots(count: number, seed: number): Slot[] {
  let state = seed;
  const below = (n: number) => (state = (state * 48271) % 0x7fffffff) % n;
  return Array.from({ length: count }, () => {
    const kind = below(6), first = below(100);
    return { bytes: 100 * (kind + 1), kind: `kind ${kind}`, first, last: first + below(20) };
  });
}

function checkApart(slots: readonly Slot[], { offsets, bytes }: Placement): void {
  slots.forEach((a, i) => {
    ok(offsets[i] % 64 === 0 && offsets[i] >= 0 && offsets[i] + a.bytes <= bytes);
    slots.slice(0, i).forEach((b, j) => {
      const inTime = a.first <= b.last && b.first <= a.last;
      const inSpace = offsets[i] < offsets[j] + b.bytes && offsets[j] < offsets[i] + a.bytes;
      ok(!inTime || !inSpace, `slots ${i} and ${j} overlap`);
    });
  });
}

/** Most bytes in use at once: no placement takes less. */
function mostInUse(slots: readonly Slot[]): number {
  const times = slots.map(({ first }) => first);
  return Math.max(
    ...times.map((time) =>
      slots.filter(({ first, last }) => first <= time && time <= last)
        .reduce((sum, { bytes }) => sum + 64 * Math.ceil(bytes / 64), 0)
    ),
  );
}

Deno.test("placeTogether() and placeByKind() keep apart what is in use at the same time", () => {
  for (const seed of [1, 2, 3, 4]) {
    const slots = randomSlots(150, seed);
    const [together, byKind] = [placeTogether(slots), placeByKind(slots)];
    checkApart(slots, together);
    checkApart(slots, byKind);
    const least = mostInUse(slots);
    ok(together.bytes >= least && together.bytes <= 1.2 * least, `${together.bytes} for ${least}`);
    ok(byKind.bytes > together.bytes);
    equal(disturbedSlots(slots, byKind).size, 0);
  }
});

Deno.test("placeTogether() fills the smallest gap that suffices", () => {
  const slot = (bytes: number, first: number, last: number) => ({ bytes, kind: "", first, last });
  const slots = [slot(640, 0, 0), slot(320, 0, 1), slot(192, 1, 2), slot(128, 2, 2)];
  const { offsets, bytes } = placeTogether(slots);
  deepEqual(offsets, [0, 640, 0, 192]);
  equal(bytes, 960);
});

Deno.test("disturbedSlots() names those that share bytes with another kind or lie askew", () => {
  const slot = (kind: string, bytes = 128) => ({ bytes, kind, first: 0, last: 0 });
  const slots = [slot("a"), slot("a"), slot("b"), slot("a"), slot("c"), slot("c")];
  const offsets = [0, 0, 128, 192, 512, 576];
  deepEqual([...disturbedSlots(slots, { offsets, bytes: 704 })].sort(), [2, 3, 4, 5]);
});
