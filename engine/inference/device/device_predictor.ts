import type { Tensor } from "../../backends/backend.ts";
import type { WebGpuBackend } from "../../backends/webgpu/backend.ts";
import { type BoundStep, encodeSteps, type GpuProgram } from "../../backends/webgpu/program.ts";
import type { GpuTensor } from "../../backends/webgpu/tensor.ts";
import type { Model } from "../../models/model.ts";
import { uploadVariables, type VariableSource } from "../../models/network.ts";
import type { FovModel } from "../canvas.ts";

/** A predictor whose inputs and output stay on the device. */
export interface DevicePredictor {
  readonly model: FovModel;
  /** Fields of view that one encoding predicts. */
  readonly batchSize: number;
  /** `[batch, z, y, x]` of the model's image, seed and prediction size, f32. */
  readonly image: GPUBuffer;
  readonly seed: GPUBuffer;
  readonly logits: GPUBuffer;
  /** Dispatches of one encoding. */
  readonly dispatches: number;
  /** Records one prediction of the whole batch. */
  encode(pass: GPUComputePassEncoder): void;
  dispose(): void;
}

class ResidentNetwork implements DevicePredictor {
  readonly #program: GpuProgram;
  readonly #tensors: Readonly<Record<string, GpuTensor>>;
  readonly #steps: readonly BoundStep[];

  constructor(
    readonly model: Model,
    readonly batchSize: number,
    backend: WebGpuBackend,
    program: GpuProgram,
    tensors: Readonly<Record<string, GpuTensor>>,
  ) {
    this.#program = program;
    this.#tensors = tensors;
    this.#steps = program.bind(tensors);
    // Weights do not change during inference: they are packed here, once.
    const prepare = program.pendingPreparation(tensors);
    backend.device.submit("pack weights", (encoder) => {
      const pass = encoder.beginComputePass({ label: "pack weights" });
      encodeSteps(pass, prepare);
      pass.end();
    });
  }

  get image(): GPUBuffer {
    return this.#tensors.image.buffer;
  }

  get seed(): GPUBuffer {
    return this.#tensors.seed.buffer;
  }

  get logits(): GPUBuffer {
    return this.#tensors.logits.buffer;
  }

  get dispatches(): number {
    return this.#steps.length;
  }

  encode(pass: GPUComputePassEncoder): void {
    encodeSteps(pass, this.#steps);
  }

  dispose(): void {
    this.#program.dispose();
    for (const tensor of Object.values(this.#tensors)) tensor.dispose();
  }
}

/**
 * Puts a model with its variables on a device, for `batchSize` fields of view at once.
 *
 * @throws {OutOfMemoryError} when the device has no room; a smaller batch may fit.
 */
export async function openDeviceNetwork(
  model: Model,
  source: VariableSource,
  backend: WebGpuBackend,
  batchSize: number,
): Promise<DevicePredictor> {
  const graph = model.build(batchSize);
  const tensors: Record<string, Tensor> = {};
  try {
    for (const [name, { shape, dtype }] of [...graph.inputs, ...graph.outputs]) {
      tensors[name] = backend.allocate(shape, dtype, name);
    }
    // Waits until the memory for all of it is known to be there.
    const program = await backend.compile(graph);
    Object.assign(tensors, await uploadVariables(model, source, backend));
    const gpuTensors = tensors as Record<string, GpuTensor>;
    return new ResidentNetwork(model, batchSize, backend, program, gpuTensors);
  } catch (error) {
    for (const tensor of Object.values(tensors)) tensor.dispose();
    throw error;
  }
}
