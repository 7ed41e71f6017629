/** Lays a graph out for the wasm kernels: where every value lies, and the steps in order. */
import { UnsupportedError } from "../../errors/errors.ts";
import { fuse } from "../../ops/fusions.ts";
import { fuseMargins } from "../../ops/margin_fusions.ts";
import { fuseGradients } from "../../ops/gradient_fusions.ts";
import type { Graph } from "../../ops/graph.ts";
import type { Call, Value } from "../../ops/op.ts";
import { copyStep } from "../../../wasm/concat_channels.ts";
import type { LaunchContext, Launcher, Place, Step, View } from "../../../wasm/launcher.ts";
import {
  byteLength,
  denseLayout,
  type Halo,
  type Layout,
  layoutKey,
  NO_HALO,
  originOffset,
  paddedLayout,
  stridesOf,
  unionOfHalos,
} from "../../../wasm/layout.ts";
import { LAUNCHERS } from "../../../wasm/mod.ts";

/** Allocates zero-filled memory for the life of the program. */
export type Allocate = (bytes: number, label: string) => number;

/** Steps of a program: `prepare` runs before `main` whenever a parameter has changed. */
export interface Plan {
  readonly prepare: readonly Step[];
  readonly main: readonly Step[];
}

/** The launcher of a call. */
export function launcherOf(call: Call): Launcher | null {
  const launcher = LAUNCHERS.get(call.op.name);
  return launcher && !launcher.refuse?.(call) ? launcher : null;
}

/** Stands for an address that is not known yet. */
const NOWHERE: Place = { base: 0, offset: 0 };

/** Memory that values inside the program take turns in. */
class Buffers {
  readonly #free = new Map<string, number[]>();
  readonly #allocate: Allocate;

  constructor(allocate: Allocate) {
    this.#allocate = allocate;
  }

  take(layout: Layout, label: string): number {
    return this.#free.get(layoutKey(layout))?.pop() ?? this.#allocate(byteLength(layout), label);
  }

  giveBack(layout: Layout, address: number): void {
    const key = layoutKey(layout);
    const free = this.#free.get(key);
    if (free) free.push(address);
    else this.#free.set(key, [address]);
  }
}

/**
 * Derived weights from this size on are made anew for every call, in memory that all calls share: those of three networks
 * with 512 channels, forward and backward, would not fit in 4 GiB beside each other.
 */
const LARGE_BYTES = 2 ** 24;

class Planner {
  readonly #graph: Graph;
  readonly #allocate: Allocate;
  readonly #buffers: Buffers;
  readonly #bound: ReadonlySet<number>;
  readonly #parameters: ReadonlySet<number>;
  readonly #results: ReadonlySet<number>;
  readonly #halos = new Map<number, Halo>();
  /** Values that launchers see by their place. */
  readonly #plain = new Set<number>();
  readonly #lastUse = new Map<number, number>();
  /** Views of values inside the program, by id. */
  readonly #views = new Map<number, View>();
  /** Values whose memory now belongs to a later value. */
  readonly #takenOver = new Set<number>();
  /** Memory of steps that later calls may use again, by size. */
  readonly #temporaries = new Map<number, number>();
  /** What was derived, by the step that makes it. */
  readonly #derived = new Map<string, Place>();
  /** Memory of large derived weights, by kernel and size. */
  readonly #shortLived = new Map<string, number>();
  readonly #prepare: Step[] = [];
  readonly #main: Step[] = [];

