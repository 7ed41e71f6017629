/**
 * Passes that rewrite a graph into one that computes the same values with fewer calls. Backends apply `fuse` when they
 * compile; the gradient of a graph is taken before. `gradient_fusions.ts` has those of backward calls.
 */
import { conv3d } from "./conv3d.ts";
import type { Graph } from "./graph.ts";
import { layerNorm } from "./layer_norm.ts";
import type { Attributes, Call, Value } from "./op.ts";
import { unary } from "./unary.ts";
import { binary } from "./binary.ts";

/** A rewriting of a graph that keeps its inputs, parameters and outputs. */
export type Fusion = (graph: Graph) => Graph;

/** Reads of a value: the calls that take it, once per place, and whether it is a result of the graph. */
export class Uses {
  readonly #readers = new Map<number, Call[]>();
  readonly #results: ReadonlySet<number>;

  constructor(graph: Graph) {
    for (const call of graph.calls) {
      for (const { id } of call.inputs) {
        const readers = this.#readers.get(id);
        if (readers) readers.push(call);
        else this.#readers.set(id, [call]);
      }
    }
    this.#results = new Set([...graph.outputs.values()].map((v) => v.id));
  }

  /** The only reader of a value that nothing else sees, else null. */
  soleReader(value: Value): Call | null {
    const readers = this.#readers.get(value.id) ?? [];
    return readers.length === 1 && !this.#results.has(value.id) ? readers[0] : null;
  }

  /** Every reader of a value that is no result of the graph, else null. */
  allReaders(value: Value): readonly Call[] | null {
    return this.#results.has(value.id) ? null : this.#readers.get(value.id) ?? [];
  }
}

/** Whether a call is a ReLU. */
export function isRelu(call: Call | null): call is Call {
  return call?.op === unary && call.attributes.function === "relu";
}

/** Whether a call adds two values. */
export function isAdd(call: Call | null): call is Call {
  return call?.op === binary && call.attributes.function === "add";
}

/**
 * Lets `first` do the work of `second`, its only reader: the fused call takes the place of `second`, where every input
 * of both exists already.
 */
export function merged(
  first: Call,
  second: Call,
  attributes: Attributes,
  extra: readonly Value[] = [],
): Call {
  return {
    op: first.op,
    inputs: [...first.inputs, ...extra],
    outputs: second.outputs,
    attributes: { ...first.attributes, ...attributes },
  };
}

/** Replaces calls (null: removes them) and keeps the order of the others. */
export function rewrite(graph: Graph, replacements: ReadonlyMap<Call, Call | null>): Graph {
  const calls = graph.calls.flatMap((call) => {
    const replacement = replacements.get(call);
    return replacement === undefined ? [call] : replacement === null ? [] : [replacement];
  });
  return { ...graph, calls };
}

/** y = relu(conv3d(…)) or relu(layer_norm(…)) → one call that stores relu(y). */
export const fuseOutputRelu: Fusion = (graph) => {
  const uses = new Uses(graph);
  const replacements = new Map<Call, Call | null>();
  for (const call of graph.calls) {
    if (call.op !== conv3d && call.op !== layerNorm) continue;
    const reader = uses.soleReader(call.outputs[0]);
    if (!isRelu(reader)) continue;
    replacements.set(call, null);
    replacements.set(reader, merged(call, reader, { reluOutput: true }));
  }
  return rewrite(graph, replacements);
};

/** y = conv3d(…) + skip, in either order of the terms → one call that adds skip before it stores. */
export const fuseResidualAdd: Fusion = (graph) => {
  const uses = new Uses(graph);
  const replacements = new Map<Call, Call | null>();
  for (const call of graph.calls) {
    if (call.op !== conv3d || call.attributes.reluOutput || call.attributes.residual) continue;
    const [value] = call.outputs;
    const reader = uses.soleReader(value);
    if (!isAdd(reader) || replacements.has(reader)) continue;
    const skip = reader.inputs[0].id === value.id ? reader.inputs[1] : reader.inputs[0];
    replacements.set(call, null);
    replacements.set(reader, merged(call, reader, { residual: true }, [skip]));
  }
  return rewrite(graph, replacements);
};

/** conv3d(relu(x), …) where only convolutions read relu(x) → convolutions that apply the ReLU as they load. */
export const fuseInputRelu: Fusion = (graph) => {
  const uses = new Uses(graph);
  const replacements = new Map<Call, Call | null>();
  for (const call of graph.calls) {
    if (!isRelu(call)) continue;
    const [value] = call.outputs;
    const readers = uses.allReaders(value);
    const fits = (reader: Call) =>
      reader.op === conv3d &&
      reader.inputs.every((v, place) => (v.id === value.id) === (place === 0));
    if (!readers?.length || !readers.every(fits)) continue;
    replacements.set(call, null);
    for (const reader of readers) {
      const inputs = [call.inputs[0], ...reader.inputs.slice(1)];
      replacements.set(reader, {
        ...reader,
        inputs,
        attributes: { ...reader.attributes, reluInput: true },
      });
    }
  }
  return rewrite(graph, replacements);
};

/** In this order: a ReLU is cheapest where its value is stored once, so the input form takes only what is left. */
export const FUSIONS: readonly Fusion[] = [fuseOutputRelu, fuseResidualAdd, fuseInputRelu];

/** Applies every pass. */
export function fuse(graph: Graph): Graph {
  return FUSIONS.reduce((g, pass) => pass(g), graph);
}
