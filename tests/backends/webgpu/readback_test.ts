import { deepEqual, equal, rejects } from "node:assert/strict";
import { openDevice } from "../../../engine/backends/webgpu/device.ts";
import { DeviceLostError } from "../../../engine/backends/webgpu/failure.ts";
import { Readback } from "../../../engine/backends/webgpu/readback.ts";
import { testWith } from "../../support/resources.ts";

for (const wish of ["immediate", "awaited"] as const) {
  testWith("gpu", `Readback ${wish} returns what was written, many times`, async () => {
    await using device = await openDevice();
    using readback = await Readback.open(device, wish);
    equal(readback.mode, wish);
    const source = device.gpu.createBuffer({
      label: "source",
      size: 1024,
      usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    for (let round = 0; round < (wish === "immediate" ? 600 : 5); round++) {
      const data = Uint32Array.from({ length: 256 }, (_, i) => round * 1000 + i);
      device.gpu.queue.writeBuffer(source, 0, data);
      deepEqual(new Uint32Array(await readback.read(source, 64, 512)), data.slice(128, 144));
    }
  });
}

testWith("gpu", "Staging keeps the bytes of several copies in one buffer", async () => {
  await using device = await openDevice();
  using readback = await Readback.open(device);
  const source = device.gpu.createBuffer({
    label: "source",
    size: 16,
    usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });
  device.gpu.queue.writeBuffer(source, 0, Uint32Array.of(1, 2, 3, 4));
  const staging = await readback.staging(8, "two words");
  device.submit("two copies", (encoder) => {
    staging.copyFrom(encoder, source, 12, 4, 0);
    staging.copyFrom(encoder, source, 0, 4, 4);
  });
  deepEqual(new Uint32Array(await staging.read()), Uint32Array.of(4, 1));
  staging.dispose();
});

testWith("gpu", "Readback.read() rejects after the device was lost", async () => {
  const device = await openDevice();
  using readback = await Readback.open(device);
  const source = device.gpu.createBuffer({
    label: "source",
    size: 256,
    usage: GPUBufferUsage.COPY_SRC,
  });
  await readback.read(source);
  await device[Symbol.asyncDispose]();
  await rejects(readback.read(source), DeviceLostError);
});
