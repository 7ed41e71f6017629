import type { Backend } from "./backend.ts";

/** What `--backend` takes. */
export const BACKEND_NAMES = ["auto", "webgpu", "wasm", "reference"] as const;

/** A backend, or `auto` for the fastest that works here. */
export type BackendName = (typeof BACKEND_NAMES)[number];

/** Whether the CPU kernels run in a child process without bounds checks; `auto` does what measures faster. */
export const KERNEL_PROCESS_MODES = ["auto", "on", "off"] as const;

/** One of `KERNEL_PROCESS_MODES`. */
export type KernelProcessMode = (typeof KERNEL_PROCESS_MODES)[number];

/** How a backend is chosen and opened. */
export interface BackendOptions {
  /** Default `auto`. */
  readonly name?: BackendName;
  /** Threads of the CPU backend; default one per core. */
  readonly threads?: number;
  /** Default `off`: a module that is imported starts no process unless it is told to. */
  readonly kernelProcess?: KernelProcessMode;
  /** Told in one line what `auto` chose and why. */
  readonly onChoice?: (message: string) => void;
  /** Told when a kernel process has died and another one is being set up. */
  readonly onRestart?: (message: string) => void;
}

/**
 * Opens a backend by name; its code is loaded only then. `auto` is WebGPU where there is a GPU, else the wasm backend.
 *
 * @throws {NotFoundError} when WebGPU is asked for and there is no adapter.
 * @throws {RangeError} when `threads` is not an integer from 1 on.
 */
export async function openBackend(options: BackendOptions = {}): Promise<Backend> {
  if (options.name === "reference") {
    const { openReferenceBackend } = await import("./reference.ts");
    return openReferenceBackend();
  }
  if (options.name === "webgpu" || (options.name ?? "auto") === "auto") {
    const gpu = await openGpu(options);
    if (gpu) return gpu;
  }
  const { threads, kernelProcess = "off", onRestart } = options;
  if (kernelProcess === "on" || (kernelProcess === "auto" && await isWorthIt(threads))) {
    const { openKernelProcess } = await import("./kernel_process/kernel_process.ts");
    return await openKernelProcess({ threads, onRestart });
  }
  const { openWasmBackend } = await import("./wasm/wasm_backend.ts");
  return await openWasmBackend({ threads });
}

/** The WebGPU backend; null when `auto` has a reason to take the CPU. */
async function openGpu({ name, onChoice }: BackendOptions): Promise<Backend | null> {
  const { isSoftware, requestAdapter } = await import("./webgpu/device.ts");
  if (name !== "webgpu") {
    const info = (await requestAdapter())?.info;
    const reason = !info
      ? "there is no WebGPU adapter"
      : isSoftware(info)
      ? `the only WebGPU adapter, ${info.description}, is software`
      : null;
    onChoice?.(reason ? `backend wasm: ${reason}` : `backend webgpu: ${info!.description}`);
    if (reason) return null;
  }
  const { WebGpuBackend } = await import("./webgpu/backend.ts");
  const { Tuner } = await import("./webgpu/tuner.ts");
  return await WebGpuBackend.open({
    choose: (backend) => {
      const tuner = new Tuner(backend);
      return (placed, supported) => tuner.choose(placed, supported);
    },
  });
}

async function isWorthIt(threads?: number): Promise<boolean> {
  const { isKernelProcessFaster } = await import("./kernel_process/choice.ts");
  return await isKernelProcessFaster(threads);
}
