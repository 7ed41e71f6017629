// Weights of the convolution that takes the gradient of a convolution back to its input: taps in reverse order, input and
// output channels exchanged.
//
//   flipped[t, o, i] = w[taps - 1 - t, i, o]
//
// One thread: one weight. Workgroup: 64. Grid: weights / 64, in rows.
struct Params {
  taps: u32,
  ci: u32, // input channels of w
  co: u32, // output channels of w
}

@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read_write> flipped: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let n = id.y * groups.x * 64u + id.x;
  if (n >= params.taps * params.ci * params.co) {
    return;
  }
  let i = n % params.ci;
  let o = (n / params.ci) % params.co;
  let tap = params.taps - 1u - n / (params.ci * params.co);
  flipped[n] = w[(tap * params.ci + i) * params.co + o];
}
