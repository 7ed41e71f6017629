// Convolution 1x1x1 to a single channel, the last layer of the conv stack:
//
//   y[b, p] = act(bias + sum over channels i of pre(x[b, p, i]) * w[i] + residual[b, p])
//
// x: [batch][channel / 4][z + 2][y + 2][x + 2] of vec4 with a halo of zeros. w: [channel]. y, residual: [batch][z][y][x].
// One thread: one voxel. Workgroup: 64 voxels in a row. Grid: voxels / 64, 1, batch.
alias Real = f32;
const RELU_INPUT: bool = false;
const RELU_OUTPUT: bool = false;
const RESIDUAL: bool = false;

struct Params {
  size_z: u32, // voxels, without halo
  size_y: u32,
  size_x: u32,
  ci: u32, // input channels
}

@group(0) @binding(0) var<storage, read> x: array<vec4<Real>>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

// Weight of a channel, 0 for the channels that fill up the last vec4.
fn weight(channel: u32) -> f32 {
  if (channel >= params.ci) {
    return 0.0;
  }
  return w[channel];
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
  let blocks = (params.ci + 3u) / 4u;
  var src = id.z * blocks * volume + (pz + 1u) * plane + (py + 1u) * pitch + id.x % params.size_x + 1u;
  var sum = bias[0];
  for (var c = 0u; c < params.ci; c += 4u) {
    var value = vec4<f32>(x[src]);
    if (RELU_INPUT) {
      value = max(value, vec4<f32>(0.0));
    }
    sum += dot(value, vec4<f32>(weight(c), weight(c + 1u), weight(c + 2u), weight(c + 3u)));
    src += volume;
  }
  let at = id.z * voxels + id.x;
  if (RESIDUAL) {
    sum += residual[at];
  }
  if (RELU_OUTPUT) {
    sum = max(sum, 0.0);
  }
  y[at] = sum;
}
