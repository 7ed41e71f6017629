// Weights of the direct convolutions, [tap][i][o] -> [o / 4][tap][i] of vec4 over o, padded with zeros to multiples of 4.
// The same kernel pads a bias: one tap, one input channel, which is not padded.
// One thread: one vec4. Workgroup: 64. Grid: vectors / 64, in rows.
alias Real = f32;
const PAD_INPUT: bool = true;

struct Params {
  taps: u32,
  ci: u32, // input channels
  co: u32, // output channels
}

@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read_write> packed: array<vec4<Real>>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let n = id.y * groups.x * 64u + id.x;
  var ci = params.ci;
  if (PAD_INPUT) {
    ci = (ci + 3u) / 4u * 4u;
  }
  let co4 = (params.co + 3u) / 4u;
  if (n >= co4 * params.taps * ci) {
    return;
  }
  let i = n % ci;
  let tap = (n / ci) % params.taps;
  let o = 4u * (n / (ci * params.taps));
  var value = vec4<f32>(0.0);
  if (i < params.ci) {
    let at = (tap * params.ci + i) * params.co + o;
    value.x = w[at];
    if (o + 1u < params.co) { value.y = w[at + 1u]; }
    if (o + 2u < params.co) { value.z = w[at + 2u]; }
    if (o + 3u < params.co) { value.w = w[at + 3u]; }
  }
  packed[n] = vec4<Real>(value);
}
