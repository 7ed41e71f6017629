/** Trades time for memory: parts of a graph that are computed again when the gradients go through them. */
import type { Graph } from "./graph.ts";
import type { Call, GraphWriter, Value } from "./op.ts";

/** A part of a graph, by the ids of the values that its calls give. */
export type Segment = ReadonlySet<number>;

/**
 * The calls of a graph as the gradients see them. Those of a segment are appended once more when the first is asked for, so
 * that what they gave the first time need not be kept.
 */
export class Replay {
  readonly #graph: GraphWriter;
  readonly #forward: Graph;
  readonly #segments: readonly Segment[];
  /** Copies by the original. */
  readonly #copies = new Map<Call, Call>();

  constructor(graph: GraphWriter, forward: Graph, segments: readonly Segment[]) {
    this.#graph = graph;
    this.#forward = forward;
    this.#segments = segments;
  }

  /** The call itself, or its copy. */
  of(call: Call): Call {
    const segment = this.#segments.find((ids) => ids.has(call.outputs[0].id));
    if (!segment) return call;
    if (!this.#copies.has(call)) this.#append(segment);
    return this.#copies.get(call)!;
  }

  #append(segment: Segment): void {
    const values = new Map<number, Value>();
    for (const call of this.#forward.calls) {
      if (!segment.has(call.outputs[0].id)) continue;
      const inputs = call.inputs.map((value) => values.get(value.id) ?? value);
      const outputs = this.#graph.call(call.op, inputs, call.attributes);
      call.outputs.forEach(({ id }, i) => values.set(id, outputs[i]));
      this.#copies.set(call, { ...call, inputs, outputs });
    }
  }
}

/** A graph without the calls whose results nobody reads. */
export function withoutUnused(graph: Graph): Graph {
  const read = new Set([...graph.outputs.values()].map(({ id }) => id));
  const calls: Call[] = [];
  for (const call of graph.calls.toReversed()) {
    if (!call.outputs.some(({ id }) => read.has(id))) continue;
    call.inputs.forEach(({ id }) => read.add(id));
    calls.push(call);
  }
  return { ...graph, calls: calls.reverse() };
}
