import { NotFoundError } from "../../errors/errors.ts";
import { DeviceFailure, DeviceLostError, kernelError, OutOfMemoryError } from "./failure.ts";
import {
  type Feature,
  OPTIONAL_FEATURES,
  requestWithFeatures,
  subgroupDirective,
} from "./features.ts";
import { requiredLimits } from "./limits.ts";

/** What to look for in `openDevice`. */
export interface DeviceOptions {
  /** Features to try for; all the engine can use by default. A test leaves some out. */
  readonly features?: readonly Feature[];
  /** Caps on single limits, for tests of small devices. */
  readonly limits?: Readonly<Record<string, number>>;
  /** Take a CPU adapter even where there is a GPU. */
  readonly software?: boolean;
}

/** How kernels can use subgroups. */
export interface Subgroups {
  /** Lanes of the smallest; 0 without the feature. */
  readonly size: number;
  /** What a text that uses them begins with. */
  readonly directive: string;
}

/** An opened WebGPU device, what it can do, and what went wrong on it. */
export class Device implements AsyncDisposable {
  readonly #gpu: GPUDevice;
  /** Adapter description, for example "NVIDIA H100 80GB HBM3" or "llvmpipe (LLVM 15.0.6, 256 bits)". */
  readonly name: string;
  /** A CPU that plays GPU: correct, and slower than the WebAssembly backend. */
  readonly software: boolean;
  readonly features: ReadonlySet<Feature>;
  readonly subgroups: Subgroups;
  readonly failure = new DeviceFailure();
  #doing = "device set-up";
  #submissions = 0;
  readonly #allocations: Promise<{ label: string; size: number; message: string } | null>[] = [];

  constructor(
    gpu: GPUDevice,
    info: GPUAdapterInfo,
    features: ReadonlySet<Feature>,
    subgroups: Subgroups,
  ) {
    this.#gpu = gpu;
    this.name = info.description || `${info.vendor} ${info.architecture}`.trim();
    this.software = isSoftware(info);
    this.features = features;
    this.subgroups = subgroups;
    gpu.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.failure.report(kernelError((event as GPUUncapturedErrorEvent).error, this.#doing));
    });
    gpu.lost.then((info) => {
      this.failure.report(
        new DeviceLostError(
          `Cannot go on with "${this.name}": the device was lost during "${this.#doing}" (${info.reason}: ${info.message}); the same command goes on from the last checkpoint`,
        ),
      );
    });
  }

  /** The platform's device; calls on it after a failure throw what failed. */
  get gpu(): GPUDevice {
    this.failure.check();
    return this.#gpu;
  }

  /** Limits that were granted. */
  get limits(): GPUSupportedLimits {
    return this.#gpu.limits;
  }

  /** Number of submissions so far. */
  get submissions(): number {
    return this.#submissions;
  }

  /** Submits what `encode` records; errors that surface later are reported under `label`. */
  submit(label: string, encode: (encoder: GPUCommandEncoder) => void): void {
    const encoder = this.gpu.createCommandEncoder({ label });
    encode(encoder);
    this.submitRecorded(label, encoder.finish({ label }));
  }

  /** Submits commands that were recorded earlier. */
  submitRecorded(label: string, commands: GPUCommandBuffer): void {
    this.#doing = label;
    this.#submissions++;
    this.gpu.queue.submit([commands]);
  }

  /**
   * Runs `create` inside error scopes. It must not be asynchronous: scopes of interleaved calls would mix.
   *
   * @throws {KernelError} with `label` when the API reports an error.
   */
  async scoped<T>(label: string, create: () => T): Promise<T> {
    const gpu = this.gpu;
    gpu.pushErrorScope("internal");
    gpu.pushErrorScope("validation");
    let outcome: { value: T } | { thrown: unknown };
    try {
      outcome = { value: create() };
    } catch (thrown) {
      outcome = { thrown };
    }
    const popped = [gpu.popErrorScope(), gpu.popErrorScope()];
    const error = (await this.failure.guard(Promise.all(popped))).find((e) => e !== null);
    if (error) throw kernelError(error, label);
    if ("thrown" in outcome) throw outcome.thrown;
    return outcome.value;
  }

  /** Creates a buffer; whether the device had the memory shows in `settleAllocations`. */
  createBuffer(descriptor: GPUBufferDescriptor & { label: string }): GPUBuffer {
    const gpu = this.gpu;
    gpu.pushErrorScope("out-of-memory");
    const buffer = gpu.createBuffer(descriptor);
    const { label, size } = descriptor;
    this.#allocations.push(
      gpu.popErrorScope().then((error) => error && { label, size, message: error.message }),
    );
    return buffer;
  }

  /**
   * Waits until it is known whether every buffer created so far got its memory.
   *
   * @throws {OutOfMemoryError} naming the first that did not.
   */
  async settleAllocations(): Promise<void> {
    const settled = Promise.all(this.#allocations.splice(0));
    const failed = (await this.failure.guard(settled)).find((f) => f !== null);
    if (!failed) return;
    throw new OutOfMemoryError(
      `Cannot allocate ${failed.size} bytes for "${failed.label}" on "${this.name}": out of memory; use a smaller batch or subvolume (${failed.message})`,
    );
  }

  /** Destroys the device. Buffers that are mapped must have been unmapped before. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#gpu.destroy();
    await this.#gpu.lost;
  }
}

/** Whether this adapter is a CPU: its name is the only sign that every platform gives, browsers by the architecture. */
export function isSoftware({ description, architecture }: GPUAdapterInfo): boolean {
  return /llvmpipe|lavapipe|swiftshader|software|basic render|\bWARP\b/i
    .test(`${description} ${architecture}`);
}

/**
 * Opens the adapter that the platform prefers, with the limits and features that the engine uses.
 *
 * @throws {NotFoundError} when there is no adapter.
 */
export async function openDevice(options: DeviceOptions = {}): Promise<Device> {
  const adapterAnew = async () => {
    const found = await navigator.gpu?.requestAdapter(
      options.software ? { forceFallbackAdapter: true } : { powerPreference: "high-performance" },
    );
    if (found) return found;
    throw new NotFoundError(
      "Cannot open a GPU: no WebGPU adapter found; run: ffn doctor",
    );
  };
  const adapter = await adapterAnew();
  const required = requiredLimits(adapter);
  for (const [name, cap] of Object.entries(options.limits ?? {})) required[name] = cap;
  const { device, features } = await requestWithFeatures(
    adapterAnew,
    { label: "ffn", requiredLimits: required },
    options.features ?? OPTIONAL_FEATURES,
  );
  const subgroups = features.has("subgroups")
    ? { size: adapter.info.subgroupMinSize ?? 0, directive: await subgroupDirective(device) }
    : { size: 0, directive: "" };
  return new Device(device, adapter.info, features, subgroups);
}

/** The adapter that `openDevice` would take, or null. */
export async function requestAdapter(
  options: Pick<DeviceOptions, "software"> = {},
): Promise<GPUAdapter | null> {
  // Mesa complains on stderr when this is unset, and never uses it for compute.
  if (Deno.build.os === "linux" && !Deno.env.get("XDG_RUNTIME_DIR")) {
    Deno.env.set("XDG_RUNTIME_DIR", "/tmp");
  }
  return await navigator.gpu?.requestAdapter(
    options.software ? { forceFallbackAdapter: true } : { powerPreference: "high-performance" },
  ) ?? null;
}
