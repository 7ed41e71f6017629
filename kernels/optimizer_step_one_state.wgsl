// One step of an optimizer with one state per weight, with g the gradient clipped to +-clip. FUNCTION:
//
//   0 momentum   a = momentum * a + g;  w -= rate * a
//   1 adagrad    a += g * g;  w -= rate * g / sqrt(a)
//
// All arrays are in C order; rate has one element. One thread: one weight. Workgroup: 64. Grid: weights / 64, in rows.
const FUNCTION: u32 = 0u;

struct Params {
  elements: u32,
  clip: f32,
  momentum: f32,
}

@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read> rate: array<f32>;
@group(0) @binding(3) var<storage, read> a: array<f32>;
@group(0) @binding(4) var<storage, read_write> next_w: array<f32>;
@group(0) @binding(5) var<storage, read_write> next_a: array<f32>;
@group(0) @binding(6) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let n = id.y * groups.x * 64u + id.x;
  if (n >= params.elements) {
    return;
  }
  let g = clamp(gradient[n], -params.clip, params.clip);
  switch FUNCTION {
    case 0u: {
      let state = params.momentum * a[n] + g;
      next_w[n] = w[n] - rate[0] * state;
      next_a[n] = state;
    }
    default: {
      let state = a[n] + g * g;
      next_w[n] = w[n] - rate[0] * g / sqrt(state);
      next_a[n] = state;
    }
  }
}
