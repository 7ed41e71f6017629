import { deepStrictEqual, strictEqual, throws } from "node:assert/strict";
import { createHash } from "node:crypto";
import { equalizeAdaptively } from "../../engine/inference/clahe.ts";
import { computeHistogramLut, matchHistogram } from "../../engine/inference/histogram_matching.ts";

const SIZE = [2, 32, 40] as const;

/** The volume of the specification's vector. */
function volume(): Uint8Array {
  const out = new Uint8Array(2 * 32 * 40);
  for (let z = 0, i = 0; z < 2; z++) {
    for (let y = 0; y < 32; y++) {
      for (let x = 0; x < 40; x++) out[i++] = (3 * x + 5 * y + 11 * z + (x * y) % 7) % 200;
    }
  }
  return out;
}

const LUT = computeHistogramLut(Uint8Array.from({ length: 256 }, (_, i) => i >> 1));

/** First 16 hexadecimal digits of the SHA-256. */
const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex").slice(0, 16);

Deno.test("computeHistogramLut() gives the value at each rank", () => {
  const lut = computeHistogramLut(Uint8Array.of(0, 0, 1, 1, 2, 2, 3, 3));
  const expected = Uint8Array.from(
    { length: 256 },
    (_, i) => i <= 63 ? 0 : i < 128 ? 1 : i < 192 ? 2 : 3,
  );
  deepStrictEqual(lut, expected);
  throws(() => computeHistogramLut(new Uint8Array(0)), { name: "RangeError" });
});

Deno.test("equalizeAdaptively() gives the documented section", () => {
  const section = equalizeAdaptively(volume().subarray(0, 32 * 40), 32, 40);
  const bytes = Uint8Array.from(section, (v) => Math.floor(255 * v));
  deepStrictEqual([...bytes.subarray(0, 8)], [0, 13, 40, 53, 64, 69, 64, 61]);
  strictEqual(hash(bytes), "c28a0b378d1d2727");
});

Deno.test("equalizeAdaptively() gives what scikit-image gives for odd sizes", () => {
  const url = new URL("../fixtures/clahe.json", import.meta.url);
  const cases: { section: number[][]; equalized: string }[] = JSON.parse(
    Deno.readTextFileSync(url),
  );
  for (const { section, equalized } of cases) {
    const [height, width] = [section.length, section[0].length];
    const result = equalizeAdaptively(Uint8Array.from(section.flat()), height, width);
    const bytes = Uint8Array.from(result, (v) => Math.floor(255 * v));
    strictEqual(bytes.toHex(), equalized, `${height} x ${width}`);
  }
});

Deno.test("matchHistogram() gives the documented volumes", () => {
  const plain = volume();
  matchHistogram(plain, SIZE, LUT);
  deepStrictEqual([...plain.subarray(0, 8)], [0, 1, 3, 5, 6, 8, 6, 5]);
  strictEqual(hash(plain), "ea1a5812c2fbcecf");

  const right = Uint8Array.from(plain, (_, i) => i % 40 >= 20 ? 1 : 0);
  const masked = volume();
  matchHistogram(masked, SIZE, LUT, right);
  deepStrictEqual([...masked.subarray(0, 8)], [0, 0, 1, 3, 4, 5, 4, 3]);
  strictEqual(hash(masked), "fed657a689d33d1a");

  const untouched = volume();
  matchHistogram(untouched, SIZE, LUT, new Uint8Array(untouched.length).fill(1));
  deepStrictEqual(untouched, volume());
});

Deno.test("matchHistogram() refuses flat sections and short tables", () => {
  throws(() => matchHistogram(new Uint8Array(2 * 32 * 40).fill(7), SIZE, LUT), {
    name: "RangeError",
    message: "Cannot equalise a section: all of its pixels are equal",
  });
  throws(() => matchHistogram(volume(), SIZE, LUT.subarray(1)), {
    name: "RangeError",
    message: "Cannot match a histogram: the reference must have 256 values, current number is 255",
  });
});
