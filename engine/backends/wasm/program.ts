/** A planned graph as words in shared memory, which the threads walk. */
import type { Graph } from "../../ops/graph.ts";
import type { Argument, Place, Step, View } from "../../../wasm/launcher.ts";
import { KERNELS } from "../../../wasm/mod.ts";
import type { Program } from "../backend.ts";
import type { Arena } from "./arena.ts";
import { planGraph } from "./planner.ts";

/** Words of the header and of a call (`wasm/assembly/program.ts`). */
const HEADER_WORDS = 3;
const CALL_WORDS = 6;
/** Word of a call that holds the time spent in it. */
const CALL_MS = 5;

/** Scratch memory of two threads must not share a cache line. */
const SCRATCH_ALIGNMENT = 64;

const KERNEL_NUMBERS = new Map(KERNELS.map(({ name }, index) => [name, index]));

/** A word that holds the address of a bound tensor. */
interface Patch {
  readonly word: number;
  readonly valueId: number;
  readonly offset: number;
}

/** Steps in memory. */
export interface CallList {
  readonly address: number;
  readonly steps: readonly Step[];
  readonly patches: readonly Patch[];
}

function isView(argument: View | Place): argument is View {
  return "voxel" in argument;
}

/** Arguments with views spread out: numbers, and places still to be resolved. */
function flatten(args: readonly Argument[]): (number | { f32: number } | Place)[] {
  return args.flatMap((arg) =>
    typeof arg === "object" && !("f32" in arg) && isView(arg)
      ? [arg.place, arg.batch, arg.slice, arg.row, arg.voxel]
      : [arg]
  );
}

function kernelNumber(name: string): number {
  const number = KERNEL_NUMBERS.get(name);
  if (number === undefined) throw new RangeError(`Cannot find the kernel "${name}"`);
  return number;
}

/** Writes steps into memory; slots have addresses, and scratch is the memory of all threads, one stride each. */
function writeCalls(
  steps: readonly Step[],
  arena: Arena,
  addresses: readonly number[],
  scratch: { address: number; stride: number },
): CallList {
  const flat = steps.map((step) => flatten(step.args));
  const firstArgument = HEADER_WORDS + CALL_WORDS * steps.length;
  const words = firstArgument + flat.reduce((sum, args) => sum + args.length, 0);
  const address = arena.allocate(words * 4, "call list");
  const i32 = new Int32Array(arena.memory.buffer, address, words);
  const f32 = new Float32Array(arena.memory.buffer, address, words);
  const patches: Patch[] = [];
  i32.set([steps.length, scratch.address, scratch.stride]);
  let at = firstArgument;
  steps.forEach((step, index) => {
    const kernels = [kernelNumber(step.kernel), kernelNumber(step.alternative ?? step.kernel)];
    const last = index === steps.length - 1;
    i32.set(
      [...kernels, address + at * 4, step.items, last ? 0 : 1, 0],
      HEADER_WORDS + CALL_WORDS * index,
    );
    for (const arg of flat[index]) {
      if (typeof arg === "number") i32[at] = arg;
      else if ("f32" in arg) f32[at] = arg.f32;
      else if (typeof arg.base === "number") i32[at] = addresses[arg.base] + arg.offset;
      else patches.push({ word: address / 4 + at, valueId: arg.base.id, offset: arg.offset });
      at++;
    }
  });
  return { address, steps, patches };
}

/** A compiled graph of the wasm backend. */
export class WasmProgram implements Program {
  readonly graph: Graph;
  /** Derives packed weights from parameters; its steps do not depend on each other. */
  readonly prepare: CallList;
  readonly main: CallList;
  /** Parameters that `prepare` last ran for: value id to tensor and its version. */
  readonly prepared = new Map<number, { readonly tensor: object; readonly version: number }>();
  readonly #arena: Arena;
  readonly #dispose: () => void;

  constructor(
    graph: Graph,
    arena: Arena,
    { threads, roomyBytes }: { threads: number; roomyBytes?: number },
    whenIdle: (job: () => void) => void,
  ) {
    this.graph = graph;
    this.#arena = arena;
    const owned: number[] = [];
    const free = () => owned.forEach((address) => arena.free(address));
    this.#dispose = () => whenIdle(free);
    try {
      const allocate = (bytes: number, label: string) => {
        const address = arena.allocate(bytes, label);
        owned.push(address);
        return address;
      };
      const plan = planGraph(graph, roomyBytes);
      const start = allocate(plan.memory.bytes, "activations");
      const addresses = plan.memory.offsets.map((offset) => start + offset);
      const most = Math.max(0, ...[...plan.prepare, ...plan.main].map((s) => s.scratchBytes ?? 0));
      const stride = Math.ceil(most / SCRATCH_ALIGNMENT) * SCRATCH_ALIGNMENT;
      const scratch = { address: allocate(stride * threads, "scratch"), stride };
      this.prepare = writeCalls(plan.prepare, arena, addresses, scratch);
      owned.push(this.prepare.address);
      this.main = writeCalls(plan.main, arena, addresses, scratch);
      owned.push(this.main.address);
    } catch (cause) {
      free();
      throw cause;
    }
  }

  /** Milliseconds per call of `main` since the last time this was asked, as the first thread saw them. */
  takeTimes(): { readonly kernel: string; readonly ms: number }[] {
    const { address, steps } = this.main;
    const f32 = new Float32Array(
      this.#arena.memory.buffer,
      address,
      HEADER_WORDS + CALL_WORDS * steps.length,
    );
    return steps.map(({ kernel }, index) => {
      const word = HEADER_WORDS + CALL_WORDS * index + CALL_MS;
      const ms = f32[word];
      f32[word] = 0;
      return { kernel, ms };
    });
  }

  dispose(): void {
    this.#dispose();
  }
}
