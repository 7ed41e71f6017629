// The highest rate at which a device copies memory: one vec4 per thread.
//
// Bytes: 32 per thread. Workgroup: 64. Grid: vectors / 64, rows of 65,535 workgroups in y.

struct Params {
  vectors: u32,
  row: u32, // threads of a row of workgroups
}

@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * params.row + id.x;
  if (i < params.vectors) {
    output[i] = input[i];
  }
}
