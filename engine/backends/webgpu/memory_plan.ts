import { type Layout, layoutKey } from "../../../kernels/layout.ts";
import type { Graph } from "../../ops/graph.ts";
import type { Value } from "../../ops/op.ts";

/** Which values of a graph share memory. */
export interface MemoryPlan {
  /** Slot of each value that lives inside the program. */
  readonly slotOf: ReadonlyMap<number, number>;
  /** Layout of each slot. */
  readonly slots: readonly Layout[];
}

/**
 * Gives each value between the calls a slot, and a slot back for reuse after the last call that reads it.
 *
 * Only values of the same layout share a slot: the kernels never write a halo, so it stays zero.
 *
 * @param layoutOf Layout of a value, or null where it has memory already (inputs, parameters, outputs).
 */
export function planMemory(
  graph: Graph,
  layoutOf: (value: Value) => Layout | null,
): MemoryPlan {
  const lastRead = new Map<number, number>();
  graph.calls.forEach((call, index) => {
    for (const value of [...call.inputs, ...call.outputs]) lastRead.set(value.id, index);
  });
  for (const value of graph.outputs.values()) lastRead.set(value.id, graph.calls.length);
  const slots: Layout[] = [];
  const free = new Map<string, number[]>();
  const slotOf = new Map<number, number>();
  graph.calls.forEach((call, index) => {
    for (const value of call.outputs) {
      const layout = layoutOf(value);
      if (!layout) continue;
      const reusable = free.get(layoutKey(layout))?.pop();
      slotOf.set(value.id, reusable ?? slots.push(layout) - 1);
    }
    // After the outputs have their slots: no call writes what it reads.
    for (const value of new Set([...call.inputs, ...call.outputs])) {
      const slot = slotOf.get(value.id);
      if (slot === undefined || lastRead.get(value.id) !== index) continue;
      const key = layoutKey(slots[slot]);
      free.set(key, [...(free.get(key) ?? []), slot]);
    }
  });
  return { slotOf, slots };
}
