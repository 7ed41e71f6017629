import type { DType } from "../formats/nd_array.ts";
import type { Attributes, Call, GraphWriter, Op, Shape, Value } from "./op.ts";

/** A flat list of calls over named, shaped values, in an order in which they can run. */
export interface Graph {
  /** In the order in which they run. */
  readonly calls: readonly Call[];
  /** Bound by the caller for each run, by name. */
  readonly inputs: ReadonlyMap<string, Value>;
  /** Bound by the caller, by checkpoint name. */
  readonly parameters: ReadonlyMap<string, Value>;
  /** Results, by name. */
  readonly outputs: ReadonlyMap<string, Value>;
}

/** Builds a `Graph` call by call; shapes are checked as calls are appended. */
export class GraphBuilder implements GraphWriter {
  #nextId = 0;
  readonly #calls: Call[] = [];
  readonly #inputs = new Map<string, Value>();
  readonly #parameters = new Map<string, Value>();
  readonly #outputs = new Map<string, Value>();

  /** A builder that goes on with a graph, whose calls and values it keeps. */
  static continue(graph: Graph): GraphBuilder {
    const builder = new GraphBuilder();
    builder.#calls.push(...graph.calls);
    for (const [name, value] of graph.inputs) builder.#inputs.set(name, value);
    for (const [name, value] of graph.parameters) builder.#parameters.set(name, value);
    for (const [name, value] of graph.outputs) builder.#outputs.set(name, value);
    const values = [
      ...builder.#inputs.values(),
      ...builder.#parameters.values(),
      ...graph.calls.flatMap((call) => call.outputs),
    ];
    builder.#nextId = values.reduce((next, { id }) => Math.max(next, id + 1), 0);
    return builder;
  }

  input(name: string, shape: Shape, dtype: DType = "float32"): Value {
    return this.#declare(this.#inputs, name, shape, dtype);
  }

  parameter(name: string, shape: Shape): Value {
    return this.#declare(this.#parameters, name, shape, "float32");
  }

  call(op: Op, inputs: readonly Value[], attributes: Attributes = {}): Value[] {
    const shapes = op.shapes(inputs.map((v) => v.shape), attributes);
    const outputs = shapes.map((shape) =>
      this.#value(`${op.name}_${this.#nextId}`, shape, "float32")
    );
    this.#calls.push({ op, inputs, outputs, attributes });
    return outputs;
  }

  output(name: string, value: Value): void {
    if (this.#outputs.has(name)) {
      throw new RangeError(`Cannot add output "${name}": it is there already`);
    }
    const computed = this.#calls.some((call) => call.outputs.includes(value));
    if (!computed || [...this.#outputs.values()].includes(value)) {
      throw new RangeError(
        `Cannot add output "${name}": it must be the result of a call and have no other name, current value is "${value.name}"`,
      );
    }
    this.#outputs.set(name, value);
  }

  build(): Graph {
    return {
      calls: [...this.#calls],
      inputs: new Map(this.#inputs),
      parameters: new Map(this.#parameters),
      outputs: new Map(this.#outputs),
    };
  }

  #declare(into: Map<string, Value>, name: string, shape: Shape, dtype: DType): Value {
    if (this.#inputs.has(name) || this.#parameters.has(name)) {
      throw new RangeError(`Cannot declare "${name}": the graph has a value of that name`);
    }
    const value = this.#value(name, shape, dtype);
    into.set(name, value);
    return value;
  }

  #value(name: string, shape: Shape, dtype: DType): Value {
    return { id: this.#nextId++, name, shape, dtype };
  }
}
