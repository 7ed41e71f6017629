// The highest rate of multiply-adds that a device reaches: ACCUMULATORS independent vec4 chains, 4 steps per iteration.
//
// One store at the end keeps the compiler from dropping the work. Flops: threads * iterations * 4 * ACCUMULATORS * 4 * 2.
// Grid: any number of workgroups of 64.
const ACCUMULATORS: u32 = 4u;

struct Params {
  iterations: u32,
}

@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>; // [64]
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>; // [64]
@group(0) @binding(2) var<uniform> params: Params;

fn four(value: vec4<f32>, factor: vec4<f32>, term: vec4<f32>) -> vec4<f32> {
  return fma(fma(fma(fma(value, factor, term), factor, term), factor, term), factor, term);
}

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  let factor = input[lane];
  let term = input[63u - lane];
  var a0 = factor * 1.0;
  var a1 = factor * 2.0;
  var a2 = factor * 3.0;
  var a3 = factor * 4.0;
  var a4 = factor * 5.0;
  var a5 = factor * 6.0;
  var a6 = factor * 7.0;
  var a7 = factor * 8.0;
  var a8 = factor * 9.0;
  var a9 = factor * 10.0;
  var a10 = factor * 11.0;
  var a11 = factor * 12.0;
  for (var i = 0u; i < params.iterations; i++) {
    a0 = four(a0, factor, term);
    if (ACCUMULATORS > 1u) { a1 = four(a1, factor, term); }
    if (ACCUMULATORS > 2u) { a2 = four(a2, factor, term); }
    if (ACCUMULATORS > 3u) { a3 = four(a3, factor, term); }
    if (ACCUMULATORS > 4u) { a4 = four(a4, factor, term); }
    if (ACCUMULATORS > 5u) { a5 = four(a5, factor, term); }
    if (ACCUMULATORS > 6u) { a6 = four(a6, factor, term); }
    if (ACCUMULATORS > 7u) { a7 = four(a7, factor, term); }
    if (ACCUMULATORS > 8u) { a8 = four(a8, factor, term); }
    if (ACCUMULATORS > 9u) { a9 = four(a9, factor, term); }
    if (ACCUMULATORS > 10u) { a10 = four(a10, factor, term); }
    if (ACCUMULATORS > 11u) { a11 = four(a11, factor, term); }
  }
  output[lane] = a0 + a1 + a2 + a3 + a4 + a5 + a6 + a7 + a8 + a9 + a10 + a11;
}
