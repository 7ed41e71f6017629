// A mean error, in parts:
//
//   parts[s] = scale * sum over the elements of split s of |a - b|, or (SQUARED) (a - b)²
//
// Element (b, c, p) stands at ((b * blocks + c / block) * volume + (p.z + halo) * plane + (p.y + halo) * row + p.x + halo) * block
// + c % block. sum_parts.wgsl adds the splits up. One workgroup: 64 threads that share a split. Grid: splits.
const SQUARED: bool = false;

struct Params {
  size_z: u32, // voxels, without halo
  size_y: u32,
  size_x: u32,
  channels: u32,
  elements: u32, // of the whole batch
  split_elements: u32, // of a split; the last one may have fewer
  a_blocks: u32, // layout of a
  a_block: u32,
  a_halo: u32,
  b_blocks: u32, // layout of b
  b_block: u32,
  b_halo: u32,
  scale: f32, // weight / elements
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> parts: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;

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
  let begin = group.x * params.split_elements;
  let end = min(begin + params.split_elements, params.elements);
  var sum = 0.0;
  for (var i = begin + lane; i < end; i += 64u) {
    let voxel = i / params.channels;
    let c = i % params.channels;
    let difference = a[place(params.a_blocks, params.a_block, params.a_halo, voxel, c)] -
      b[place(params.b_blocks, params.b_block, params.b_halo, voxel, c)];
    sum += select(abs(difference), difference * difference, SQUARED);
  }
  sums[lane] = sum;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      sums[lane] += sums[lane + half];
    }
  }
  if (lane == 0u) {
    parts[group.x] = params.scale * sums[0];
  }
}
