// Adds up what the splits of a reduction left, always in the same order:
//
//   y[r, i, o] = sum over splits s of parts[s, r, i, o]
//
// parts: [split][r][i_padded][o_padded]. y: [r][i][o]. One thread: one element of y. Workgroup: 64. Grid: elements / 64, in rows.
struct Params {
  splits: u32,
  rows: u32,
  i: u32,
  o: u32,
  i_padded: u32,
  o_padded: u32,
}

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let n = id.y * groups.x * 64u + id.x;
  if (n >= params.rows * params.i * params.o) {
    return;
  }
  let o = n % params.o;
  let i = (n / params.o) % params.i;
  let r = n / (params.o * params.i);
  let step = params.rows * params.i_padded * params.o_padded;
  var at = (r * params.i_padded + i) * params.o_padded + o;
  var sum = 0.0;
  for (var s = 0u; s < params.splits; s++) {
    sum += parts[at];
    at += step;
  }
  y[n] = sum;
}
