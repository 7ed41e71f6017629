// y[b, o] = bias[o] + sum over i of x[b, i] * w[i, o]. All arrays in C order. One thread: one output. Workgroup: 64. Grid: batch *
// out / 64.
struct Params {
  batch: u32,
  channels_in: u32,
  out: u32,
  elements: u32, // of y
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.elements) {
    return;
  }
  let b = id.x / params.out;
  let o = id.x % params.out;
  var sum = bias[o];
  for (var i = 0u; i < params.channels_in; i++) {
    sum += x[b * params.channels_in + i] * w[i * params.out + o];
  }
  y[id.x] = sum;
}
