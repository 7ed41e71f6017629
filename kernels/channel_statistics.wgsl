// Statistics of the channels of groups from the sums of channel_moments.wgsl, which are added in order:
//
//   y[g, 0, c] = mean,  y[g, 1, c] = 1 / sqrt(variance + epsilon),   or (MEANS_ONLY) y[g, c] = mean
//
// x lies as there: Element (b, c, p) stands at ((b * blocks + c / block) * volume + (p.z + halo) * plane + (p.y + halo) * row + p.x + halo) * block
// + c % block.
// One thread: one channel of a group. Workgroup: 64. Grid: channels / 64, groups.
const MEANS_ONLY: bool = false;

struct Params {
  size_z: u32, // voxels, without halo
  size_y: u32,
  size_x: u32,
  channels: u32,
  voxels: u32, // of a group
  splits: u32, // of a group
  split_voxels: u32, // of a split; the last one may have fewer
  x_blocks: u32, // layout of x
  x_block: u32,
  x_halo: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

// Place of channel c of voxel `number`, counted through the whole batch.
fn place(blocks: u32, block: u32, halo: u32, number: u32, c: u32) -> u32 {
  let row = params.size_x + 2u * halo;
  let plane = row * (params.size_y + 2u * halo);
  let volume = plane * (params.size_z + 2u * halo);
  let px = number % params.size_x;
  let py = (number / params.size_x) % params.size_y;
  let pz = (number / (params.size_x * params.size_y)) % params.size_z;
  let b = number / (params.size_x * params.size_y * params.size_z);
  let voxel = (pz + halo) * plane + (py + halo) * row + px + halo;
  return ((b * blocks + c / block) * volume + voxel) * block + c % block;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.channels) {
    return;
  }
  var sum = 0.0;
  var squares = 0.0;
  for (var s = 0u; s < params.splits; s++) {
    let at = (id.y * params.splits + s) * 2u * params.channels + id.x;
    sum += parts[at];
    squares += parts[at + params.channels];
  }
  let mean = sum / f32(params.voxels);
  let k = x[place(params.x_blocks, params.x_block, params.x_halo, id.y * params.voxels, id.x)];
  if (MEANS_ONLY) {
    y[id.y * params.channels + id.x] = k + mean;
    return;
  }
  let variance = max(squares / f32(params.voxels) - mean * mean, 0.0);
  y[2u * id.y * params.channels + id.x] = k + mean;
  y[(2u * id.y + 1u) * params.channels + id.x] = 1.0 / sqrt(variance + params.epsilon);
}
