// y = max(x, 0), element by element, of two arrays with the same layout of vec4; a halo of zeros stays one.
// One thread: one vec4. Workgroup: 64. Grid: vectors / 64.
alias Real = f32;

struct Params {
  vectors: u32, // halo included
}

@group(0) @binding(0) var<storage, read> x: array<vec4<Real>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<Real>>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x < params.vectors) {
    y[id.x] = max(x[id.x], vec4<Real>(0.0));
  }
}
