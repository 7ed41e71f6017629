/** What an op means: shapes, plain-loop reference, gradient rule, work. Where it runs is a backend's business. */
import { type DType, elementCount, itemSize, type TypedArray } from "../formats/nd_array.ts";

/** Extent per axis; activations are `[batch, z, y, x, channel]`, convolution weights `[z, y, x, in, out]`. */
export type Shape = readonly number[];

/** Plain numbers, vectors and switches that an op takes besides its tensors. */
export type Attributes = Readonly<Record<string, number | boolean | string | readonly number[]>>;

/** A named, shaped tensor of a graph. It has no storage: a backend binds that. */
export interface Value {
  /** Unique in its graph. */
  readonly id: number;
  /** For messages; inputs, parameters and outputs are bound by it. */
  readonly name: string;
  /** Extent per axis. */
  readonly shape: Shape;
  /** Type of the elements. */
  readonly dtype: DType;
}

/** An array on the host, as the reference loops see it. */
export interface Host {
  /** Extent per axis. */
  readonly shape: Shape;
  /** C order. */
  readonly data: TypedArray;
}

/** One application of an op inside a graph. */
export interface Call {
  /** What is computed. */
  readonly op: Op;
  /** Read. */
  readonly inputs: readonly Value[];
  /** Written. */
  readonly outputs: readonly Value[];
  /** Everything that is no tensor. */
  readonly attributes: Attributes;
}

/** Floating-point operations and bytes of main memory that a call needs at least. */
export interface Work {
  /** Floating-point operations; a multiplication with addition counts as two. */
  readonly flops: number;
  /** Bytes read and written once each. */
  readonly bytes: number;
}

/** The contract of an op; `engine/ops/<name>.ts` holds one each. */
export interface Op {
  /** Equal in kernels and wasm modules. */
  readonly name: string;
  /**
   * Shapes of the outputs.
   *
   * @throws {RangeError} when the inputs do not fit each other; the message gives both values.
   */
  shapes(inputs: readonly Shape[], attributes: Attributes): Shape[];
  /** Plain loops with float64 sums; the oracle of every kernel. */
  reference(inputs: readonly Host[], outputs: readonly Host[], attributes: Attributes): void;
  /**
   * Emits the calls that compute the gradient of each input from the gradients of the outputs; `needs` says for which
   * inputs it is wanted (null: none is computed). Absent where the op has no gradient.
   */
  gradient?(
    call: Call,
    outputGrads: readonly Value[],
    graph: GraphWriter,
    needs: readonly boolean[],
  ): (Value | null)[];
  /** How much one call has to do. */
  work(call: Call): Work;
}

/** The part of a graph under construction that ops and models may use. */
export interface GraphWriter {
  /** A value that is bound anew for each run. */
  input(name: string, shape: Shape, dtype?: DType): Value;
  /** A value that holds a variable of the model; `name` is its checkpoint name. */
  parameter(name: string, shape: Shape): Value;
  /** Appends a call; the shapes of its outputs come from the op. */
  call(op: Op, inputs: readonly Value[], attributes?: Attributes): Value[];
  /** Names a value as a result of the graph. */
  output(name: string, value: Value): void;
}

/** Data of an array that the reference loops read or write; they work on float32 and, for gradient checks, float64. */
export function reals(host: Host): Float32Array | Float64Array {
  const { data } = host;
  if (data instanceof Float32Array || data instanceof Float64Array) return data;
  throw new TypeError(
    `Cannot compute on ${data.constructor.name}: ops take Float32Array or Float64Array`,
  );
}

/** `[1, 33, 33, 33, 32]`, for messages. */
export function describeShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** @throws {RangeError} when `shape` does not have `rank` axes of at least one element. */
export function requireRank(action: string, shape: Shape, rank: number): void {
  if (shape.length !== rank || shape.some((n) => !Number.isSafeInteger(n) || n < 1)) {
    throw new RangeError(
      `Cannot ${action}: the shape must have ${rank} axes of 1 or more, current shape is ${
        describeShape(shape)
      }`,
    );
  }
}

/** Work of a call that reads every input once and writes every output once. */
export function workOf(call: Call, flops: number): Work {
  const elements = [...call.inputs, ...call.outputs]
    .map((v) => elementCount(v.shape) * itemSize(v.dtype));
  return { flops, bytes: elements.reduce((a, b) => a + b, 0) };
}
