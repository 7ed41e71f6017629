// dx[b, p, c] = factor * dy[b, c], the gradient of a mean over voxels. dy: [batch, channel].
//
// Element (b, c, p) stands at ((b * blocks + c / block) * volume + (p.z + halo) * plane + (p.y + halo) * row + p.x + halo) * block
// + c % block. One thread: one voxel and channel. Workgroup: 64 voxels. Grid: voxels / 64, channels, batch.
struct Params {
  size_z: u32, // voxels, without halo
  size_y: u32,
  size_x: u32,
  channels: u32,
  dx_blocks: u32, // layout of dx
  dx_block: u32,
  dx_halo: u32,
  factor: f32, // 1 / voxels
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read_write> dx: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

fn place(blocks: u32, block: u32, halo: u32, b: u32, c: u32, p: vec3<u32>) -> u32 {
  let row = params.size_x + 2u * halo;
  let plane = row * (params.size_y + 2u * halo);
  let volume = plane * (params.size_z + 2u * halo);
  let voxel = (p.z + halo) * plane + (p.y + halo) * row + p.x + halo;
  return ((b * blocks + c / block) * volume + voxel) * block + c % block;
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
  dx[place(params.dx_blocks, params.dx_block, params.dx_halo, id.z, id.y, p)] =
    params.factor * dy[id.z * params.channels + id.y];
}
