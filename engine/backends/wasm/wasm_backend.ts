/** Runs graphs with the WebAssembly kernels, on worker threads over one shared memory. */
import {
  arrayConstructor,
  type DType,
  elementCount,
  itemSize,
  type TypedArray,
} from "../../formats/nd_array.ts";
import { UnsupportedError } from "../../errors/errors.ts";
import { compileModules, loadModuleBytes } from "../../../wasm/mod.ts";
import type { Graph } from "../../ops/graph.ts";
import { type Call, describeShape, type Shape } from "../../ops/op.ts";
import type { Backend, Program, Tensor } from "../backend.ts";
import { boundTensors, checkElementCount } from "../bindings.ts";
import { Arena } from "./arena.ts";
import { launcherOf } from "./planner.ts";
import { type CallList, WasmProgram } from "./program.ts";
import { ThreadPool } from "./thread_pool.ts";

/** How many threads, and how much memory they may use together. */
export interface WasmBackendOptions {
  /** Default: one per core. */
  readonly threads?: number;
  /** Address space to reserve; default 4 GiB, of which only what is used is backed by real memory. */
  readonly memoryBytes?: number;
  /** Bytes up to which a program is laid out for speed rather than for little memory; default 1 GiB. */
  readonly roomyBytes?: number;
  /** Kernels that were loaded elsewhere, for a process that may read no file. */
  readonly modules?: ReadonlyMap<string, WebAssembly.Module>;
}

/** Far beyond what any layer can be cut into; more is a typing error. */
const MAX_THREADS = 1024;

class WasmTensor implements Tensor {
  /** Grows with every change of the contents. */
  version = 0;
  readonly #free: () => void;
  constructor(
    readonly shape: Shape,
    readonly dtype: DType,
    readonly label: string,
    readonly address: number,
    free: () => void,
  ) {
    this.#free = free;
  }
  dispose(): void {
    this.#free();
  }
}

/** Jobs that run one after the other; a job that needs no waiting runs at once when nothing is ahead of it. */
class JobQueue {
  #tail: Promise<void> | null = null;
  #error: unknown = null;

