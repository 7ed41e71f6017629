/** `ln(p / (1 - p))` in float64; minus infinity at 0 and infinity at 1. */
export function logit(prob: number): number {
  return Math.log(prob / (1 - prob));
}

/** The logit of a probability that a request holds as float32, rounded to float32: what object maps are compared with. */
export function logit32(prob: number): number {
  return Math.fround(logit(Math.fround(prob)));
}

/**
 * `1 / (1 + e^-x)` of a float32, every operation rounded to float32. It reaches exactly 1 above x = 16.64 where float64
 * arithmetic would not, and that decides the last bin of the quantised probabilities.
 */
export function expit32(x: number): number {
  return Math.fround(1 / Math.fround(1 + Math.fround(Math.exp(-x))));
}
