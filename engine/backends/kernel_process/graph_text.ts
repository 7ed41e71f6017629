/** Graphs as JSON values: ops by name, values by id. */
import { NotFoundError } from "../../errors/errors.ts";
import type { Graph } from "../../ops/graph.ts";
import { OPS } from "../../ops/mod.ts";
import type { Attributes, Value } from "../../ops/op.ts";

/** What `JSON.stringify` takes. */
export interface GraphText {
  readonly values: readonly Value[];
  readonly calls: readonly {
    readonly op: string;
    readonly inputs: readonly number[];
    readonly outputs: readonly number[];
    readonly attributes: Attributes;
  }[];
  readonly inputs: readonly [string, number][];
  readonly parameters: readonly [string, number][];
  readonly outputs: readonly [string, number][];
}

/** Writes a graph down. */
export function graphToText(graph: Graph): GraphText {
  const values = new Map<number, Value>();
  const note = (value: Value): number => {
    values.set(value.id, value);
    return value.id;
  };
  const named = (map: ReadonlyMap<string, Value>) =>
    [...map].map(([name, value]): [string, number] => [name, note(value)]);
  const calls = graph.calls.map((call) => ({
    op: call.op.name,
    inputs: call.inputs.map(note),
    outputs: call.outputs.map(note),
    attributes: call.attributes,
  }));
  const inputs = named(graph.inputs);
  const parameters = named(graph.parameters);
  const outputs = named(graph.outputs);
  return { values: [...values.values()], calls, inputs, parameters, outputs };
}

/** Reads a graph back. */
export function graphFromText(text: GraphText): Graph {
  const values = new Map(text.values.map((value) => [value.id, value]));
  const find = (id: number): Value => {
    const value = values.get(id);
    if (value) return value;
    throw new NotFoundError(`Cannot read the graph: it has no value ${id}`);
  };
  const named = (pairs: readonly [string, number][]) =>
    new Map(pairs.map(([name, id]) => [name, find(id)]));
  const calls = text.calls.map(({ op, inputs, outputs, attributes }) => {
    const found = OPS.get(op);
    if (!found) throw new NotFoundError(`Cannot read the graph: there is no op "${op}"`);
    return { op: found, inputs: inputs.map(find), outputs: outputs.map(find), attributes };
  });
  return {
    calls,
    inputs: named(text.inputs),
    parameters: named(text.parameters),
    outputs: named(text.outputs),
  };
}
