import { equal, match, ok, rejects } from "node:assert/strict";
import { isSoftware, openDevice } from "../../../engine/backends/webgpu/device.ts";
import { DeviceLostError } from "../../../engine/backends/webgpu/failure.ts";
import { KernelError } from "../../../engine/errors/errors.ts";
import { testWith } from "../../support/resources.ts";

Deno.test("isSoftware() knows the software adapters by their descriptions", () => {
  const info = (description: string) => ({ description }) as GPUAdapterInfo;
  for (
    const name of [
      "llvmpipe (LLVM 15.0.6, 256 bits)",
      "SwiftShader Device (Subzero)",
      "Microsoft Basic Render Driver",
    ]
  ) ok(isSoftware(info(name)), name);
  for (const name of ["NVIDIA H100 80GB HBM3", "Apple M2", "AMD Radeon RX 7900 XTX"]) {
    equal(isSoftware(info(name)), false, name);
  }
});

testWith("gpu", "openDevice() grants what it asks for and keeps caps", async () => {
  await using device = await openDevice({
    features: [],
    limits: { maxStorageBuffersPerShaderStage: 8, maxComputeInvocationsPerWorkgroup: 256 },
  });
  equal(device.limits.maxStorageBuffersPerShaderStage, 8);
  equal(device.limits.maxComputeInvocationsPerWorkgroup, 256);
  equal(device.features.size, 0);
  equal(device.subgroups.size, 0);
  ok(device.name.length > 0);
});

testWith("gpu", "Device.scoped() names the kernel and line of a compile error", async () => {
  await using device = await openDevice();
  const error = await device.scoped(
    "bad kernel",
    () => device.gpu.createShaderModule({ label: "bad kernel", code: "fn f() {\n  let x = ;\n}" }),
  ).catch((e) => e);
  ok(error instanceof KernelError);
  equal(error.label, "bad kernel");
  equal(error.line, 2);
  match(error.message, /^Cannot run "bad kernel" on the GPU: /);
});

testWith("gpu", "an uncaptured error rejects pending work with its label", async () => {
  await using device = await openDevice();
  const pending = device.failure.guard(new Promise(() => {}));
  const buffer = device.gpu.createBuffer({ label: "too small", size: 4, usage: 8 });
  device.submit("copy out of range", (e) => e.copyBufferToBuffer(buffer, 0, buffer, 0, 64));
  const error = await pending.catch((e) => e);
  ok(error instanceof KernelError, String(error));
  await rejects(async () => await device.gpu, KernelError);
});

testWith("gpu", "the loss of the device rejects pending work", async () => {
  const device = await openDevice();
  const pending = device.failure.guard(new Promise(() => {}));
  device.submit("last words", () => {});
  await device[Symbol.asyncDispose]();
  await rejects(
    pending,
    (e: Error) => e instanceof DeviceLostError && /"last words"/.test(e.message),
  );
});
