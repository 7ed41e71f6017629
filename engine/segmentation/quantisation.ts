/**
 * Probabilities as bytes: 0 is "not part of an object", q = 1..255 is the bin with lower edge (q - 1) / 254. Reading
 * back gives (q - 0.5) / 255; the two are deliberately not inverse.
 */

/** Byte of a probability: `1 + floor(254 p)` in float64 (float32 is wrong at bin edges), 0 for NaN and negative values. */
export function quantiseProbability(prob: number): number {
  return prob >= 0 ? Math.min(1 + Math.floor(254 * prob), 255) : 0;
}

/** Probability (float32) of a byte; NaN for 0. */
export function dequantiseProbability(q: number): number {
  return q === 0 ? NaN : Math.fround((q - 0.5) * (1 / 255));
}
