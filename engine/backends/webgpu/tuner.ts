import type { PlacedCall, Variant } from "../../../kernels/kernel.ts";
import { GraphBuilder } from "../../ops/graph.ts";
import type { Value } from "../../ops/op.ts";
import { measuredOnce } from "../measured_choices.ts";
import type { WebGpuBackend } from "./backend.ts";
import { OutOfMemoryError } from "./failure.ts";
import { type ChooseVariant, GpuProgram } from "./program.ts";
import { fastestOf, isWorthMeasuring, preferredVariant } from "./tuning.ts";

/** What a timing should take at least, and the most runs that it may take. */
const TIMING_MS = 10;
const MOST_RUNS = 50;

/**
 * Chooses variants by measuring them, once per adapter, driver and shape: which is fastest differs between GPUs, and a
 * choice that is kept also keeps the rounding of results the same from run to run.
 */
export class Tuner {
  readonly #backend: WebGpuBackend;
  readonly #byRule: ChooseVariant;
  readonly #print?: (line: string) => void;

  /** @param print Told what was measured. */
  constructor(backend: WebGpuBackend, print?: (line: string) => void) {
    this.#backend = backend;
    const { device: { software }, profile: { subgroupSize } } = backend;
    this.#byRule = preferredVariant({ software, subgroupSize });
    this.#print = print;
  }

  /** Picks one of the supported variants; a `ChooseVariant`. */
  async choose(placed: PlacedCall, supported: readonly Variant[]): Promise<Variant> {
    const candidates = supported.filter((v) => v.name !== "generic");
    if (!isWorthMeasuring(placed) || candidates.length < 2) {
      return await this.#byRule(placed, supported);
    }
    const name = await measuredOnce(
      "webgpu_variants",
      this.#keyOf(placed, candidates),
      () => this.#fastest(placed, candidates),
    );
    // A file that somebody edited may name anything.
    return candidates.find((v) => v.name === name) ?? candidates[0];
  }

  /** Everything that a choice depends on; WebGPU tells no driver version, Mesa's is in the name. */
  #keyOf({ call, inputs }: PlacedCall, candidates: readonly Variant[]): unknown {
    return {
      adapter: this.#backend.device.name,
      deno: Deno.version.deno,
      op: call.op.name,
      shapes: call.inputs.map((v) => v.shape),
      attributes: call.attributes,
      storage: inputs[0].real,
      candidates: candidates.map((v) => v.name),
      // Changes with the kernels and with how they are measured: older choices are not taken over.
      version: 2,
    };
  }

  async #fastest(placed: PlacedCall, candidates: readonly Variant[]): Promise<string> {
    const { call } = placed;
    // Memory that the program at hand did not get is not to be blamed on a variant.
    await this.#backend.device.settleAllocations();
    const preferred = await this.#byRule(placed, candidates);
    const { name, mediansMs } = await fastestOf(
      candidates.map((v) => v.name),
      preferred.name,
      (name) => this.#time(placed, candidates.find((v) => v.name === name)!),
    );
    if ([...mediansMs.values()].every((ms) => ms === Infinity)) {
      throw new OutOfMemoryError(
        `Cannot prepare "${call.op.name}" on "${this.#backend.device.name}": no variant finds the memory; use a smaller batch or subvolume`,
      );
    }
    const listed = [...mediansMs].map(([name, ms]) => `${name} ${ms.toFixed(2)} ms`).join(", ");
    const shapes = call.inputs.map((v) => v.shape.join("x")).join(" ");
    this.#print?.(`${call.op.name} ${shapes}: ${listed}`);
    return name;
  }

  /** Milliseconds of one run; infinite for a variant that the device has no memory for. */
  async #time({ call, inputs }: PlacedCall, variant: Variant): Promise<number> {
    const backend = this.#backend;
    const graph = new GraphBuilder();
    const isParameter = (i: number) => inputs[i].halo === 0;
    const declare = ({ shape }: Value, i: number) =>
      isParameter(i) ? graph.parameter(`input${i}`, shape) : graph.input(`input${i}`, shape);
    const [y] = graph.call(call.op, call.inputs.map(declare), call.attributes);
    graph.output("output", y);
    const built = graph.build();
    const bindings = Object.fromEntries(
      [...built.inputs, ...built.parameters, ...built.outputs].map(([name, { shape }]) => [
        name,
        backend.allocate(shape, "float32", name),
      ]),
    );
    try {
      const program = await GpuProgram.compile(
        built,
        backend.device,
        backend.pipelines,
        backend.profile,
        () => Promise.resolve(variant),
      );
      const probe = backend.allocate([1], "float32", "probe");
      const runsMs = async (runs: number) => {
        const startedMs = performance.now();
        for (let run = 0; run < runs; run++) backend.run(program, bindings);
        await backend.read(probe);
        return performance.now() - startedMs;
      };
      // Compiles, packs the weights and warms up.
      await runsMs(1);
      // An awaited read alone takes 12 ms.
      const readMs = await runsMs(0);
      const onceMs = Math.max(await runsMs(1) - readMs, TIMING_MS / MOST_RUNS);
      const runs = Math.ceil(TIMING_MS / onceMs);
      const ms = runs > 1 ? Math.max(await runsMs(runs) - readMs, 0) / runs : onceMs;
      program.dispose();
      probe.dispose();
      return ms;
    } catch (error) {
      backend.device.failure.check();
      if (error instanceof OutOfMemoryError) return Infinity;
      throw error;
    } finally {
      for (const tensor of Object.values(bindings)) tensor.dispose();
    }
  }
}
