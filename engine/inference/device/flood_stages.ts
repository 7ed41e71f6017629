import type { WebGpuBackend } from "../../backends/webgpu/backend.ts";
import type { Pipeline } from "../../backends/webgpu/pipelines.ts";
import {
  CONFIG_BINDING,
  type FloodBuffer,
  type FloodStage,
  GATHER,
  MAP_UPDATE,
  PROLOGUE,
  type StageGrid,
  TURNOVER,
  UPDATE,
} from "../../../kernels/flood/stages.ts";
import { inSlabs } from "../../../kernels/flood/slabs.ts";
import { volumeOf } from "../../geometry/vectors.ts";
import type { DevicePredictor } from "./device_predictor.ts";
import type { CanvasBuffer, FloodMemory } from "./flood_memory.ts";

/** Workgroups per canvas that share the box of an object. */
const BOX_GROUPS = 64;

interface CompiledStage extends Pipeline {
  readonly bindings: FloodStage["bindings"];
}

/** The compiled kernels of a flood, bound to its memory. */
export class FloodStages {
  readonly #backend: WebGpuBackend;
  readonly #memory: FloodMemory;
  readonly #predictor: DevicePredictor;
  /** Stages with their pipelines, cut as the memory is. */
  readonly #compiled: ReadonlyMap<FloodStage, CompiledStage>;
  readonly #groups = new Map<FloodStage, GPUBindGroup>();
  #generation = -1;

  private constructor(
    backend: WebGpuBackend,
    memory: FloodMemory,
    predictor: DevicePredictor,
    compiled: ReadonlyMap<FloodStage, CompiledStage>,
  ) {
    this.#backend = backend;
    this.#memory = memory;
    this.#predictor = predictor;
    this.#compiled = compiled;
  }

  static async compile(
    backend: WebGpuBackend,
    memory: FloodMemory,
    predictor: DevicePredictor,
  ): Promise<FloodStages> {
    const stages = [...TURNOVER, ...PROLOGUE, GATHER, ...UPDATE];
    const compiled = await Promise.all(stages.map(async (stage) => {
      const cut = inSlabs(stage, memory.layout.slabs, memory.layout.slabWords);
      const pipeline = await backend.pipelines.get({
        label: `flood ${stage.entryPoint}`,
        source: cut.source,
        constants: {},
        bindings: cut.bindings,
        uniformAt: CONFIG_BINDING,
        entryPoint: stage.entryPoint,
      });
      return [stage, { bindings: cut.bindings, ...pipeline }] as const;
    }));
    return new FloodStages(backend, memory, predictor, new Map(compiled));
  }

  /** Dispatches of one step, with and without turnover. */
  get dispatches(): { step: number; turnover: number } {
    return { step: 1 + this.#predictor.dispatches + UPDATE.length, turnover: TURNOVER.length };
  }

  /** Records what begins a round: objects that the host asked for. */
  encodePrologue(pass: GPUComputePassEncoder): void {
    for (const stage of PROLOGUE) this.#encode(pass, stage);
  }

  /** Records one field of view for every canvas. */
  encodeStep(pass: GPUComputePassEncoder, turnover: boolean): void {
    if (turnover) { for (const stage of TURNOVER) this.#encode(pass, stage); }
    this.#encode(pass, GATHER);
    this.#predictor.encode(pass);
    for (const stage of UPDATE) this.#encode(pass, stage);
  }

  /** Records one field of view whose position the host wrote: up to the logits, which may then be copied out. */
  encodePrediction(pass: GPUComputePassEncoder): void {
    this.#encode(pass, GATHER);
    this.#predictor.encode(pass);
  }

  /** Records what takes a prediction into the object map. */
  encodeMapUpdate(pass: GPUComputePassEncoder): void {
    for (const stage of MAP_UPDATE) this.#encode(pass, stage);
  }

  /** Records what begins an object that the host chose. */
  encodeClear(pass: GPUComputePassEncoder): void {
    this.#encode(pass, PROLOGUE[0]);
  }

  #encode(pass: GPUComputePassEncoder, stage: FloodStage): void {
    pass.setPipeline(this.#compiled.get(stage)!.pipeline);
    pass.setBindGroup(0, this.#groupOf(stage));
    pass.dispatchWorkgroups(this.#workgroups(stage.grid), 1, this.#memory.layout.slots);
  }

  #workgroups(grid: StageGrid): number {
    const { imageSize, predSize } = this.#predictor.model;
    switch (grid) {
      case "box":
        return BOX_GROUPS;
      case "fov":
        return Math.ceil(volumeOf(imageSize) / 64);
      case "prediction":
        return Math.ceil(volumeOf(predSize) / 64);
      case "one":
        return 1;
    }
  }

  #groupOf(stage: FloodStage): GPUBindGroup {
    if (this.#generation !== this.#memory.generation) {
      this.#groups.clear();
      this.#generation = this.#memory.generation;
    }
    let group = this.#groups.get(stage);
    if (group) return group;
    const { bindings, layout } = this.#compiled.get(stage)!;
    const storage = bindings.map(({ name, slab, at }) => ({
      binding: at,
      resource: { buffer: this.#bufferOf(name, slab) },
    }));
    const config = { binding: CONFIG_BINDING, resource: { buffer: this.#memory.configBuffer } };
    group = this.#backend.device.gpu.createBindGroup({
      label: `flood ${stage.entryPoint}`,
      layout,
      entries: [...storage, config],
    });
    this.#groups.set(stage, group);
    return group;
  }

  #bufferOf(name: FloodBuffer, slab: number): GPUBuffer {
    switch (name) {
      case "fov_image":
        return this.#predictor.image;
      case "fov_seed":
        return this.#predictor.seed;
      case "logits":
        return this.#predictor.logits;
      default:
        return this.#memory.buffer(name as CanvasBuffer, slab);
    }
  }
}
