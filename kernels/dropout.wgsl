// y = x * factor where a hash of the element's number in C order keeps it, else 0 (`engine/ops/dropout.ts`).
//
// Element (b, c, p) stands at ((b * blocks + c / block) * volume + (p.z + halo) * plane + (p.y + halo) * row + p.x + halo) * block
// + c % block. One thread: one voxel and channel. Workgroup: 64 voxels. Grid: voxels / 64, channels, batch.
struct Params {
  size_z: u32, // voxels, without halo
  size_y: u32,
  size_x: u32,
  channels: u32,
  x_blocks: u32, // layout of x
  x_block: u32,
  x_halo: u32,
  y_blocks: u32, // layout of y
  y_block: u32,
  y_halo: u32,
  threshold: u32, // hashes below it keep
  stream: u32, // key of the stream
  factor: f32, // 1 / share that is kept
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> seed: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

fn place(blocks: u32, block: u32, halo: u32, b: u32, c: u32, p: vec3<u32>) -> u32 {
  let row = params.size_x + 2u * halo;
  let plane = row * (params.size_y + 2u * halo);
  let volume = plane * (params.size_z + 2u * halo);
  let voxel = (p.z + halo) * plane + (p.y + halo) * row + p.x + halo;
  return ((b * blocks + c / block) * volume + voxel) * block + c % block;
}

// MurmurHash3's finalizer.
fn mix_bits(number: u32) -> u32 {
  var n = number;
  n = (n ^ (n >> 16u)) * 0x85ebca6bu;
  n = (n ^ (n >> 13u)) * 0xc2b2ae35u;
  return n ^ (n >> 16u);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.size_z * params.size_y * params.size_x) {
    return;
  }
  let p = vec3<u32>(
    id.x % params.size_x,
    (id.x / params.size_x) % params.size_y,
    id.x / (params.size_x * params.size_y),
  );
  let voxel = id.z * params.size_z * params.size_y * params.size_x + id.x;
  let key = mix_bits(params.stream + u32(seed[0]));
  let kept = mix_bits((voxel * params.channels + id.y) * 0x9e3779b1u + key) < params.threshold;
  let value = x[place(params.x_blocks, params.x_block, params.x_halo, id.z, id.y, p)] * params.factor;
  y[place(params.y_blocks, params.y_block, params.y_halo, id.z, id.y, p)] = select(0.0, value, kept);
}
