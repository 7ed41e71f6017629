/**
 * The wasm backend in a child process. The V8 flags that make wasm twice as fast take out its bounds checks, so the code
 * that runs under them is kept apart from everything that reads files: the child has no permission at all, and no data
 * but what comes over its pipe.
 */
import { arrayConstructor, type DType, type TypedArray } from "../../formats/nd_array.ts";
import { KernelError, UnsupportedError } from "../../errors/errors.ts";
import type { Graph } from "../../ops/graph.ts";
import type { Call, Shape } from "../../ops/op.ts";
import { loadModuleBytes } from "../../../wasm/mod.ts";
import type { Backend, Program, Tensor } from "../backend.ts";
import { boundTensors, checkElementCount } from "../bindings.ts";
import { supportsCall } from "../wasm/wasm_backend.ts";
import { Connection } from "./connection.ts";
import { bytesOf } from "./frames.ts";
import { graphToText } from "./graph_text.ts";

/** How the child is set up. */
export interface KernelProcessOptions {
  /** Threads of the child; default one per core. */
  readonly threads?: number;
  /** Told when a child has died and another one is being set up. */
  readonly onRestart?: (message: string) => void;
  /** Time without any progress after which a child counts as stuck; default one minute. */
  readonly stallMs?: number;
}

/** Deaths in a row, without one answer between them, after which no further child is started. */
const MAX_RESTARTS = 3;

class RemoteTensor implements Tensor {
  /** Contents that came from this side, until a run replaces them; a new child gets them again. */
  written: TypedArray | null = null;
  /** Set while the contents are the result of a run, which a new child does not have. */
  computed = false;
  /** Set when results were lost with a child. */
  lost: KernelError | null = null;
  readonly #dispose: () => void;
  constructor(
    readonly id: number,
    readonly shape: Shape,
    readonly dtype: DType,
    readonly label: string,
    dispose: (tensor: RemoteTensor) => void,
  ) {
    this.#dispose = () => dispose(this);
  }
  dispose(): void {
    this.#dispose();
  }
}

class RemoteProgram implements Program {
  readonly #dispose: () => void;
  constructor(
    readonly id: number,
    readonly graph: Graph,
    dispose: (program: RemoteProgram) => void,
  ) {
    this.#dispose = () => dispose(this);
  }
  dispose(): void {
    this.#dispose();
  }
}

class KernelProcessBackend implements Backend {
  readonly name = "wasm";
  readonly #modules: ReadonlyMap<string, Uint8Array>;
  readonly #options: KernelProcessOptions;
  readonly #tensors = new Set<RemoteTensor>();
  readonly #programs = new Set<RemoteProgram>();
  #connection!: Connection;
  #description = "";
  #nextId = 0;
  #restarts = 0;
  #closed = false;
  /** Set when no further child is started. */
  #broken: KernelError | null = null;

  constructor(modules: ReadonlyMap<string, Uint8Array>, options: KernelProcessOptions) {
    this.#modules = modules;
    this.#options = options;
  }

  get description(): string {
    return this.#description;
  }

