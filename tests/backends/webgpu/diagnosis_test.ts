import { deepEqual, match, ok } from "node:assert/strict";
import { diagnose, type GpuFacts } from "../../../engine/backends/webgpu/diagnosis.ts";

const HEALTHY: GpuFacts = {
  os: "linux",
  adapter: "NVIDIA H100 80GB HBM3",
  software: false,
  maxBindingBytes: 2 ** 31 - 1,
  maxBufferBytes: 2 ** 31 - 1,
  readMode: "immediate",
  nvidiaDriver: true,
  container: false,
  vulkanDrivers: [{ path: "/etc/vulkan/icd.d/nvidia_icd.json", library: "libEGL_nvidia.so.0" }],
  environment: {},
  attainable: null,
};

function problems(changes: Partial<GpuFacts>): string[] {
  return diagnose({ ...HEALTHY, ...changes })
    .filter((f) => f.level === "problem")
    .map((f) => `${f.text} -> ${f.advice}`);
}

Deno.test("diagnose() finds nothing wrong with a healthy host", () => {
  deepEqual(problems({}), []);
});

Deno.test("diagnose() knows the pitfalls of headless NVIDIA hosts", () => {
  const software = { adapter: "llvmpipe (LLVM 15.0.6, 256 bits)", software: true };
  const glx = [{ path: "/etc/vulkan/icd.d/nvidia_icd.json", library: "libGLX_nvidia.so.0" }];
  const [first, second] = problems({ ...software, vulkanDrivers: glx });
  match(first, /only a software adapter: llvmpipe/);
  match(second, /needs X libraries .* libEGL_nvidia\.so\.0 .* VK_DRIVER_FILES/);
  const lavapipe = [{ path: "/usr/share/vulkan/icd.d/lvp_icd.json", library: "libvulkan_lvp.so" }];
  const inContainer = { ...software, vulkanDrivers: lavapipe, container: true };
  match(problems(inContainer)[1], /NVIDIA_DRIVER_CAPABILITIES=all/);
  const environment = { NVIDIA_DRIVER_CAPABILITIES: "compute,utility" };
  match(problems({ ...inContainer, environment })[2], /needs "graphics"/);
  match(problems({ ...inContainer, container: false })[1], /install the driver's Vulkan parts/);
});

Deno.test("diagnose() explains a host without an adapter", () => {
  const found = problems({ adapter: null, nvidiaDriver: false, vulkanDrivers: [] });
  ok(found.length === 1 && /no WebGPU adapter -> install a Vulkan driver/.test(found[0]), found[0]);
});

Deno.test("diagnose() notes variables without effect, small bindings and slow reads", () => {
  const notes = diagnose({
    ...HEALTHY,
    environment: { CUDA_VISIBLE_DEVICES: "0", WGPU_ADAPTER_NAME: "x" },
    maxBindingBytes: 2 ** 27,
    readMode: "awaited",
  }).filter((f) => f.level === "note").map((f) => f.text).join("; ");
  for (const part of [/CUDA_VISIBLE_DEVICES/, /WGPU_ADAPTER_NAME/, /128 MiB/, /97 %/, /awaited/]) {
    match(notes, part);
  }
});
