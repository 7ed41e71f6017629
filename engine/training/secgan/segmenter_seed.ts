import { logit } from "../../inference/logit.ts";

/** Probabilities of voxels that were not visited, and of the one in the middle. */
const PAD = 0.5;
const CENTRE = 0.95;

/** The object map that the frozen network always sees, `[edge, edge, edge]`: logits, or probabilities as the reference without `seed_logit`. */
export function segmenterSeed(edge: number, asLogits: boolean): Float32Array {
  const value = (prob: number) => asLogits ? logit(prob) : prob;
  const seed = new Float32Array(edge ** 3).fill(value(PAD));
  const middle = Math.floor(edge / 2);
  seed[(middle * edge + middle) * edge + middle] = value(CENTRE);
  return seed;
}