  /** Starts a child and gives it everything that the last one had, apart from results. */
  async start(): Promise<void> {
    const connection = this.#connection = new Connection(this.#options.stallMs);
    for (const [name, bytes] of this.#modules) connection.send({ kind: "module", name }, bytes);
    const { threads } = this.#options;
    const opened = connection.ask((reply) => ({ kind: "open", reply, threads }), "open");
    for (const tensor of this.#tensors) {
      this.#allocate(tensor);
      if (tensor.written) this.#write(tensor, tensor.written);
    }
    const compiled = [...this.#programs].map((program) => this.#compile(program));
    connection.died.then((error) => this.#replace(connection, error));
    const [{ description }] = await Promise.all([opened, ...compiled]);
    this.#description = `${description} in a kernel process`;
  }

  supports(call: Call): boolean {
    return supportsCall(call);
  }

  allocate(shape: Shape, dtype: DType, label: string): Tensor {
    const tensor = new RemoteTensor(this.#nextId++, shape, dtype, label, (t) => {
      if (this.#tensors.delete(t)) this.#connection.send({ kind: "dispose", tensor: t.id });
    });
    this.#tensors.add(tensor);
    this.#allocate(tensor);
    return tensor;
  }

  write(tensor: Tensor, data: TypedArray): void {
    checkElementCount("write", tensor, data);
    const remote = tensor as RemoteTensor;
    // The caller may change its array as soon as this returns.
    const copy = new (arrayConstructor(tensor.dtype))(data as never);
    remote.written = copy;
    remote.computed = false;
    remote.lost = null;
    this.#write(remote, copy);
  }

  async read<T extends TypedArray>(tensor: Tensor, into?: T): Promise<T> {
    if (into) checkElementCount("read", tensor, into);
    const remote = tensor as RemoteTensor;
    const lost = this.#broken ?? remote.lost;
    if (lost) throw lost;
    const { payload } = await this.#connection.ask(
      (reply) => ({ kind: "read", reply, tensor: remote.id }),
      `"${remote.label}"`,
    );
    this.#restarts = 0;
    const data = new (arrayConstructor(tensor.dtype))(payload.buffer) as T;
    if (!into) return data;
    into.set(data as never);
    return into;
  }

  async compile(graph: Graph): Promise<Program> {
    const lacking = graph.calls.find((call) => !supportsCall(call));
    if (lacking) {
      throw new UnsupportedError(
        `Cannot compile "${lacking.op.name}" for the wasm backend: it has no kernel for this call`,
      );
    }
    if (this.#broken) throw this.#broken;
    const program = new RemoteProgram(this.#nextId++, graph, (p) => {
      if (this.#programs.delete(p)) this.#connection.send({ kind: "dispose", program: p.id });
    });
    await this.#compile(program);
    this.#programs.add(program);
    return program;
  }

  run(program: Program, bindings: Readonly<Record<string, Tensor>>): void {
    const { graph, id } = program as RemoteProgram;
    const bound = boundTensors(graph, bindings as Readonly<Record<string, RemoteTensor>>);
    const results = new Set([...graph.outputs.values()].map((value) => value.id));
    const lost = bound.find(([value, tensor]) => !results.has(value.id) && tensor.lost)?.[1].lost;
    for (const [value, tensor] of bound) {
      if (!results.has(value.id)) continue;
      tensor.computed = true;
      tensor.written = null;
      tensor.lost = lost ?? null;
    }
    const ids = Object.entries(bindings).map(([name, t]) => [name, (t as RemoteTensor).id]);
    this.#connection.send({ kind: "run", program: id, bindings: Object.fromEntries(ids) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#connection.close();
  }

  #allocate({ id, shape, dtype, label }: RemoteTensor): void {
    this.#connection.send({ kind: "allocate", tensor: id, shape, dtype, label });
  }

  #write(tensor: RemoteTensor, data: TypedArray): void {
    this.#connection.send({ kind: "write", tensor: tensor.id }, bytesOf(data));
  }

  async #compile({ id, graph }: RemoteProgram): Promise<void> {
    const text = graphToText(graph);
    await this.#connection.ask(
      (reply) => ({ kind: "compile", reply, program: id, graph: text }),
      "compile",
    );
  }

  /** Puts a new child in the place of one that died. */
  #replace(connection: Connection, error: KernelError): void {
    if (this.#closed || connection !== this.#connection) return;
    for (const tensor of this.#tensors) {
      if (tensor.computed) tensor.lost = error;
    }
    if (++this.#restarts > MAX_RESTARTS) {
      this.#broken = new KernelError(
        `Cannot go on: ${this.#restarts} kernel processes died one after the other, the last one so: ${error.message}; use --kernel-process off`,
        { label: error.label },
      );
      return;
    }
    this.#options.onRestart?.(`${error.message}; starting another one`);
    // Where this fails the next child has died as well, and that is told to whoever reads.
    this.start().catch(() => {});
  }
}

/**
 * Opens the CPU backend in a child process without permissions. Needs the permission to run `deno`.
 *
 * A child that dies or hangs is replaced: pending reads reject with a `KernelError` whose `recovered` is set, and the
 * caller may write its inputs and run once more.
 *
 * @throws {UnsupportedError} when no child can be started.
 */
export async function openKernelProcess(options: KernelProcessOptions = {}): Promise<Backend> {
  const backend = new KernelProcessBackend(await loadModuleBytes(), options);
  try {
    await backend.start();
    return backend;
  } catch (cause) {
    await backend[Symbol.asyncDispose]();
    throw cause;
  }
}
