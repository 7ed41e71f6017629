/**
 * Where graphs run. A backend knows no op by name: it runs launchers from `kernels/mod.ts` or `wasm/mod.ts`, and
 * nothing of models or canvases. `compile` prepares once; `run` is ordered and does not wait; only `read` waits.
 */
import type { DType, TypedArray } from "../formats/nd_array.ts";
import type { Graph } from "../ops/graph.ts";
import type { Call, Shape } from "../ops/op.ts";

/** Memory of one backend; opaque to everyone else. */
export interface Tensor {
  /** Extent per axis, slowest first. */
  readonly shape: Shape;
  /** Type of the elements. */
  readonly dtype: DType;
  /** What it is, for messages and profiles. */
  readonly label: string;
  /** Gives the memory back; the tensor must not be used afterwards. */
  dispose(): void;
}

/** A graph prepared for one backend. */
export interface Program {
  /** What was prepared. */
  readonly graph: Graph;
  /** Gives its memory back; it must not be run afterwards. */
  dispose(): void;
}

/** One place where graphs can run. */
export interface Backend extends AsyncDisposable {
  /** Which kind of backend it is. */
  readonly name: "reference" | "wasm" | "webgpu";
  /** One line for logs: threads, or adapter and driver. */
  readonly description: string;
  /** Whether a kernel for this call exists here. */
  supports(call: Call): boolean;
  /** Zero-filled memory. */
  allocate(shape: Shape, dtype: DType, label: string): Tensor;
  /** Copies `data` (as many elements as the tensor has) into `tensor`. */
  write(tensor: Tensor, data: TypedArray): void;
  /** Copies `tensor` out; waits for all earlier runs. `into` is filled and returned where given. */
  read<T extends TypedArray>(tensor: Tensor, into?: T): Promise<T>;
  /** Plans buffers, chooses variants, builds pipelines; once per graph. */
  compile(graph: Graph): Promise<Program>;
  /** Runs `program` with a tensor for each of its inputs, parameters and outputs, by name. */
  run(program: Program, bindings: Readonly<Record<string, Tensor>>): void;
}
