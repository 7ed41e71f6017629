/** What may keep a host from using its GPU, and what to do about it. */
import { basename } from "node:path";
import type { Attainable } from "./attainable.ts";
import type { ReadMode } from "./readback.ts";

/** A Vulkan driver that the loader may find. */
export interface VulkanDriver {
  /** Path of its JSON file. */
  readonly path: string;
  /** Library that the file names. */
  readonly library: string;
}

/** What is known of host and device. */
export interface GpuFacts {
  readonly os: string;
  /** Adapter description; null when there is none. */
  readonly adapter: string | null;
  readonly software: boolean;
  /** Bytes of one binding and of one buffer. */
  readonly maxBindingBytes: number;
  readonly maxBufferBytes: number;
  readonly readMode: ReadMode | null;
  /** Whether the NVIDIA kernel driver is loaded. */
  readonly nvidiaDriver: boolean;
  readonly container: boolean;
  readonly vulkanDrivers: readonly VulkanDriver[];
  readonly environment: Readonly<Record<string, string>>;
  readonly attainable: Attainable | null;
}

/** One thing that a user should know. */
export interface Finding {
  readonly level: "ok" | "note" | "problem";
  readonly text: string;
  /** What to do. */
  readonly advice?: string;
}

/** Environment variables that choose or hide GPUs. */
export const GPU_VARIABLES = [
  ...["VK_DRIVER_FILES", "VK_ICD_FILENAMES", "VK_LOADER_DRIVERS_SELECT", "MESA_VK_DEVICE_SELECT"],
  ...["DRI_PRIME", "DENO_WEBGPU_BACKEND", "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES"],
  ...["CUDA_VISIBLE_DEVICES", "WGPU_ADAPTER_NAME"],
];

/** Draws conclusions; touches nothing. */
export function diagnose(facts: GpuFacts): Finding[] {
  return [...adapterFindings(facts), ...environmentFindings(facts), ...deviceFindings(facts)];
}

function adapterFindings(facts: GpuFacts): Finding[] {
  const { adapter, software, nvidiaDriver, container, vulkanDrivers } = facts;
  if (adapter !== null && !software) return [{ level: "ok", text: `GPU: ${adapter}` }];
  const findings: Finding[] = [
    adapter === null
      ? {
        level: "problem",
        text: "no WebGPU adapter",
        advice:
          "install a Vulkan driver (Linux: the GPU's, or mesa-vulkan-drivers); --backend wasm works without",
      }
      : {
        level: "problem",
        text: `only a software adapter: ${adapter}`,
        advice:
          "it is a CPU: correct but slower than --backend wasm; on a GPU server the Vulkan driver of the GPU is missing",
      },
  ];
  if (!nvidiaDriver) return findings;
  const icd = vulkanDrivers.find((d) => /nvidia/i.test(d.library));
  if (!icd) {
    findings.push({
      level: "problem",
      text: "an NVIDIA driver is loaded but no Vulkan driver file names it",
      advice: container
        ? 'start the container with NVIDIA_DRIVER_CAPABILITIES=all (it needs "graphics"), or with another container runtime'
        : "install the driver's Vulkan parts (libnvidia-gl or nvidia-driver-libs)",
    });
  } else if (/libGLX_nvidia/.test(icd.library)) {
    findings.push({
      level: "problem",
      text: `"${
        basename(icd.path)
      }" names ${icd.library}, which needs X libraries that a headless host lacks`,
      advice:
        `copy the file, put libEGL_nvidia.so.0 in place of ${icd.library}, and set VK_DRIVER_FILES to the copy`,
    });
  }
  return findings;
}

function environmentFindings({ environment, container, nvidiaDriver }: GpuFacts): Finding[] {
  const findings: Finding[] = [];
  if ("CUDA_VISIBLE_DEVICES" in environment) {
    findings.push({
      level: "note",
      text: "CUDA_VISIBLE_DEVICES has no influence on Vulkan",
      advice:
        "show a process one GPU by its cgroup or container (NVIDIA_VISIBLE_DEVICES), or by DRI_PRIME=pci-DDDD_BB_SS_F with Mesa",
    });
  }
  if ("WGPU_ADAPTER_NAME" in environment) {
    findings.push({
      level: "note",
      text: "WGPU_ADAPTER_NAME is ignored by Deno",
      advice: "unset it",
    });
  }
  const capabilities = environment.NVIDIA_DRIVER_CAPABILITIES;
  if (container && nvidiaDriver && capabilities && !/all|graphics/.test(capabilities)) {
    findings.push({
      level: "problem",
      text: `NVIDIA_DRIVER_CAPABILITIES is "${capabilities}": Vulkan needs "graphics"`,
      advice: "start the container with NVIDIA_DRIVER_CAPABILITIES=all",
    });
  }
  return findings;
}

function deviceFindings(facts: GpuFacts): Finding[] {
  const { adapter, maxBindingBytes, maxBufferBytes, readMode, attainable } = facts;
  if (adapter === null) return [];
  const findings: Finding[] = [];
  const edge = Math.floor(Math.cbrt(maxBindingBytes / 4));
  findings.push({
    level: maxBindingBytes <= 2 ** 27 ? "note" : "ok",
    text: `one binding spans ${
      mebibytes(maxBindingBytes)
    }: canvases up to about ${edge}³ voxels flood on the device in one piece`,
    advice: maxBindingBytes <= 2 ** 27
      ? "those up to four times as large are cut into slabs, larger ones flood on the host; smaller subvolumes are faster"
      : undefined,
  });
  findings.push({
    level: "note",
    text: `a buffer is at most ${
      mebibytes(maxBufferBytes)
    }, and is refused when it would fill any heap of the device above 97 %`,
    advice:
      "with a 256 MiB BAR heap (cards without resizable BAR) that can happen while much memory is free: turn resizable BAR on, or use smaller subvolumes and batches",
  });
  if (readMode === "awaited") {
    findings.push({
      level: "note",
      text: "reads must be awaited here, at 10 ms each",
      advice:
        "floods read once per 64 steps or more; use the Deno version of deno.json for faster reads",
    });
  }
  if (attainable && attainable.readMs > 5) {
    findings.push({ level: "note", text: `a read takes ${attainable.readMs.toFixed(1)} ms` });
  }
  return findings;
}

/** `128 MiB`. */
export function mebibytes(bytes: number): string {
  return `${Math.floor(bytes / 2 ** 20)} MiB`;
}
