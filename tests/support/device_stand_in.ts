import { volumeOf, type Zyx } from "../../engine/geometry/vectors.ts";
import type { WebGpuBackend } from "../../engine/backends/webgpu/backend.ts";
import type { DevicePredictor } from "../../engine/inference/device/device_predictor.ts";
import { modelOf } from "./bars_volume.ts";

/** The stand-in network of the vectors on a device: logits = 0.5 seed + gain * image over the centre of the field of view. */
const SOURCE = `
struct Params { seed_z: u32, seed_y: u32, seed_x: u32, pred_z: u32, pred_y: u32, pred_x: u32, gain: f32, poison: f32 }
@group(0) @binding(0) var<storage, read> image: array<f32>;
@group(0) @binding(1) var<storage, read> seed: array<f32>;
@group(0) @binding(2) var<storage, read_write> logits: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let voxels = params.pred_z * params.pred_y * params.pred_x;
  if (id.x >= voxels) { return; }
  let z = id.x / (params.pred_y * params.pred_x) + (params.seed_z - params.pred_z) / 2u;
  let y = (id.x / params.pred_x) % params.pred_y + (params.seed_y - params.pred_y) / 2u;
  let x = id.x % params.pred_x + (params.seed_x - params.pred_x) / 2u;
  let src = ((id.z * params.seed_z + z) * params.seed_y + y) * params.seed_x + x;
  var value = 0.5 * seed[src] + params.gain * image[src];
  if (image[src] == params.poison) { value = bitcast<f32>(0x7fc00000u | u32(params.pred_z)); }
  logits[id.z * voxels + id.x] = value;
}`;

/** What a stand-in may have beside its sizes. */
export interface StandInOptions {
  /** Fields of view at once; 1 unless given. */
  readonly batchSize?: number;
  /** Factor of the image: 5 as in the vectors unless given. With a power of two the sum is exact on every GPU. */
  readonly gain?: number;
  /** Where the image has this value the logit is NaN. */
  readonly poison?: number;
}

/** Compiles the stand-in. */
export async function openDeviceStandIn(
  backend: WebGpuBackend,
  fovSize: Zyx = [5, 5, 5],
  deltas: Zyx = [2, 2, 2],
  predSize: Zyx = fovSize,
  { batchSize = 1, gain = 5, poison = -12345 }: StandInOptions = {},
): Promise<DevicePredictor> {
  const { device, pipelines } = backend;
  const allocate = (size: Zyx, name: string) =>
    device.createBuffer({ label: name, size: 4 * batchSize * volumeOf(size), usage: 0x8c });
  const buffers = [
    allocate(fovSize, "image"),
    allocate(fovSize, "seed"),
    allocate(predSize, "logits"),
  ];
  const { pipeline, layout } = await pipelines.get({
    label: "stand-in",
    source: SOURCE,
    constants: {},
    bindings: [{}, {}, { write: true }],
  });
  const params = device.createBuffer({ label: "params", size: 32, usage: 0x48 });
  await device.settleAllocations();
  device.gpu.queue.writeBuffer(params, 0, Uint32Array.from([...fovSize, ...predSize]));
  device.gpu.queue.writeBuffer(params, 24, Float32Array.of(gain, poison));
  const group = device.gpu.createBindGroup({
    label: "stand-in",
    layout,
    entries: [...buffers, params].map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  return {
    model: modelOf(fovSize, deltas, predSize),
    batchSize,
    image: buffers[0],
    seed: buffers[1],
    logits: buffers[2],
    dispatches: 1,
    encode(pass) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(Math.ceil(volumeOf(predSize) / 64), 1, batchSize);
    },
    dispose() {
      for (const buffer of [...buffers, params]) buffer.destroy();
    },
  };
}
