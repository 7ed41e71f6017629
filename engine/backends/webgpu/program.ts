import { copyChannels } from "../../../kernels/elementwise.ts";
import type {
  DeviceProfile,
  Launch,
  Operand,
  PlacedCall,
  Plan,
  Variant,
} from "../../../kernels/kernel.ts";
import { plainLayout, sizeBytes } from "../../../kernels/layout.ts";
import { LAUNCHERS } from "../../../kernels/mod.ts";
import { UnsupportedError } from "../../errors/errors.ts";
import { fuse } from "../../ops/fusions.ts";
import type { Graph } from "../../ops/graph.ts";
import { type Call, describeShape, type Value } from "../../ops/op.ts";
import type { Program } from "../backend.ts";
import { boundTensors } from "../bindings.ts";
import type { Device } from "./device.ts";
import { planMemory } from "./memory_plan.ts";
import type { Pipeline, Pipelines } from "./pipelines.ts";
import { Places } from "./placement.ts";
import { createBuffer, type GpuTensor } from "./tensor.ts";

/** Picks one of the variants that support a call. */
export type ChooseVariant = (placed: PlacedCall, supported: readonly Variant[]) => Promise<Variant>;

/** A buffer of a dispatch: the program's own, or the tensor that is bound to a value of the graph. */
type Source = { readonly own: GPUBuffer } | { readonly value: Value };

/** A launch with its pipeline and buffers. */
interface Step {
  readonly launch: Launch;
  readonly pipeline: Pipeline;
  readonly sources: readonly Source[];
  readonly paramsOffset: number;
}

/** A launch whose buffers are known: ready to be encoded. */
export interface BoundStep {
  readonly launch: Launch;
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
}

let nextId = 1;

/** A graph planned for one device: variants chosen, memory laid out, kernels compiled. */
export class GpuProgram implements Program {
  readonly graph: Graph;
  /** Tells programs apart. */
  readonly id = nextId++;
  readonly #device: Device;
  readonly #buffers: GPUBuffer[] = [];
  readonly #prepare: Step[] = [];
  readonly #steps: Step[] = [];
  #params!: GPUBuffer;
  /** Tensors and versions that the packed parameters were made from. */
  #packedFrom = "";
  /** Variant of each call, for reports. */
  readonly variants: string[] = [];

  private constructor(graph: Graph, device: Device) {
    this.graph = graph;
    this.#device = device;
  }

  /** Plans and compiles; `graph` is fused here. */
  static async compile(
    graph: Graph,
    device: Device,
    pipelines: Pipelines,
    profile: DeviceProfile,
    choose: ChooseVariant,
  ): Promise<GpuProgram> {
    const program = new GpuProgram(graph, device);
    try {
      await program.#build(fuse(graph), pipelines, profile, choose);
      await device.settleAllocations();
    } catch (error) {
      program.dispose();
      throw error;
    }
    return program;
  }

  /** Launches of one run. */
  get launches(): readonly Launch[] {
    return this.#steps.map((step) => step.launch);
  }

