// y = f(a, b), element by element, of three arrays with the same layout of vec4 and a halo of zeros.
// FUNCTION: 0 add, 1 subtract, 2 multiply, 3 b where a > 0, 4 b * a * (1 - a),
// 5 b, or 0.2 b where a is not above 0, 6 b * (1 - a * a). Each gives 0 for two zeros, so that the halo
// stays zero. One thread: one vec4. Workgroup: 64. Grid: vectors / 64.
alias Real = f32;
const FUNCTION: u32 = 0u;

struct Params {
  vectors: u32, // halo included
}

@group(0) @binding(0) var<storage, read> a: array<vec4<Real>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<Real>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Real>>;
@group(0) @binding(3) var<uniform> params: Params;

fn apply(left: vec4<f32>, right: vec4<f32>) -> vec4<f32> {
  switch FUNCTION {
    case 0u: { return left + right; }
    case 1u: { return left - right; }
    case 2u: { return left * right; }
    case 3u: { return select(vec4<f32>(0.0), right, left > vec4<f32>(0.0)); }
    case 4u: { return right * left * (1.0 - left); }
    case 5u: { return select(0.2 * right, right, left > vec4<f32>(0.0)); }
    default: { return right * (1.0 - left * left); }
  }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < params.vectors) {
    y[id.x] = vec4<Real>(apply(vec4<f32>(a[id.x]), vec4<f32>(b[id.x])));
  }
}
