import type { PlacedCall } from "../../../kernels/kernel.ts";
import { blockedLayout, type Layout, plainLayout } from "../../../kernels/layout.ts";
import { LAUNCHERS } from "../../../kernels/mod.ts";
import type { Graph } from "../../ops/graph.ts";
import type { Call, Value } from "../../ops/op.ts";

/** Layouts of the values of a graph: plain where the caller's tensors are used directly and for weights, else blocked. */
export class Places {
  readonly #half: boolean;
  readonly #plain: ReadonlySet<number>;
  readonly #outer = new Set<number>();
  /** Outputs that are copied to the caller's tensor after the calls. */
  readonly copiedOutputs: [string, Value][] = [];

  constructor(graph: Graph, half: boolean) {
    this.#half = half;
    this.#plain = plainValues(graph);
    for (const v of [...graph.inputs.values(), ...graph.parameters.values()]) this.#outer.add(v.id);
    for (const [name, value] of graph.outputs) {
      if (this.layoutOf(value).halo === 0) this.#outer.add(value.id);
      else this.copiedOutputs.push([name, value]);
    }
  }

  layoutOf(value: Value): Layout {
    return value.shape.length !== 5 || this.#plain.has(value.id)
      ? plainLayout(value.shape)
      : blockedLayout(value.shape, this.#half);
  }

  /** Layout of a value that needs memory inside the program, else null. */
  inner(value: Value): Layout | null {
    return this.#outer.has(value.id) ? null : this.layoutOf(value);
  }
}

/** Ids of parameters, and of what kernels take or leave as weights. */
function plainValues(graph: Graph): Set<number> {
  const weights = graph.calls.flatMap(weightsOf);
  return new Set([...graph.parameters.values(), ...weights].map(({ id }) => id));
}

/** Inputs and outputs of a call that are weights. */
function weightsOf({ op, inputs, outputs }: Call): Value[] {
  const plain = LAUNCHERS.get(op.name)?.plain;
  return [
    ...inputs.filter((_, i) => plain?.inputs?.includes(i)),
    ...outputs.filter((_, i) => plain?.outputs?.includes(i)),
  ];
}

/** A call with the layouts that its arrays have in the middle of a graph. */
export function placeAlone(call: Call, half: boolean): PlacedCall {
  const weights = new Set(weightsOf(call));
  const place = (value: Value) =>
    value.shape.length === 5 && !weights.has(value)
      ? blockedLayout(value.shape, half)
      : plainLayout(value.shape);
  return { call, inputs: call.inputs.map(place), outputs: call.outputs.map(place) };
}
