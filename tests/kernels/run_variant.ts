/** Runs one variant of one op on a device, outside of any program, with sentinels around everything that it may write. */
import { equal } from "node:assert/strict";
import type { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import type { Host } from "../../engine/ops/op.ts";
import type { Launch, Operand, PlacedCall, Variant } from "../../kernels/kernel.ts";
import { type Layout, paddedVolume, plainLayout, sizeBytes } from "../../kernels/layout.ts";

/** A NaN with a pattern that no kernel makes. */
const SENTINEL = 0x7fc12345;
/** Words behind each buffer. */
const GUARD = 64;

/** Calls `visit` with the index in C order `[batch, z, y, x, channel]` and the place in memory of each element. */
function eachElement(l: Layout, visit: (plain: number, place: number) => void): void {
  const row = l.x + 2 * l.halo;
  const plane = row * (l.y + 2 * l.halo);
  let plain = 0;
  for (let b = 0; b < l.batch; b++) {
    for (let z = 0; z < l.z; z++) {
      for (let y = 0; y < l.y; y++) {
        for (let x = 0; x < l.x; x++) {
          const voxel = (z + l.halo) * plane + (y + l.halo) * row + x + l.halo;
          for (let c = 0; c < l.channels; c++, plain++) {
            const block = b * l.blocks + Math.floor(c / l.block);
            visit(plain, (block * paddedVolume(l) + voxel) * l.block + c % l.block);
          }
        }
      }
    }
  }
}

/** What f16 storage keeps of an f32. */
export function toHalf(values: Float32Array): Float32Array {
  return Float32Array.from(values, (v) => Math.f16round(v));
}

/** Memory image of an array `[batch, z, y, x, channel]` in a layout. */
function pack(data: Float32Array, layout: Layout): Uint8Array {
  const memory = layout.real === "f16"
    ? new Float16Array(sizeBytes(layout) / 2)
    : new Float32Array(sizeBytes(layout) / 4);
  eachElement(layout, (plain, place) => memory[place] = data[plain]);
  return new Uint8Array(memory.buffer);
}

/** Runs `variant` and returns its outputs in C order, after checking halos and guards. */
export async function runVariant(
  backend: WebGpuBackend,
  placed: PlacedCall,
  variant: Variant,
  inputs: readonly Host[],
): Promise<Float32Array[]> {
  const { device, readback } = backend;
  const plan = variant.plan(placed, backend.profile);
  const made = new Map<string, GPUBuffer>();
  const make = (key: string, bytes: number, contents?: Uint8Array): void => {
    const words = Math.ceil(bytes / 4);
    const image = new Uint32Array(words + GUARD).fill(SENTINEL, words);
    if (contents) new Uint8Array(image.buffer).set(contents);
    const buffer = device.createBuffer({ label: key, size: image.byteLength, usage: 0x8c });
    device.gpu.queue.writeBuffer(buffer, 0, image);
    made.set(key, buffer);
  };
  inputs.forEach((host, i) => {
    const layout = placed.inputs[i] ?? plainLayout(host.shape);
    const contents = pack(host.data as Float32Array, layout);
    make(`input${i}`, contents.byteLength, contents);
  });
  for (const [name, bytes] of Object.entries(plan.packed)) make(`packed${name}`, bytes);
  // Scratch memory holds whatever another call left there.
  for (const [name, bytes] of Object.entries(plan.scratch)) {
    make(`scratch${name}`, bytes, new Uint8Array(new Float32Array(bytes / 4).fill(NaN).buffer));
  }
  placed.outputs.forEach((y, i) => {
    make(`output${i}`, sizeBytes(y), pack(new Float32Array(elementsOf(y)).fill(NaN), y));
  });
  const bufferOf = (o: Operand) =>
    made.get("index" in o ? `${o.kind}${o.index}` : `${o.kind}${o.name}`)!;
  for (const launch of [...plan.prepare, ...plan.launches]) {
    await dispatch(backend, launch, launch.bindings.map((b) => bufferOf(b.operand)));
  }
  for (const [key, buffer] of made) {
    const tail = new Uint32Array(await readback.read(buffer, GUARD * 4, buffer.size - GUARD * 4));
    equal(tail.every((w) => w === SENTINEL), true, `${variant.name} wrote behind "${key}"`);
  }
  const results: Float32Array[] = [];
  for (const [i, y] of placed.outputs.entries()) {
    const size = Math.ceil(sizeBytes(y) / 4) * 4;
    const bytes = await readback.read(made.get(`output${i}`)!, size);
    const memory = y.real === "f16" ? new Float16Array(bytes) : new Float32Array(bytes);
    const result = new Float32Array(elementsOf(y));
    eachElement(y, (plain, place) => {
      result[plain] = memory[place];
      memory[place] = 0;
    });
    if (y.channels % y.block === 0) {
      equal(memory.findIndex((v) => v !== 0), -1, `${variant.name} wrote into the halo`);
    }
    results.push(result);
  }
  for (const buffer of made.values()) buffer.destroy();
  return results;
}

function elementsOf(l: Layout): number {
  return l.batch * l.z * l.y * l.x * l.channels;
}

async function dispatch(
  { device, pipelines }: WebGpuBackend,
  launch: Launch,
  buffers: GPUBuffer[],
): Promise<void> {
  const { pipeline, layout } = await pipelines.get(launch);
  const { gpu } = device;
  const params = gpu.createBuffer({ label: "params", size: 256, usage: 0x48 });
  gpu.queue.writeBuffer(params, 0, launch.params);
  const group = gpu.createBindGroup({
    label: launch.label,
    layout,
    entries: [...buffers, params].map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  device.submit(launch.label, (encoder) => {
    const pass = encoder.beginComputePass({ label: launch.label });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(...launch.workgroups);
    pass.end();
  });
}
