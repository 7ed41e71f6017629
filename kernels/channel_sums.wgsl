// Sums of an array over batch and voxels, per channel, each over one split of the voxels:
//
//   parts[s, c] = sum over the voxels p of split s of x[p, c]
//
// x is read through its layout: element (b, c, p) stands at
// ((b * blocks + c / block) * volume + (p.z + halo) * plane + (p.y + halo) * row + p.x + halo) * block + c % block.
// sum_parts.wgsl adds the splits up. One workgroup: 64 threads that share one channel and split. Grid: splits, channels.
struct Params {
  size_z: u32, // voxels, without halo
  size_y: u32,
  size_x: u32,
  channels: u32,
  voxels: u32, // batch * size_z * size_y * size_x
  split_voxels: u32, // voxels of a split; the last one may have fewer
  x_blocks: u32, // layout of x
  x_block: u32,
  x_halo: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> parts: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;

// Place of channel c of voxel `number`, counted through the whole batch.
fn place(number: u32, c: u32) -> u32 {
  let row = params.size_x + 2u * params.x_halo;
  let plane = row * (params.size_y + 2u * params.x_halo);
  let volume = plane * (params.size_z + 2u * params.x_halo);
  let px = number % params.size_x;
  let py = (number / params.size_x) % params.size_y;
  let pz = (number / (params.size_x * params.size_y)) % params.size_z;
  let b = number / (params.size_x * params.size_y * params.size_z);
  let voxel = (pz + params.x_halo) * plane + (py + params.x_halo) * row + px + params.x_halo;
  return ((b * params.x_blocks + c / params.x_block) * volume + voxel) * params.x_block + c % params.x_block;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let begin = group.x * params.split_voxels;
  let end = min(begin + params.split_voxels, params.voxels);
  var sum = 0.0;
  for (var p = begin + lane; p < end; p += 64u) {
    sum += x[place(p, group.y)];
  }
  sums[lane] = sum;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      sums[lane] += sums[lane + half];
    }
  }
  if (lane == 0u) {
    parts[group.x * params.channels + group.y] = sums[0];
  }
}
