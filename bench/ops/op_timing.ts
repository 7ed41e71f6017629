/** Checks one call on the CPU against the plain loops at a small size, then times it at full size. */
import type { Backend, Program, Tensor } from "../../engine/backends/backend.ts";
import { openReferenceBackend } from "../../engine/backends/reference.ts";
import type { WasmProgram } from "../../engine/backends/wasm/program.ts";
import type { WasmBackend } from "../../engine/backends/wasm/wasm_backend.ts";
import { elementCount } from "../../engine/formats/nd_array.ts";
import { GraphBuilder } from "../../engine/ops/graph.ts";
import type { Attributes, Op, Shape, Work } from "../../engine/ops/op.ts";
import { seededRandom } from "../../tests/support/random.ts";
import { quantile } from "../statistics.ts";

/** A call whose second and later inputs are parameters, by its shapes for a field of view `[z, y, x]`. */
export interface TimedCall {
  readonly op: Op;
  shapes(fov: readonly number[]): Shape[];
  readonly attributes?: Attributes;
}

/** Figures of one call. */
export interface Timing {
  readonly kernel: string;
  readonly medianMs: number;
  readonly leastMs: number;
  /** Of the least time. */
  readonly gflops: number;
  readonly gigabytesPerSecond: number;
  /** Largest error at the small size, relative to the largest value. */
  readonly error: number;
}

const TOLERANCE = 2e-5;
const SMALL = [4, 5, 7];

/** Long enough for V8 to optimise and for the threads to choose between kernels. */
const WARM_UP = 60;

interface Prepared {
  readonly program: Program;
  readonly bindings: Record<string, Tensor>;
  readonly work: Work;
}

async function prepare(
  backend: Backend,
  call: TimedCall,
  fov: readonly number[],
): Promise<Prepared> {
  const random = seededRandom(3);
  const shapes = call.shapes(fov);
  const builder = new GraphBuilder();
  const values = shapes.map((shape, i) =>
    i === 0 ? builder.input("x0", shape) : builder.parameter(`x${i}`, shape)
  );
  const [result] = builder.call(call.op, values, call.attributes);
  builder.output("y", result);
  const graph = builder.build();
  const bindings: Record<string, Tensor> = { y: backend.allocate(result.shape, "float32", "y") };
  for (const [i, shape] of shapes.entries()) {
    const data = Float32Array.from({ length: elementCount(shape) }, () => 2 * random() - 1);
    bindings[`x${i}`] = backend.allocate(shape, "float32", `x${i}`);
    backend.write(bindings[`x${i}`], data);
  }
  const program = await backend.compile(graph);
  return { program, bindings, work: call.op.work(graph.calls[0]) };
}

function dispose({ program, bindings }: Prepared): void {
  program.dispose();
  for (const tensor of Object.values(bindings)) tensor.dispose();
}

/** Largest error at a small size, relative to the largest value. */
async function errorOf(backend: Backend, call: TimedCall): Promise<number> {
  const results: Float32Array[] = [];
  for (const side of [openReferenceBackend(), backend]) {
    const prepared = await prepare(side, call, SMALL);
    side.run(prepared.program, prepared.bindings);
    results.push(await side.read<Float32Array>(prepared.bindings.y));
    dispose(prepared);
  }
  const [expected, actual] = results;
  const scale = expected.reduce((m, v) => Math.max(m, Math.abs(v)), 0);
  return actual.reduce((m, v, i) => Math.max(m, Math.abs(v - expected[i])), 0) / scale;
}

/**
 * Times the kernel of a call, without the copies between dense arrays and those with a halo.
 *
 * @throws {RangeError} when its results are wrong; nothing is timed then.
 */
export async function timeCall(
  backend: WasmBackend,
  call: TimedCall,
  fov: readonly number[],
  runs = 40,
): Promise<Timing> {
  const error = await errorOf(backend, call);
  if (!(error <= TOLERANCE)) {
    throw new RangeError(
      `Cannot time "${call.op.name}": its error is ${error}, allowed is ${TOLERANCE}`,
    );
  }
  const prepared = await prepare(backend, call, fov);
  const { program, bindings, work } = prepared;
  const done = backend.allocate([1], "float32", "done");
  const times: number[] = [];
  let kernel = "";
  for (let i = -WARM_UP; i < runs; i++) {
    backend.run(program, bindings);
    await backend.read(done);
    const own = (program as WasmProgram).takeTimes().filter(({ kernel: name }) =>
      name !== "copy_channels" || call.op.name === "concat_channels"
    );
    kernel = own.map((step) => step.kernel).join(" + ");
    if (i >= 0) times.push(own.reduce((sum, { ms }) => sum + ms, 0));
  }
  dispose(prepared);
  done.dispose();
  const leastMs = Math.min(...times);
  return {
    kernel,
    medianMs: quantile(times, 0.5),
    leastMs,
    gflops: work.flops / leastMs * 1e-6,
    gigabytesPerSecond: work.bytes / leastMs * 1e-6,
    error,
  };
}
