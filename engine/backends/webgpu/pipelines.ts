import type { Launch } from "../../../kernels/kernel.ts";
import type { Device } from "./device.ts";
import { specialize } from "./specialize.ts";

/** A compiled kernel and the layout its bind groups must have. */
export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** What the compiler needs to know. */
export interface KernelSource extends Pick<Launch, "label" | "source" | "constants"> {
  /** Storage buffers; `at` is the binding number, by default the place in the list. */
  readonly bindings: readonly { readonly write?: boolean; readonly at?: number }[];
  /** Binding number of the uniform; after the storage buffers by default. */
  readonly uniformAt?: number;
  /** "main" by default. */
  readonly entryPoint?: string;
}

/** Compiles kernels, each text once. */
export class Pipelines {
  readonly #device: Device;
  readonly #compiled = new Map<string, Promise<Pipeline>>();

  constructor(device: Device) {
    this.#device = device;
  }

  /** @throws {KernelError} with the label and line when the kernel does not compile. */
  get(kernel: KernelSource): Promise<Pipeline> {
    const access = kernel.bindings.map((b) => `${b.write ? "w" : "r"}${b.at ?? ""}`).join("");
    const text = specialize(kernel.source, kernel.constants);
    const { directive } = this.#device.subgroups;
    const code = text.includes("@builtin(subgroup_") ? directive + text : text;
    const key = `${kernel.entryPoint} ${access}\n${code}`;
    let compiled = this.#compiled.get(key);
    if (!compiled) this.#compiled.set(key, compiled = this.#compile(kernel, code));
    return compiled;
  }

  // Layouts are written out because "auto" drops bindings that a specialised kernel does not use.
  #compile(kernel: KernelSource, code: string): Promise<Pipeline> {
    const { label, bindings, entryPoint = "main" } = kernel;
    const visibility = GPUShaderStage.COMPUTE;
    const storage = bindings.map(({ write, at }, place): GPUBindGroupLayoutEntry => ({
      binding: at ?? place,
      visibility,
      buffer: { type: write ? "storage" : "read-only-storage" },
    }));
    const uniform: GPUBindGroupLayoutEntry = {
      binding: kernel.uniformAt ?? bindings.length,
      visibility,
      buffer: { type: "uniform" },
    };
    return this.#device.scoped(label, () => {
      const { gpu } = this.#device;
      const layout = gpu.createBindGroupLayout({ label, entries: [...storage, uniform] });
      const pipeline = gpu.createComputePipeline({
        label,
        layout: gpu.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
        compute: { module: gpu.createShaderModule({ label, code }), entryPoint },
      });
      return { pipeline, layout };
    });
  }
}