  enqueue(job: () => Promise<void> | void): void {
    if (this.#error) return;
    if (this.#tail) this.#follow(this.#tail.then(job));
    else {
      const result = job();
      if (result) this.#follow(result);
    }
  }

  /** Whether a job that is enqueued now has to wait. */
  get busy(): boolean {
    return this.#tail !== null;
  }

  /** Waits for everything enqueued so far; throws the first error of any job, ever after. */
  async idle(): Promise<void> {
    await this.#tail;
    if (this.#error) throw this.#error;
  }

  #follow(result: Promise<void>): void {
    const tail: Promise<void> = result.catch((error) => void (this.#error ??= error)).then(() => {
      if (this.#tail === tail) this.#tail = null;
    });
    this.#tail = tail;
  }
}

/** The CPU backend. */
export class WasmBackend implements Backend {
  readonly name = "wasm";
  readonly description: string;
  readonly #arena: Arena;
  readonly #pool: ThreadPool;
  readonly #roomyBytes?: number;
  readonly #jobs = new JobQueue();

  constructor(arena: Arena, pool: ThreadPool, roomyBytes?: number) {
    this.#arena = arena;
    this.#pool = pool;
    this.#roomyBytes = roomyBytes;
    this.description = `WebAssembly, ${pool.threads} thread${pool.threads === 1 ? "" : "s"}`;
  }

  /** What the threads are at, for reports about a process that hangs. */
  get activity(): string {
    return this.#pool.activity;
  }

  supports(call: Call): boolean {
    return supportsCall(call);
  }

  allocate(shape: Shape, dtype: DType, label: string): Tensor {
    const address = this.#arena.allocate(elementCount(shape) * itemSize(dtype), label);
    const free = () => this.#jobs.enqueue(() => this.#arena.free(address));
    return new WasmTensor(shape, dtype, label, address, free);
  }

  write(tensor: Tensor, data: TypedArray): void {
    checkElementCount("write", tensor, data);
    const target = tensor as WasmTensor;
    const view = this.#view(target);
    target.version++;
    // The caller may change its array as soon as this returns.
    const source = this.#jobs.busy ? data.slice() : data;
    this.#jobs.enqueue(() => view.set(source as never));
  }

  async read<T extends TypedArray>(tensor: Tensor, into?: T): Promise<T> {
    if (into) checkElementCount("read", tensor, into);
    await this.#jobs.idle();
    const view = this.#view(tensor as WasmTensor);
    if (!into) return view.slice() as T;
    into.set(view as never);
    return into;
  }

  compile(graph: Graph): Promise<Program> {
    const lacking = graph.calls.find((call) => !this.supports(call));
    if (lacking) {
      const shapes = lacking.inputs.map((v) => describeShape(v.shape)).join(", ");
      const reason = `Cannot compile "${lacking.op.name}" of ${shapes} for the wasm backend`;
      return Promise.reject(new UnsupportedError(`${reason}: it has no kernel for this call`));
    }
    try {
      const whenIdle = (job: () => void) => this.#jobs.enqueue(job);
      const options = { threads: this.#pool.threads, roomyBytes: this.#roomyBytes };
      return Promise.resolve(new WasmProgram(graph, this.#arena, options, whenIdle));
    } catch (cause) {
      return Promise.reject(cause);
    }
  }

  run(program: Program, bindings: Readonly<Record<string, Tensor>>): void {
    const { graph } = program;
    const bound = boundTensors(graph, bindings as Readonly<Record<string, WasmTensor>>);
    const tensors = new Map(bound.map(([value, tensor]) => [value.id, tensor]));
    const versions = new Map([...tensors].map(([id, tensor]) => [id, tensor.version]));
    for (const value of graph.outputs.values()) tensors.get(value.id)!.version++;
    const compiled = program as WasmProgram;
    this.#jobs.enqueue(() => this.#runNow(compiled, tensors, versions));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What went wrong was told to whoever read.
    await this.#jobs.idle().catch(() => {});
    this.#pool.close();
  }

  async #runNow(
    program: WasmProgram,
    tensors: ReadonlyMap<number, WasmTensor>,
    versions: ReadonlyMap<number, number>,
  ): Promise<void> {
    let changed = false;
    for (const { id } of program.graph.parameters.values()) {
      const [tensor, version] = [tensors.get(id)!, versions.get(id)!];
      const last = program.prepared.get(id);
      changed ||= last?.tensor !== tensor || last.version !== version;
      program.prepared.set(id, { tensor, version });
    }
    if (changed) await this.#runCalls(program.prepare, tensors);
    await this.#runCalls(program.main, tensors);
  }

  #runCalls(list: CallList, tensors: ReadonlyMap<number, WasmTensor>): Promise<void> {
    const words = new Int32Array(this.#arena.memory.buffer);
    for (const { word, valueId, offset } of list.patches) {
      words[word] = tensors.get(valueId)!.address + offset;
    }
    return this.#pool.run(list.address, (index) => list.steps[index]?.kernel ?? "none");
  }

  #view(tensor: WasmTensor): TypedArray {
    const { buffer } = this.#arena.memory;
    const count = elementCount(tensor.shape);
    return new (arrayConstructor(tensor.dtype))(buffer as never, tensor.address, count);
  }
}

/** Whether the CPU kernels can run a call. */
export function supportsCall(call: Call): boolean {
  return launcherOf(call) !== null &&
    [...call.inputs, ...call.outputs].every(({ dtype, shape }) =>
      dtype === "float32" && shape.length <= 5
    );
}

/**
 * Opens the CPU backend. It needs no flags and no permission but to load its own modules; closing it ends its threads.
 *
 * @throws {RangeError} when `threads` is not an integer from 1 on.
 */
export async function openWasmBackend(options: WasmBackendOptions = {}): Promise<WasmBackend> {
  const threads = options.threads ?? navigator.hardwareConcurrency;
  if (!Number.isSafeInteger(threads) || threads < 1 || threads > MAX_THREADS) {
    throw new RangeError(
      `Cannot open the wasm backend: threads must be an integer from 1 to ${MAX_THREADS}, current value is ${threads}`,
    );
  }
  const arena = new Arena(options.memoryBytes);
  const modules = options.modules ?? await compileModules(await loadModuleBytes());
  const pool = await ThreadPool.open(threads, arena, modules);
  return new WasmBackend(arena, pool, options.roomyBytes);
}
