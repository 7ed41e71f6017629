// One step of gradient descent, with g the gradient clipped to +-clip:
//
//   w -= rate * g
//
// All arrays are in C order; rate has one element. One thread: one weight. Workgroup: 64. Grid: weights / 64, in rows.
struct Params {
  elements: u32,
  clip: f32,
}

@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read> rate: array<f32>;
@group(0) @binding(3) var<storage, read_write> next_w: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let n = id.y * groups.x * 64u + id.x;
  if (n < params.elements) {
    next_w[n] = w[n] - rate[0] * clamp(gradient[n], -params.clip, params.clip);
  }
}
