// Gradient of layer normalisation by its input, per voxel over its channels, with n = (x - mean) / sqrt(var + epsilon) and
// g = dy * scale:
//
//   dx = (g - mean(g) - n * mean(g * n)) / sqrt(var + epsilon)
//
// and what layer_norm_grad_sums.wgsl needs of each voxel: statistics[p] = (mean, 1 / sqrt(var + epsilon)).
// x, dy, dx: [batch][channel / 4][z + 2][y + 2][x + 2] of vec4 with a halo of zeros. scale: [channel].
// statistics: [batch][z][y][x]. One thread: one voxel. Workgroup: 64 voxels in a row. Grid: voxels / 64, 1, batch.
struct Params {
  size_z: u32, // voxels, without halo
  size_y: u32,
  size_x: u32,
  channels: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> scale: array<f32>;
@group(0) @binding(3) var<storage, read_write> dx: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> statistics: array<vec2<f32>>;
@group(0) @binding(5) var<uniform> params: Params;

// 1 for a channel, 0 for what fills up the last vec4.
fn present(c: u32) -> vec4<f32> {
  return select(vec4<f32>(0.0), vec4<f32>(1.0), vec4<u32>(c, c + 1u, c + 2u, c + 3u) < vec4<u32>(params.channels));
}

fn scales(c: u32) -> vec4<f32> {
  let i = min(vec4<u32>(c, c + 1u, c + 2u, c + 3u), vec4<u32>(params.channels - 1u));
  return vec4<f32>(scale[i.x], scale[i.y], scale[i.z], scale[i.w]);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let voxels = params.size_z * params.size_y * params.size_x;
  if (id.x >= voxels) {
    return;
  }
  let pitch = params.size_x + 2u;
  let plane = pitch * (params.size_y + 2u);
  let volume = plane * (params.size_z + 2u);
  let pz = id.x / (params.size_y * params.size_x);
  let py = (id.x / params.size_x) % params.size_y;
  let blocks = (params.channels + 3u) / 4u;
  let first = id.z * blocks * volume + (pz + 1u) * plane + (py + 1u) * pitch + id.x % params.size_x + 1u;
  let count = f32(params.channels);
  var sum = 0.0;
  for (var k = 0u; k < blocks; k++) {
    sum += dot(x[first + k * volume], present(4u * k));
  }
  let mean = sum / count;
  var squares = 0.0;
  for (var k = 0u; k < blocks; k++) {
    let d = (x[first + k * volume] - mean) * present(4u * k);
    squares += dot(d, d);
  }
  let inverse = 1.0 / sqrt(squares / count + params.epsilon);
  var sum_g = 0.0;
  var sum_gn = 0.0;
  for (var k = 0u; k < blocks; k++) {
    let at = first + k * volume;
    let g = dy[at] * scales(4u * k) * present(4u * k);
    sum_g += g.x + g.y + g.z + g.w;
    sum_gn += dot(g, (x[at] - mean) * inverse);
  }
  for (var k = 0u; k < blocks; k++) {
    let at = first + k * volume;
    let n = (x[at] - mean) * inverse;
    let value = (dy[at] * scales(4u * k) - sum_g / count - n * (sum_gn / count)) * inverse;
    dx[at] = value * present(4u * k);
  }
  statistics[id.z * voxels + id.x] = vec2<f32>(mean, inverse);
}
