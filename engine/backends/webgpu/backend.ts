/** Graphs on a GPU through WebGPU, by the kernels of `kernels/`. */
import type { DeviceProfile } from "../../../kernels/kernel.ts";
import { LAUNCHERS } from "../../../kernels/mod.ts";
import {
  arrayConstructor,
  type DType,
  elementCount,
  type TypedArray,
} from "../../formats/nd_array.ts";
import type { Graph } from "../../ops/graph.ts";
import type { Call, Shape } from "../../ops/op.ts";
import type { Backend, Program, Tensor } from "../backend.ts";
import { checkElementCount } from "../bindings.ts";
import { type Device, type DeviceOptions, openDevice } from "./device.ts";
import { Pipelines } from "./pipelines.ts";
import { placeAlone } from "./placement.ts";
import { type BoundStep, type ChooseVariant, encodeSteps, GpuProgram } from "./program.ts";
import { Readback, type ReadMode } from "./readback.ts";
import { GpuTensor } from "./tensor.ts";
import { preferredVariant } from "./tuning.ts";

/** How to open the WebGPU backend. */
export interface WebGpuOptions extends DeviceOptions {
  /** Store activations and weights inside programs as f16; sums stay f32. Off unless set and the device can. */
  readonly halfStorage?: boolean;
  /** How buffers are read; "awaited" only in tests. */
  readonly readMode?: ReadMode;
  /** Which variant runs a call; by rule unless given. `Tuner` in `tuning.ts` measures. */
  readonly choose?: (backend: WebGpuBackend) => ChooseVariant;
}

/** Bound programs kept for reuse; canvases and executors bind the same few tensors again and again. */
const BOUND_KEPT = 8;

/** One device, its compiled kernels and its staging buffers. */
export class WebGpuBackend implements Backend {
  readonly name = "webgpu";
  readonly device: Device;
  readonly readback: Readback;
  readonly pipelines: Pipelines;
  readonly profile: DeviceProfile;
  readonly #choose: ChooseVariant;
  readonly #bound = new Map<string, BoundStep[]>();

  private constructor(device: Device, readback: Readback, options: WebGpuOptions) {
    this.device = device;
    this.readback = readback;
    this.pipelines = new Pipelines(device);
    this.profile = {
      maxBindingBytes: device.limits.maxStorageBufferBindingSize,
      maxWorkgroups: device.limits.maxComputeWorkgroupsPerDimension,
      halfStorage: (options.halfStorage ?? false) && device.features.has("shader-f16"),
      subgroupSize: device.subgroups.size,
    };
    this.#choose = options.choose?.(this) ??
      preferredVariant({ software: device.software, subgroupSize: device.subgroups.size });
  }

  /** Opens the adapter that the platform prefers. */
  static async open(options: WebGpuOptions = {}): Promise<WebGpuBackend> {
    const device = await openDevice(options);
    try {
      return new WebGpuBackend(device, await Readback.open(device, options.readMode), options);
    } catch (error) {
      await device[Symbol.asyncDispose]();
      throw error;
    }
  }

  get description(): string {
    const kind = this.device.software ? ", a software adapter" : "";
    return `WebGPU on ${this.device.name}${kind}, ${this.readback.mode} reads`;
  }

  supports(call: Call): boolean {
    const placed = placeAlone(call, this.profile.halfStorage);
    return LAUNCHERS.get(call.op.name)?.variants
      .some((v) => v.supports(placed, this.profile)) ?? false;
  }

  allocate(shape: Shape, dtype: DType, label: string): GpuTensor {
    return new GpuTensor(this.device, shape, dtype, label);
  }

  write(tensor: Tensor, data: TypedArray): void {
    checkElementCount("write", tensor, data);
    const { buffer } = tensor as GpuTensor;
    (tensor as GpuTensor).version++;
    const { queue } = this.device.gpu;
    if (data.byteLength % 4 === 0) {
      queue.writeBuffer(buffer, 0, data as TypedArray & ArrayBufferView<ArrayBuffer>);
      return;
    }
    // Copies are whole words; the buffer was rounded up to one.
    const bytes = new Uint8Array(buffer.size);
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    queue.writeBuffer(buffer, 0, bytes);
  }

  async read<T extends TypedArray>(tensor: Tensor, into?: T): Promise<T> {
    if (into) checkElementCount("read", tensor, into);
    await this.device.settleAllocations();
    const bytes = await this.readback.read((tensor as GpuTensor).buffer);
    const data = new (arrayConstructor(tensor.dtype))(bytes, 0, elementCount(tensor.shape));
    if (!into) return data as TypedArray as T;
    into.set(data as never);
    return into;
  }

  compile(graph: Graph): Promise<GpuProgram> {
    return GpuProgram.compile(graph, this.device, this.pipelines, this.profile, this.#choose);
  }

  run(program: Program, bindings: Readonly<Record<string, Tensor>>): void {
    const tensors = bindings as Readonly<Record<string, GpuTensor>>;
    const steps = this.#bind(program as GpuProgram, tensors);
    const prepare = (program as GpuProgram).pendingPreparation(tensors);
    for (const name of program.graph.outputs.keys()) tensors[name].version++;
    this.device.submit("program", (encoder) => {
      const pass = encoder.beginComputePass({ label: "program" });
      encodeSteps(pass, prepare);
      encodeSteps(pass, steps);
      pass.end();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.readback[Symbol.dispose]();
    await this.device[Symbol.asyncDispose]();
  }

  #bind(program: GpuProgram, bindings: Readonly<Record<string, GpuTensor>>): BoundStep[] {
    const key = `${program.id} ${Object.entries(bindings).map(([n, t]) => `${n}:${t.id}`).join()}`;
    const known = this.#bound.get(key);
    if (known) return known;
    const bound = program.bind(bindings);
    if (this.#bound.size >= BOUND_KEPT) this.#bound.delete(this.#bound.keys().next().value!);
    this.#bound.set(key, bound);
    return bound;
  }
}
