/** Gradients of a graph: its calls walked backwards, each op appending the calls of its own backward ops. */
import { UnsupportedError } from "../errors/errors.ts";
import { appendAdd } from "./binary.ts";
import type { Graph } from "./graph.ts";
import type { GraphWriter, Value } from "./op.ts";
import { Replay, type Segment } from "./recomputation.ts";

/**
 * Appends the gradients of `loss` with respect to `wanted`, which are values of the graph.
 *
 * @param forward The calls so far; `graph` is the builder that goes on with them.
 * @param segments Parts that are computed again where the gradients need what they gave.
 * @param known By the ids of values, what other losses have given them before: it is added and goes on from there.
 * @returns gradients by the ids of the wanted values, each of the value's shape.
 * @throws {UnsupportedError} when an op on the way has no gradient, `RangeError` when the loss does not depend on a value.
 */
export function appendGradients(
  graph: GraphWriter,
  forward: Graph,
  loss: Value,
  wanted: readonly Value[],
  segments: readonly Segment[] = [],
  known: ReadonlyMap<number, Value> = new Map(),
): Map<number, Value> {
  const depends = new Set(wanted.map((value) => value.id));
  for (const { inputs, outputs } of forward.calls) {
    if (inputs.some((value) => depends.has(value.id))) outputs.forEach((v) => depends.add(v.id));
  }
  const gradients = new Map<number, Value>([...known, [loss.id, loss]]);
  const replay = new Replay(graph, forward, segments);
  for (const call of forward.calls.toReversed()) {
    const { op, inputs, outputs } = call;
    const arrived = outputs.map((value) => gradients.get(value.id));
    const needs = inputs.map((value) => depends.has(value.id));
    if (!needs.includes(true) || arrived.includes(undefined)) continue;
    if (!op.gradient) {
      throw new UnsupportedError(`Cannot differentiate "${op.name}": it has no gradient`);
    }
    const own = op.gradient(replay.of(call), arrived as Value[], graph, needs);
    for (const [i, input] of inputs.entries()) {
      const gradient = own[i];
      if (!needs[i] || !gradient) continue;
      const before = gradients.get(input.id);
      gradients.set(input.id, before ? appendAdd(graph, before, gradient) : gradient);
    }
  }
  const missing = wanted.find((value) => !gradients.has(value.id));
  if (missing) {
    throw new RangeError(
      `Cannot differentiate by "${missing.name}": the loss does not depend on it`,
    );
  }
  return new Map(wanted.map((value) => [value.id, gradients.get(value.id)!]));
}
