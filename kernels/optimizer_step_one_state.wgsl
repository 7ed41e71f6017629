// One step of an optimizer with one state per weight, with g the gradient clipped to +-clip. FUNCTION:
//
//   0 momentum   a = momentum * a + g;  w -= rate * a
//   1 adagrad    a += g * g;  w -= rate * g / sqrt(a)
//
// All arrays are in C order; rate has one element. One thread: one weight. Workgroup: 64. Grid: weights / 64.
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
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.elements) {
    return;
  }
  let g = clamp(gradient[id.x], -params.clip, params.clip);
  switch FUNCTION {
    case 0u: {
      let state = params.momentum * a[id.x] + g;
      next_w[id.x] = w[id.x] - rate[0] * state;
      next_a[id.x] = state;
    }
    default: {
      let state = a[id.x] + g * g;
      next_w[id.x] = w[id.x] - rate[0] * g / sqrt(state);
      next_a[id.x] = state;
    }
  }
}
