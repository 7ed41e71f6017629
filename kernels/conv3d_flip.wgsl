// Weights of the convolution that takes the gradient of a convolution back to its input: taps in reverse order, input and
// output channels exchanged.
//
//   flipped[t, o, i] = w[taps - 1 - t, i, o]
//
// One thread: one weight. Workgroup: 64. Grid: weights / 64.
struct Params {
  taps: u32,
  ci: u32, // input channels of w
  co: u32, // output channels of w
}

@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read_write> flipped: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.taps * params.ci * params.co) {
    return;
  }
  let i = id.x % params.ci;
  let o = (id.x / params.ci) % params.co;
  let tap = params.taps - 1u - id.x / (params.ci * params.co);
  flipped[id.x] = w[(tap * params.ci + i) * params.co + o];
}
