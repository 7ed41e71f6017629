// Sums over the voxels of a group, per channel, each over one split of them, with n = (x - mean) * inverse:
//
//   parts[g, s, 0, c] = sum of dy,  parts[g, s, 1, c] = sum of dy * n
//
// Element (b, c, p) stands at ((b * blocks + c / block) * volume + (p.z + halo) * plane + (p.y + halo) * row + p.x + halo) * block
// + c % block. statistics: [group, 2, channel].
// One workgroup: 64 threads that share a channel and a split. Grid: splits, channels, groups.
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
  dy_blocks: u32, // layout of dy
  dy_block: u32,
  dy_halo: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> statistics: array<f32>;
@group(0) @binding(3) var<storage, read_write> parts: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

var<workgroup> first_sums: array<f32, 64>;
var<workgroup> second_sums: array<f32, 64>;

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
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let start = group.z * params.voxels;
  let begin = start + group.x * params.split_voxels;
  let end = min(begin + params.split_voxels, start + params.voxels);
  var first = 0.0;
  var second = 0.0;
  let mean = statistics[2u * group.z * params.channels + group.y];
  let inverse = statistics[(2u * group.z + 1u) * params.channels + group.y];
  for (var p = begin + lane; p < end; p += 64u) {
    let gradient = dy[place(params.dy_blocks, params.dy_block, params.dy_halo, p, group.y)];
    let value = x[place(params.x_blocks, params.x_block, params.x_halo, p, group.y)];
    first += gradient;
    second += gradient * (value - mean) * inverse;
  }
  first_sums[lane] = first;
  second_sums[lane] = second;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      first_sums[lane] += first_sums[lane + half];
      second_sums[lane] += second_sums[lane + half];
    }
  }
  if (lane == 0u) {
    let to = (group.z * params.splits + group.x) * 2u * params.channels + group.y;
    parts[to] = first_sums[0];
    parts[to + params.channels] = second_sums[0];
  }
}
