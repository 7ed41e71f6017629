import type { WebGpuBackend } from "../../backends/webgpu/backend.ts";
import type { Pipeline } from "../../backends/webgpu/pipelines.ts";
import {
  CONFIG_BINDING,
  type FloodBuffer,
  type FloodStage,
  GATHER,
  PROLOGUE,
  type StageGrid,
  TURNOVER,
  UPDATE,
} from "../../../kernels/flood/stages.ts";
import { volumeOf } from "../../geometry/vectors.ts";
import type { DevicePredictor } from "./device_predictor.ts";
import type { CanvasBuffer, FloodMemory } from "./flood_memory.ts";

/** Workgroups per canvas that share the box of an object. */
const BOX_GROUPS = 64;

/** The compiled kernels of a flood, bound to its memory. */
export class FloodStages {
  readonly #backend: WebGpuBackend;
  readonly #memory: FloodMemory;
  readonly #predictor: DevicePredictor;
  readonly #pipelines: ReadonlyMap<FloodStage, Pipeline>;
  readonly #groups = new Map<FloodStage, GPUBindGroup>();
  #generation = -1;

  private constructor(
    backend: WebGpuBackend,
    memory: FloodMemory,
    predictor: DevicePredictor,
    pipelines: ReadonlyMap<FloodStage, Pipeline>,
  ) {
    this.#backend = backend;
    this.#memory = memory;
    this.#predictor = predictor;
    this.#pipelines = pipelines;
  }

  static async compile(
    backend: WebGpuBackend,
    memory: FloodMemory,
    predictor: DevicePredictor,
  ): Promise<FloodStages> {
    const stages = [...TURNOVER, ...PROLOGUE, GATHER, ...UPDATE];
    const pipelines = await Promise.all(stages.map(async (stage) =>
      [
        stage,
        await backend.pipelines.get({
          label: `flood ${stage.entryPoint}`,
          source: stage.source,
          constants: {},
          bindings: stage.bindings,
          uniformAt: CONFIG_BINDING,
          entryPoint: stage.entryPoint,
        }),
      ] as const
    ));
    return new FloodStages(backend, memory, predictor, new Map(pipelines));
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

  #encode(pass: GPUComputePassEncoder, stage: FloodStage): void {
    pass.setPipeline(this.#pipelines.get(stage)!.pipeline);
    pass.setBindGroup(0, this.#groupOf(stage));
    pass.dispatchWorkgroups(this.#workgroups(stage.grid), 1, this.#memory.slots);
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
    const storage = stage.bindings.map(({ name, at }) => ({
      binding: at,
      resource: { buffer: this.#bufferOf(name) },
    }));
    const config = { binding: CONFIG_BINDING, resource: { buffer: this.#memory.configBuffer } };
    group = this.#backend.device.gpu.createBindGroup({
      label: `flood ${stage.entryPoint}`,
      layout: this.#pipelines.get(stage)!.layout,
      entries: [...storage, config],
    });
    this.#groups.set(stage, group);
    return group;
  }

  #bufferOf(name: FloodBuffer): GPUBuffer {
    switch (name) {
      case "fov_image":
        return this.#predictor.image;
      case "fov_seed":
        return this.#predictor.seed;
      case "logits":
        return this.#predictor.logits;
      default:
        return this.#memory.buffer(name as CanvasBuffer);
    }
  }
}