  constructor(graph: Graph, allocate: Allocate) {
    this.#graph = graph;
    this.#allocate = allocate;
    this.#buffers = new Buffers(allocate);
    const ids = (values: Iterable<Value>) => [...values].map((v) => v.id);
    this.#parameters = new Set(ids(graph.parameters.values()));
    this.#results = new Set(ids(graph.outputs.values()));
    this.#bound = new Set([
      ...ids(graph.inputs.values()),
      ...this.#parameters,
      ...this.#results,
    ]);
    graph.calls.forEach((call, index) => {
      for (const { id } of call.inputs) this.#lastUse.set(id, index);
      const launcher = launcherOf(call);
      const { inputs = [], outputs = [] } = launcher?.plain ?? {};
      for (const { id } of call.inputs.filter((_, i) => inputs.includes(i))) this.#plain.add(id);
      for (const { id } of call.outputs.filter((_, i) => outputs.includes(i))) this.#plain.add(id);
      const halos = [
        [0, launcher?.halo?.(call, this.#surroundings)],
        [1, launcher?.secondHalo?.(call, this.#surroundings)],
        [-1, launcher?.lastHalo?.(call)],
      ] as const;
      halos.forEach(([input, halo]) => {
        if (!halo) return;
        const { id } = call.inputs.at(input)!;
        this.#halos.set(id, unionOfHalos(this.#halos.get(id) ?? NO_HALO, halo));
      });
    });
  }

  plan(): Plan {
    this.#graph.calls.forEach((call, index) => {
      for (const value of call.inputs) this.#bringInside(value);
      for (const value of call.outputs) this.#placeOutput(call, index, value);
      launcherOf(call)!.launch(call, this.#context);
      for (const value of call.outputs) this.#bringOutside(value);
      for (const value of new Set([...call.inputs, ...call.outputs])) {
        if ((this.#lastUse.get(value.id) ?? index) <= index) this.#release(value);
      }
    });
    return { prepare: this.#prepare, main: this.#main };
  }

  readonly #surroundings = {
    isBound: (value: Value): boolean => this.#isDense(value),
  };

  readonly #context: LaunchContext = {
    isBound: (value) => this.#isDense(value),
    view: (value) => this.#views.get(value.id) ?? this.#boundView(value),
    place: (value) => {
      const inner = this.#views.get(value.id);
      if (!inner) return { base: value, offset: 0 };
      if (this.#plain.has(value.id)) return inner.place;
      throw new UnsupportedError(
        `Cannot compile on the wasm backend: "${value.name}" has a halo or padded channels`,
      );
    },
    emit: (step) => void this.#main.push(step),
    temporary: (bytes) => {
      const base = this.#temporaries.get(bytes) ?? this.#allocate(bytes, "temporary");
      this.#temporaries.set(bytes, base);
      return { base, offset: 0 };
    },
    derive: (from, bytes, stepFor) => {
      const constant = from.every((value) => this.#parameters.has(value.id));
      const step = stepFor(NOWHERE);
      if (bytes >= LARGE_BYTES || this.#isMadeAnew(step)) {
        // One call may derive in several steps, of which each reads what the one before has made.
        const key = `${step.kernel} ${bytes}`;
        const base = this.#shortLived.get(key) ?? this.#allocate(bytes, from[0].name);
        this.#shortLived.set(key, base);
        this.#main.push(stepFor({ base, offset: 0 }));
        return { base, offset: 0 };
      }
      // What is bound stays the same during a run, so calls with the same weights share what is made of them.
      const shared = from.every((value) => this.#bound.has(value.id));
      const key = shared ? JSON.stringify([step.kernel, step.args]) : "";
      const found = this.#derived.get(key);
      if (found) return found;
      const to: Place = { base: this.#allocate(bytes, from[0].name), offset: 0 };
      if (shared) this.#derived.set(key, to);
      (constant ? this.#prepare : this.#main).push(stepFor(to));
      return to;
    },
  };

  /** Whether a step reads large derived weights. */
  #isMadeAnew({ args }: Step): boolean {
    const places = new Set<unknown>(this.#shortLived.values());
    return args.some((arg) => typeof arg === "object" && "base" in arg && places.has(arg.base));
  }

  /** Whether kernels see a value in the caller's own array. */
  #isDense(value: Value): boolean {
    return this.#bound.has(value.id) && !this.#halos.has(value.id);
  }

  #boundView(value: Value): View {
    const layout = denseLayout(value.shape);
    return { ...stridesOf(layout), layout, place: { base: value, offset: 0 } };
  }

  #innerView(layout: Layout, address: number): View {
    const place = { base: address, offset: originOffset(layout) };
    return { ...stridesOf(layout), layout, place };
  }

  #innerLayout(value: Value): Layout {
    if (this.#plain.has(value.id)) return denseLayout(value.shape);
    return paddedLayout(value.shape, this.#halos.get(value.id) ?? NO_HALO);
  }

  /** Copies an input that needs a halo to where it has one, once. */
  #bringInside(value: Value): void {
    if (!this.#bound.has(value.id) || this.#isDense(value) || this.#views.has(value.id)) return;
    const layout = this.#innerLayout(value);
    const view = this.#innerView(layout, this.#buffers.take(layout, value.name));
    this.#main.push(copyStep(this.#boundView(value), view));
    this.#views.set(value.id, view);
  }

  /** Copies a result that later calls want with a halo to the caller's array. */
  #bringOutside(value: Value): void {
    const view = this.#views.get(value.id);
    if (view && this.#results.has(value.id)) {
      this.#main.push(copyStep(view, this.#boundView(value)));
    }
  }

  #placeOutput(call: Call, index: number, value: Value): void {
    if (this.#isDense(value)) return;
    const layout = this.#innerLayout(value);
    const heir = launcherOf(call)!.inPlace?.(call).find((input) =>
      this.#canTakeOver(input, index, layout)
    );
    if (heir) {
      this.#views.set(value.id, this.#views.get(heir.id)!);
      this.#takenOver.add(heir.id);
      return;
    }
    this.#views.set(value.id, this.#innerView(layout, this.#buffers.take(layout, value.name)));
  }

  #canTakeOver(input: Value, index: number, layout: Layout): boolean {
    const view = this.#views.get(input.id);
    return view !== undefined && this.#lastUse.get(input.id) === index &&
      layoutKey(view.layout) === layoutKey(layout);
  }

  #release(value: Value): void {
    const view = this.#views.get(value.id);
    if (!view) return;
    this.#views.delete(value.id);
    if (this.#takenOver.has(value.id)) return;
    this.#buffers.giveBack(view.layout, view.place.base as number);
  }
}

/** Plans a graph; every call must have a launcher. */
export function planGraph(graph: Graph, allocate: Allocate): Plan {
  return new Planner(fuseMargins(fuseGradients(fuse(graph))), allocate).plan();
}
