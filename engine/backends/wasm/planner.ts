/** Lays a graph out for the wasm kernels: where every value lies, and the steps in order. */
import { UnsupportedError } from "../../errors/errors.ts";
import { fuse } from "../../ops/fusions.ts";
import { fuseMargins } from "../../ops/margin_fusions.ts";
import { fuseGradients } from "../../ops/gradient_fusions.ts";
import type { Graph } from "../../ops/graph.ts";
import type { Call, Value } from "../../ops/op.ts";
import { clearStep } from "../../../wasm/clear_halo.ts";
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
import { disturbedSlots, placeByKind, type Placement, placeTogether } from "./slots.ts";

/** Steps of a program: `prepare` runs before `main` whenever a parameter has changed. */
export interface Plan {
  readonly prepare: readonly Step[];
  readonly main: readonly Step[];
  /** The program's own memory, zeros at first: numbers of slots are the bases of places. */
  readonly memory: Placement;
}

/** The launcher of a call. */
export function launcherOf(call: Call): Launcher | null {
  const launcher = LAUNCHERS.get(call.op.name);
  return launcher && !launcher.refuse?.(call) ? launcher : null;
}

/** Stands for a slot that is not known yet. */
const NOWHERE: Place = { base: -1, offset: 0 };

/** A slot whose last call becomes known in the end. */
interface OpenSlot {
  readonly bytes: number;
  readonly kind: string;
  readonly first: number;
  last: number;
}

/** A step that fills a slot, and the number of steps before the first that needs it. */
interface Filling {
  readonly slot: number;
  readonly at: number;
  readonly step: Step;
}

/**
 * Up to this size a program's memory is laid out for speed: nothing has to be cleared, and what is made of parameters stays. Above,
 * everything lies where something else was.
 */
export const ROOMY_BYTES = 2 ** 30;

/**
 * Derived weights from this size on are made anew for every call, in memory that all calls share: those of three networks
 * with 512 channels, forward and backward, would not fit in 4 GiB beside each other. Where memory is short far smaller ones are:
 * to make them takes little time beside the calls that they are for.
 */
const LARGE_BYTES = { roomy: 2 ** 24, tight: 2 ** 20 };

class Planner {
  readonly #graph: Graph;
  /** Of derived weights that are made anew for every call. */
  readonly #largeBytes: number;
  readonly #slots: OpenSlot[] = [];
  /** Zeros of layouts, for slots that others use in between. */
  readonly #clearings: Filling[] = [];
  /** What is made of parameters. */
  readonly #constants: Filling[] = [];
  /** Number of the call that is planned. */
  #now = 0;
  readonly #bound: ReadonlySet<number>;
  readonly #parameters: ReadonlySet<number>;
  readonly #results: ReadonlySet<number>;
  readonly #halos = new Map<number, Halo>();
  /** Values that launchers see by their place. */
  readonly #plain = new Set<number>();
  readonly #lastUse = new Map<number, number>();
  /** Views of values inside the program, by id. */
  readonly #views = new Map<number, View>();
  /** Slots of what was derived, by the step that makes it. */
  readonly #derived = new Map<string, number>();
  /** Slots of large derived weights. */
  readonly #shortLived = new Set<number>();
  readonly #main: Step[] = [];

