/**
 * Inverted dropout: y = x / keep where an element is kept, else 0. Which elements are kept is a hash of the seed, the stream
 * and the element's number in C order, so that a run repeats to the bit on any backend; the gradient is the same op on dy.
 *
 *   key = mix(mix(stream + 0x9e3779b9) + seed),  kept where mix(number * 0x9e3779b1 + key) < keep * 2^32
 *
 * in 32-bit integers, with `mix` the finalizer of MurmurHash3.
 */
import { elementCount } from "../formats/nd_array.ts";
import type { Attributes, Call, GraphWriter, Host, Op, Shape, Value } from "./op.ts";
import { describeShape, reals, workOf } from "./op.ts";

/** Seeds are integers below this, which float32 holds exactly. */
export const SEED_LIMIT = 2 ** 24;

/** Attributes of a call: share of the elements that are kept (default 0.5), and what tells calls with one seed apart. */
export function dropoutAttributes(
  { keep = 0.5, stream = 0 }: Attributes,
): { readonly keep: number; readonly stream: number } {
  if (typeof keep !== "number" || !(keep > 0 && keep < 1)) {
    throw new RangeError(
      `Cannot drop elements: keep must lie between 0 and 1, current value is ${keep}`,
    );
  }
  if (typeof stream === "number" && Number.isSafeInteger(stream) && stream >= 0) {
    return { keep, stream };
  }
  throw new RangeError(
    `Cannot drop elements: stream must be an integer from 0 on, current value is ${stream}`,
  );
}

/** Bits of `number`, mixed; MurmurHash3's finalizer. */
function mix(number: number): number {
  let x = number | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/** First half of the key, which depends on the stream alone. */
export function streamKey(stream: number): number {
  return mix(stream + 0x9e3779b9);
}

/** Largest hash that is dropped no more, plus one: `keep` of all 32-bit numbers. */
export function keepThreshold(keep: number): number {
  return Math.floor(keep * 2 ** 32) >>> 0;
}

/** Inputs x of any shape and the seed `[1]`, attributes `keep` and `stream`; output of x's shape. */
export const dropout: Op = {
  name: "dropout",
  shapes([x, seed]: readonly Shape[], attributes: Attributes): Shape[] {
    dropoutAttributes(attributes);
    if (describeShape(seed) === "[1]") return [x];
    throw new RangeError(
      `Cannot drop elements: the seed must have shape [1], current shape is ${describeShape(seed)}`,
    );
  },
  reference(inputs: readonly Host[], outputs: readonly Host[], attributes: Attributes): void {
    const { keep, stream } = dropoutAttributes(attributes);
    const [x, [seed], y] = [...inputs, ...outputs].map(reals);
    const key = mix(streamKey(stream) + Math.trunc(seed));
    const threshold = keepThreshold(keep);
    for (let i = 0; i < y.length; i++) {
      y[i] = mix(Math.imul(i, 0x9e3779b1) + key) < threshold ? x[i] / keep : 0;
    }
  },
  gradient: (call: Call, [dy]: readonly Value[], graph: GraphWriter): (Value | null)[] => [
    graph.call(dropout, [dy, call.inputs[1]], call.attributes)[0],
    null,
  ],
  work: (call: Call) => workOf(call, 10 * elementCount(call.outputs[0].shape)),
};

/** Appends x with half of its elements dropped; `stream` tells the calls of a graph apart, `seed` `[1]` its runs. */
export function appendDropout(graph: GraphWriter, x: Value, seed: Value, stream: number): Value {
  return graph.call(dropout, [x, seed], { stream })[0];
}
