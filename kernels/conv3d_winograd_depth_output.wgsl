// Last half of the output transform of full Winograd F(3x3x3, 3x3x3): A^T along z, then bias, residual, ReLU.
//
// planes: [point][batch][channel / 4][tile][y][x] of vec4. y, residual: [batch][channel / 4][z + 2][y + 2][x + 2]
// of vec4 with a halo of zeros. bias: [channel / 4] of vec4.
// One thread: 3 voxels of a column, 4 channels. Workgroup: 64 columns. Grid: y * x / 64, batch * channel blocks, tiles_z.
alias Real = f32;
const RELU_OUTPUT: bool = false;
const RESIDUAL: bool = false;

struct Params {
  size_z: u32, // voxels, without halo
  size_y: u32,
  size_x: u32,
  co4: u32, // channels / 4
  tiles_z: u32, // size_z / 3, rounded up
  channel_blocks: u32, // batch * co4
}

@group(0) @binding(0) var<storage, read> planes: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> residual: array<vec4<Real>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<Real>>;
@group(0) @binding(4) var<uniform> params: Params;

fn store(at: u32, channel: u32, sum: vec4<f32>) {
  var value = sum + bias[channel];
  if (RESIDUAL) {
    value += vec4<f32>(residual[at]);
  }
  if (RELU_OUTPUT) {
    value = max(value, vec4<f32>(0.0));
  }
  y[at] = vec4<Real>(value);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let area = params.size_y * params.size_x;
  if (id.x >= area) {
    return;
  }
  let step = params.channel_blocks * params.tiles_z * area;
  let src = (id.y * params.tiles_z + id.z) * area + id.x;
  let m0 = planes[src];
  let m1 = planes[src + step];
  let m2 = planes[src + 2u * step];
  let m3 = planes[src + 3u * step];
  let m4 = planes[src + 4u * step];
  let sum = m1 + m2;
  let pitch = params.size_x + 2u;
  let plane = pitch * (params.size_y + 2u);
  let z = 3u * id.z;
  let row = id.x / params.size_x;
  let to = (id.y * (params.size_z + 2u) + z + 1u) * plane + (row + 1u) * pitch + id.x % params.size_x + 1u;
  let channel = id.y % params.co4;
  store(to, channel, m0 + sum + m3);
  if (z + 1u < params.size_z) {
    store(to + plane, channel, (m1 - m2) + 2.0 * m3);
  }
  if (z + 2u < params.size_z) {
    store(to + 2u * plane, channel, sum + 4.0 * m3 + m4);
  }
}