  constructor(graph: Graph, largeBytes: number) {
    this.#graph = graph;
    this.#largeBytes = largeBytes;
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

  /** What is made of parameters stays, and nothing has to be cleared. */
  planRoomy(): Plan {
    this.#launchAll();
    const lasting = new Set(this.#constants.map(({ slot }) => slot));
    const memory = placeByKind(
      this.#slots.map((slot, i) => lasting.has(i) ? { ...slot, kind: `constant ${i}` } : slot),
    );
    return { prepare: this.#constants.map(({ step }) => step), main: this.#main, memory };
  }

  /** Everything lies where something else was. */
  planTight(): Plan {
    this.#launchAll();
    const memory = placeTogether(this.#slots);
    const disturbed = disturbedSlots(this.#slots, memory);
    const clearings = this.#clearings.filter(({ slot }) => disturbed.has(slot));
    return { prepare: [], main: this.#with([...this.#constants, ...clearings]), memory };
  }

  #launchAll(): void {
    this.#graph.calls.forEach((call, index) => {
      this.#now = index;
      for (const value of call.inputs) this.#bringInside(value);
      for (const value of call.outputs) this.#placeOutput(call, index, value);
      launcherOf(call)!.launch(call, this.#context);
      for (const value of call.outputs) this.#bringOutside(value);
      for (const value of new Set([...call.inputs, ...call.outputs])) {
        if ((this.#lastUse.get(value.id) ?? index) <= index) this.#release(value);
      }
    });
  }

  /** The steps, and before them what fills their slots. */
  #with(fillings: readonly Filling[]): Step[] {
    const before = Map.groupBy(fillings, ({ at }) => at);
    const filling = (at: number) => (before.get(at) ?? []).map(({ step }) => step);
    return this.#main.flatMap((step, at) => [...filling(at), step]);
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
    temporary: (bytes) => ({ base: this.#slot(bytes, "temporary"), offset: 0 }),
    derive: (from, bytes, stepFor) => {
      const constant = from.every((value) => this.#parameters.has(value.id));
      const step = stepFor(NOWHERE);
      if (bytes >= this.#largeBytes || this.#isMadeAnew(step)) {
        // One call may derive in several steps, of which each reads what the one before has made.
        const base = this.#slot(bytes, "large weights");
        this.#shortLived.add(base);
        this.#main.push(stepFor({ base, offset: 0 }));
        return { base, offset: 0 };
      }
      // What is bound stays the same during a run, so calls with the same weights share what is made of them.
      const shared = from.every((value) => this.#bound.has(value.id));
      const key = shared ? JSON.stringify([step.kernel, step.args]) : "";
      const found = this.#derived.get(key);
      if (found !== undefined) {
        this.#slots[found].last = this.#now;
        return { base: found, offset: 0 };
      }
      const slot = this.#slot(bytes, "weights");
      if (shared) this.#derived.set(key, slot);
      const made = stepFor({ base: slot, offset: 0 });
      if (constant) this.#constants.push({ slot, at: this.#main.length, step: made });
      else this.#main.push(made);
      return { base: slot, offset: 0 };
    },
  };

  /** Memory in use from this call on, and until a later one where somebody says so. */
  #slot(bytes: number, kind: string): number {
    return this.#slots.push({ bytes, kind, first: this.#now, last: this.#now }) - 1;
  }

  /** A slot for a value inside the program. */
  #take(layout: Layout): View {
    const slot = this.#slot(byteLength(layout), layoutKey(layout));
    const step = clearStep(layout, { base: slot, offset: 0 });
    if (step) this.#clearings.push({ slot, at: this.#main.length, step });
    const place = { base: slot, offset: originOffset(layout) };
    return { ...stridesOf(layout), layout, place };
  }

  /** Whether a step reads large derived weights. */
  #isMadeAnew({ args }: Step): boolean {
    const large: ReadonlySet<unknown> = this.#shortLived;
    return args.some((arg) => typeof arg === "object" && "base" in arg && large.has(arg.base));
  }

  /** Whether kernels see a value in the caller's own array. */
  #isDense(value: Value): boolean {
    return this.#bound.has(value.id) && !this.#halos.has(value.id);
  }

  #boundView(value: Value): View {
    const layout = denseLayout(value.shape);
    return { ...stridesOf(layout), layout, place: { base: value, offset: 0 } };
  }

  #innerLayout(value: Value): Layout {
    if (this.#plain.has(value.id)) return denseLayout(value.shape);
    return paddedLayout(value.shape, this.#halos.get(value.id) ?? NO_HALO);
  }

  /** Copies an input that needs a halo to where it has one, once. */
  #bringInside(value: Value): void {
    if (!this.#bound.has(value.id) || this.#isDense(value) || this.#views.has(value.id)) return;
    const view = this.#take(this.#innerLayout(value));
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
    this.#views.set(value.id, heir ? this.#views.get(heir.id)! : this.#take(layout));
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
    this.#slots[view.place.base as number].last = this.#now;
  }
}

/** Plans a graph; every call must have a launcher. */
export function planGraph(graph: Graph, roomyBytes: number = ROOMY_BYTES): Plan {
  const fused = fuseMargins(fuseGradients(fuse(graph)));
  const roomy = new Planner(fused, LARGE_BYTES.roomy).planRoomy();
  if (roomy.memory.bytes <= roomyBytes) return roomy;
  return new Planner(fused, LARGE_BYTES.tight).planTight();
}
