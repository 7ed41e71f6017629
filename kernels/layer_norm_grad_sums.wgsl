// Gradients of layer normalisation by scale and bias, each over one split of the voxels of the batch:
//
//   scale_parts[s, c] = sum over the voxels p of split s of dy[p, c] * (x[p, c] - mean_p) * inverse_p
//   bias_parts[s, c]  = sum over the voxels p of split s of dy[p, c]
//
// x, dy: [batch][channel / 4][z + 2][y + 2][x + 2] of vec4. statistics: (mean, inverse) of each voxel, by layer_norm_grad.wgsl.
// parts: [split][channel / 4] of vec4; sum_parts.wgsl adds the splits up.
// One workgroup: 64 threads that share a channel block and a split. Grid: splits, channel blocks.
struct Params {
  size_z: u32, // voxels, without halo
  size_y: u32,
  size_x: u32,
  blocks: u32, // channels / 4
  voxels: u32, // batch * size_z * size_y * size_x
  split_voxels: u32, // voxels of a split; the last one may have fewer
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> statistics: array<vec2<f32>>;
@group(0) @binding(3) var<storage, read_write> scale_parts: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> bias_parts: array<vec4<f32>>;
@group(0) @binding(5) var<uniform> params: Params;

var<workgroup> scale_sums: array<vec4<f32>, 64>;
var<workgroup> bias_sums: array<vec4<f32>, 64>;

// Place of a channel block of voxel `number`, counted through the whole batch.
fn place(number: u32, block: u32) -> u32 {
  let pitch = params.size_x + 2u;
  let plane = pitch * (params.size_y + 2u);
  let volume = plane * (params.size_z + 2u);
  let px = number % params.size_x;
  let py = (number / params.size_x) % params.size_y;
  let pz = (number / (params.size_x * params.size_y)) % params.size_z;
  let b = number / (params.size_x * params.size_y * params.size_z);
  return (b * params.blocks + block) * volume + (pz + 1u) * plane + (py + 1u) * pitch + px + 1u;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let begin = group.x * params.split_voxels;
  let end = min(begin + params.split_voxels, params.voxels);
  var scale_sum = vec4<f32>(0.0);
  var bias_sum = vec4<f32>(0.0);
  for (var p = begin + lane; p < end; p += 64u) {
    let at = place(p, group.y);
    let s = statistics[p];
    scale_sum += dy[at] * (x[at] - s.x) * s.y;
    bias_sum += dy[at];
  }
  scale_sums[lane] = scale_sum;
  bias_sums[lane] = bias_sum;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      scale_sums[lane] += scale_sums[lane + half];
      bias_sums[lane] += bias_sums[lane + half];
    }
  }
  if (lane == 0u) {
    let to = group.x * params.blocks + group.y;
    scale_parts[to] = scale_sums[0];
    bias_parts[to] = bias_sums[0];
  }
}
