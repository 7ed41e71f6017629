// Layer normalisation of each voxel over its channels:
//
//   y[p, c] = act((x[p, c] - mean_p) / sqrt(var_p + epsilon) * scale[c] + bias[c])
//
// x, y: [batch][channel / 4][z + 2][y + 2][x + 2] of vec4; the halo stays zero, it is padding of the normalised values.
// scale, bias: [channel]. One thread: one voxel. Workgroup: 64 voxels in a row. Grid: voxels / 64, 1, batch.
alias RealX = f32;
alias RealY = f32;
const RELU_OUTPUT: bool = false;

struct Params {
  size_z: u32, // voxels, without halo
  size_y: u32,
  size_x: u32,
  channels: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<RealX>>;
@group(0) @binding(1) var<storage, read> scale: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<RealY>>;
@group(0) @binding(4) var<uniform> params: Params;

// 1 for a channel, 0 for what fills up the last vec4.
fn present(c: u32) -> vec4<f32> {
  return select(vec4<f32>(0.0), vec4<f32>(1.0), vec4<u32>(c, c + 1u, c + 2u, c + 3u) < vec4<u32>(params.channels));
}

fn four(c: u32, is_scale: bool) -> vec4<f32> {
  let last = params.channels - 1u;
  let i = min(vec4<u32>(c, c + 1u, c + 2u, c + 3u), vec4<u32>(last));
  if (is_scale) {
    return vec4<f32>(scale[i.x], scale[i.y], scale[i.z], scale[i.w]);
  }
  return vec4<f32>(bias[i.x], bias[i.y], bias[i.z], bias[i.w]);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.size_z * params.size_y * params.size_x) {
    return;
  }
  let pitch = params.size_x + 2u;
  let plane = pitch * (params.size_y + 2u);
  let volume = plane * (params.size_z + 2u);
  let pz = id.x / (params.size_y * params.size_x);
  let py = (id.x / params.size_x) % params.size_y;
  let blocks = (params.channels + 3u) / 4u;
  let first = id.z * blocks * volume + (pz + 1u) * plane + (py + 1u) * pitch + id.x % params.size_x + 1u;
  var sum = 0.0;
  for (var k = 0u; k < blocks; k++) {
    sum += dot(vec4<f32>(x[first + k * volume]), present(4u * k));
  }
  let mean = sum / f32(params.channels);
  var squares = 0.0;
  for (var k = 0u; k < blocks; k++) {
    let d = (vec4<f32>(x[first + k * volume]) - mean) * present(4u * k);
    squares += dot(d, d);
  }
  let inverse = 1.0 / sqrt(squares / f32(params.channels) + params.epsilon);
  for (var k = 0u; k < blocks; k++) {
    let at = first + k * volume;
    var value = (vec4<f32>(x[at]) - mean) * inverse * four(4u * k, true) + four(4u * k, false);
    if (RELU_OUTPUT) {
      value = max(value, vec4<f32>(0.0));
    }
    y[at] = vec4<RealY>(value * present(4u * k));
  }
}