  async #build(
    graph: Graph,
    pipelines: Pipelines,
    profile: DeviceProfile,
    choose: ChooseVariant,
  ): Promise<void> {
    const places = new Places(graph, profile.halfStorage);
    const memory = planMemory(graph, (value) => places.inner(value));
    const slots = memory.slots.map((l, i) => this.#allocate(sizeBytes(l), `value ${i}`));
    const scratch = new Map<string, GPUBuffer>();
    const parameters = new Set(graph.parameters.values());
    const steps: Omit<Step, "pipeline">[] = [];
    const prepare: Omit<Step, "pipeline">[] = [];
    // Calls that prepare the same parameters alike, as networks that are applied several times, share what they made.
    const kept = new Map<string, Map<string, GPUBuffer>>();
    let paramsBytes = 0;
    const step = (launch: Launch, sourceOf: (operand: Operand) => Source) => {
      const paramsOffset = paramsBytes;
      paramsBytes += Math.ceil(launch.params.byteLength / 256) * 256;
      return { launch, sources: launch.bindings.map((b) => sourceOf(b.operand)), paramsOffset };
    };
    const copies = new Map<number, GPUBuffer>();
    const sourceOfValue = (value: Value): Source => {
      const slot = memory.slotOf.get(value.id);
      if (slot !== undefined) return { own: slots[slot] };
      const copy = copies.get(value.id);
      return copy ? { own: copy } : { value };
    };
    for (const [name, value] of graph.inputs) {
      const layout = places.layoutOf(value);
      if (layout.halo === 0) continue;
      const copy = this.#allocate(sizeBytes(layout), `input ${name}`);
      copies.set(value.id, copy);
      const launch = copyChannels(
        `input "${name}"`,
        { operand: { kind: "input", index: 0 }, layout: plainLayout(value.shape) },
        { operand: { kind: "output", index: 0 }, layout },
      );
      steps.push(step(launch, ({ kind }) => kind === "input" ? { value } : { own: copy }));
    }
    for (const call of graph.calls) {
      const placed: PlacedCall = {
        call,
        inputs: call.inputs.map((v) => places.layoutOf(v)),
        outputs: call.outputs.map((v) => places.layoutOf(v)),
      };
      const variant = await choose(placed, supportedVariants(placed, profile));
      this.variants.push(`${call.op.name} ${variant.name}`);
      const plan = variant.plan(placed, profile);
      for (const [name, bytes] of Object.entries(plan.scratch)) {
        if ((scratch.get(name)?.size ?? 0) < bytes) {
          scratch.set(name, this.#allocate(bytes, `scratch ${name}`));
        }
      }
      // What is made from anything but parameters has to be made in each run.
      const isKept = plan.prepare.every(({ bindings }) =>
        bindings.every(({ operand }) =>
          operand.kind !== "input" || parameters.has(call.inputs[operand.index])
        )
      );
      const key = isKept ? preparationKey(plan, call) : `${call.outputs[0].id}`;
      const known = kept.get(key);
      const packed = known ?? new Map(
        Object.entries(plan.packed).map(([name, bytes]) =>
          [name, this.#allocate(bytes, `${call.inputs[1].name} ${name}`)] as const
        ),
      );
      kept.set(key, packed);
      const sourceOf = (operand: Operand): Source => {
        switch (operand.kind) {
          case "input":
            return sourceOfValue(call.inputs[operand.index]);
          case "output":
            return sourceOfValue(call.outputs[operand.index]);
          case "scratch":
            return { own: scratch.get(operand.name)! };
          case "packed":
            return { own: packed.get(operand.name)! };
        }
      };
      if (!known) {
        (isKept ? prepare : steps).push(...plan.prepare.map((launch) => step(launch, sourceOf)));
      }
      steps.push(...plan.launches.map((launch) => step(launch, sourceOf)));
    }
    for (const [name, value] of places.copiedOutputs) {
      const launch = copyChannels(
        `output "${name}"`,
        { operand: { kind: "input", index: 0 }, layout: places.layoutOf(value) },
        { operand: { kind: "output", index: 0 }, layout: plainLayout(value.shape) },
      );
      const target = this.graph.outputs.get(name)!;
      steps.push(
        step(launch, ({ kind }) => kind === "input" ? sourceOfValue(value) : { value: target }),
      );
    }
    const all = [...prepare, ...steps];
    this.#writeParams(all, paramsBytes);
    const compiled = await Promise.all(all.map(async (s) => ({
      ...s,
      pipeline: await pipelines.get(s.launch),
    })));
    this.#prepare.push(...compiled.slice(0, prepare.length));
    this.#steps.push(...compiled.slice(prepare.length));
  }

  #allocate(bytes: number, label: string): GPUBuffer {
    const buffer = createBuffer(this.#device, bytes, label);
    this.#buffers.push(buffer);
    return buffer;
  }

  #writeParams(steps: readonly Omit<Step, "pipeline">[], bytes: number): void {
    this.#params = this.#device.gpu.createBuffer({
      label: "program params",
      size: Math.max(256, bytes),
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    this.#buffers.push(this.#params);
    for (const { launch, paramsOffset } of steps) {
      this.#device.gpu.queue.writeBuffer(this.#params, paramsOffset, launch.params);
    }
  }

  /** Dispatches that prepare the parameters, when those changed since the last call, else none. */
  pendingPreparation(bindings: Readonly<Record<string, GpuTensor>>): BoundStep[] {
    const from = [...this.graph.parameters.keys()]
      .map((name) => `${bindings[name]?.label}:${bindings[name]?.id}:${bindings[name]?.version}`)
      .join();
    if (from === this.#packedFrom) return [];
    this.#packedFrom = from;
    return this.#bind(this.#prepare, bindings);
  }

  /** The dispatches of one run over these tensors; valid as long as the tensors live. */
  bind(bindings: Readonly<Record<string, GpuTensor>>): BoundStep[] {
    return this.#bind(this.#steps, bindings);
  }

  #bind(steps: readonly Step[], bindings: Readonly<Record<string, GpuTensor>>): BoundStep[] {
    const { gpu } = this.#device;
    const tensors = new Map(boundTensors(this.graph, bindings).map(([v, t]) => [v.id, t.buffer]));
    return steps.map(({ launch, pipeline, sources, paramsOffset }) => {
      const buffers = sources.map((s) => "own" in s ? s.own : tensors.get(s.value.id)!);
      const storage = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
      const size = Math.ceil(launch.params.byteLength / 16) * 16;
      const uniform = {
        binding: buffers.length,
        resource: { buffer: this.#params, offset: paramsOffset, size },
      };
      const group = gpu.createBindGroup({
        label: launch.label,
        layout: pipeline.layout,
        entries: [...storage, uniform],
      });
      return { launch, pipeline: pipeline.pipeline, group };
    });
  }

  dispose(): void {
    for (const buffer of this.#buffers) buffer.destroy();
    this.#buffers.length = 0;
  }
}

/** What a call makes of parameters, and how: the same for calls that may share it. */
function preparationKey({ packed, prepare }: Plan, { inputs }: Call): string {
  const launches = prepare.map(({ source, constants, params, bindings }) => {
    const from = bindings.map(({ operand }) =>
      operand.kind === "input" ? inputs[operand.index].id : operand
    );
    return [source, constants, [...params], from];
  });
  return JSON.stringify([packed, launches]);
}

/** Encodes dispatches in order; WebGPU puts the barriers between those that share buffers. */
export function encodeSteps(pass: GPUComputePassEncoder, steps: readonly BoundStep[]): void {
  for (const { pipeline, group, launch } of steps) {
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(...launch.workgroups);
  }
}

/** The variants of a call's op that can run it on a device. */
export function supportedVariants(placed: PlacedCall, profile: DeviceProfile): Variant[] {
  const { op, inputs } = placed.call;
  const found = LAUNCHERS.get(op.name)?.variants.filter((v) => v.supports(placed, profile)) ?? [];
  if (found.length > 0) return found;
  throw new UnsupportedError(
    `Cannot run "${op.name}" of ${
      inputs.map((v) => describeShape(v.shape)).join(", ")
    } on this GPU: no kernel supports it`,
  );
}
