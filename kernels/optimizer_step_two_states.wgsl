// One step of an optimizer with two states per weight, with g the gradient clipped to +-clip. FUNCTION:
//
//   0 adam      a = keep_a * a + add_a * g;  b = keep_b * b + add_b * g * g;  w -= rate * a / (sqrt(b) + epsilon)
//   1 rmsprop   a = keep_a * a + add_a * g * g;  b = keep_b * b + rate * g / sqrt(a + epsilon);  w -= b
//
// All arrays are in C order; rate has one element. One thread: one weight. Workgroup: 64. Grid: weights / 64, in rows.
const FUNCTION: u32 = 0u;

struct Params {
  elements: u32,
  clip: f32,
  keep_a: f32, // adam: beta1; rmsprop: decay
  add_a: f32, // 1 - keep_a
  keep_b: f32, // adam: beta2; rmsprop: momentum
  add_b: f32, // 1 - keep_b
  epsilon: f32,
}

@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read> gradient: array<f32>;
@group(0) @binding(2) var<storage, read> rate: array<f32>;
@group(0) @binding(3) var<storage, read> a: array<f32>;
@group(0) @binding(4) var<storage, read> b: array<f32>;
@group(0) @binding(5) var<storage, read_write> next_w: array<f32>;
@group(0) @binding(6) var<storage, read_write> next_a: array<f32>;
@group(0) @binding(7) var<storage, read_write> next_b: array<f32>;
@group(0) @binding(8) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let n = id.y * groups.x * 64u + id.x;
  if (n >= params.elements) {
    return;
  }
  let g = clamp(gradient[n], -params.clip, params.clip);
  switch FUNCTION {
    case 0u: {
      let first = params.keep_a * a[n] + params.add_a * g;
      let second = params.keep_b * b[n] + params.add_b * g * g;
      next_w[n] = w[n] - rate[0] * first / (sqrt(second) + params.epsilon);
      next_a[n] = first;
      next_b[n] = second;
    }
    default: {
      let first = params.keep_a * a[n] + params.add_a * g * g;
      let second = params.keep_b * b[n] + rate[0] * g / sqrt(first + params.epsilon);
      next_w[n] = w[n] - second;
      next_a[n] = first;
      next_b[n] = second;
    }
  }
}
