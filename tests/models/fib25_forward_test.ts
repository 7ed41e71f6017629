/** The published network on the CPU against logits recorded from TensorFlow. */
import { ok } from "node:assert/strict";
import { FIB25_OPTIONS, normaliseFib25, openFib25Network, openRecorded } from "../support/fib25.ts";
import { testWith } from "../support/resources.ts";

const EDGE = 33;
const CENTRE = (EDGE ** 3 - 1) / 2;

const logit = (p: number) => Math.log(p / (1 - p));

/** Padding everywhere, the initial activation in the middle. */
function freshSeed(): Float32Array {
  const seed = new Float32Array(EDGE ** 3).fill(logit(FIB25_OPTIONS.padValue));
  seed[CENTRE] = logit(FIB25_OPTIONS.initActivation);
  return seed;
}

testWith("shared", "the published network gives the recorded logits", async () => {
  await using network = await openFib25Network(2);
  const recorded = await openRecorded("golden/forward.npz");
  for (const number of [0, 1]) {
    const raw = await recorded.readArray(`case${number}_image`);
    const image = normaliseFib25(raw.data as Uint8Array);
    let seed = freshSeed();
    for (const step of [1, 2]) {
      const logits = new Float32Array(EDGE ** 3);
      await network.predict(image, seed, logits);
      const expected = (await recorded.readArray(`case${number}_logits${step}`)).data;
      const errors = logits.map((v, i) => Math.abs(v - Number(expected[i])));
      const largest = errors.reduce((a, b) => Math.max(a, b), 0);
      const rms = Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length);
      ok(largest <= 5e-5 && rms <= 5e-6, `case ${number}, step ${step}: ${largest}, rms ${rms}`);
      seed = logits;
    }
  }
});

testWith("shared", "the published network gives the logits of formats §4.7", async () => {
  await using network = await openFib25Network(1);
  const image = new Float32Array(EDGE ** 3);
  const at = (z: number, y: number, x: number) => (z * EDGE + y) * EDGE + x;
  for (let z = 0; z < EDGE; z++) {
    for (let y = 0; y < EDGE; y++) {
      for (let x = 0; x < EDGE; x++) image[at(z, y, x)] = ((7 * z + 3 * y + 5 * x) % 11) / 5 - 1;
    }
  }
  const logits = new Float32Array(EDGE ** 3);
  await network.predict(image, freshSeed(), logits);
  const mean = logits.reduce((a, b) => a + b, 0) / logits.length;
  const variance = logits.reduce((sum, v) => sum + (v - mean) ** 2, 0) / logits.length;
  const expected: [string, number, number][] = [
    ["mean", mean, 2.919496],
    ["standard deviation", Math.sqrt(variance), 0.09185],
    ["centre", logits[at(16, 16, 16)], 5.242981],
    ["first", logits[at(0, 0, 0)], 2.768985],
    ["beside", logits[at(16, 16, 24)], 2.873112],
    ["last", logits[at(32, 32, 32)], 2.170302],
  ];
  for (const [name, actual, value] of expected) {
    ok(Math.abs(actual - value) <= 1e-5, `${name}: ${actual} is not ${value}`);
  }
});
