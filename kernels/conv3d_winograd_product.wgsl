// The matrix products of a Winograd convolution, for every transform point:
//
//   m[point, r, o] = sum over taps t, channels i of v[point, r + t * tap_rows, i] * u[point, t, i, o]
//
// v: [yx point][i / 4][row] of vec4, row = z point * segment_rows + r. m: [yx point][o / 4][row] of vec4.
// u: [z point][yx point][o / 4][tap][i] of vec4 over o. Nested Winograd has one z point and three z taps, tap_rows = tiles of a
// plane; full Winograd has five z points and one tap. There are 25 yx points.
// One thread: 11 rows at a stride of 64, 4 output channels. One workgroup: 704 rows. Grid: segment_rows / 704, o / 4, points.
const TAPS: u32 = 3u;

struct Params {
  rows: u32, // rows of v and m per yx point and channel block
  segment_rows: u32, // rows of one z point
  valid_rows: u32, // rows of m to compute in a segment
  tap_rows: u32, // rows between two taps
  ci4: u32, // input channels / 4
  co4: u32, // output channels / 4
}

@group(0) @binding(0) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> u: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> m: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> params: Params;

// acc + a (4 input channels) times a 4x4 block of weights, one row per input channel.
fn multiply(acc: vec4<f32>, a: vec4<f32>, w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>, w3: vec4<f32>) -> vec4<f32> {
  return fma(w3, a.wwww, fma(w2, a.zzzz, fma(w1, a.yyyy, fma(w0, a.xxxx, acc))));
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) lane: vec3<u32>) {
  let row = group.x * 704u + lane.x;
  let point = group.z % 25u;
  let segment = (group.z / 25u) * params.segment_rows;
  var m0 = vec4<f32>(0.0);
  var m1 = vec4<f32>(0.0);
  var m2 = vec4<f32>(0.0);
  var m3 = vec4<f32>(0.0);
  var m4 = vec4<f32>(0.0);
  var m5 = vec4<f32>(0.0);
  var m6 = vec4<f32>(0.0);
  var m7 = vec4<f32>(0.0);
  var m8 = vec4<f32>(0.0);
  var m9 = vec4<f32>(0.0);
  var m10 = vec4<f32>(0.0);
  for (var t = 0u; t < TAPS; t++) {
    var src = point * params.ci4 * params.rows + segment + row + t * params.tap_rows;
    var at = ((group.z * params.co4 + group.y) * TAPS + t) * params.ci4 * 4u;
    for (var c = 0u; c < params.ci4; c++) {
      let w0 = u[at];
      let w1 = u[at + 1u];
      let w2 = u[at + 2u];
      let w3 = u[at + 3u];
      m0 = multiply(m0, v[src], w0, w1, w2, w3);
      m1 = multiply(m1, v[src + 64u], w0, w1, w2, w3);
      m2 = multiply(m2, v[src + 128u], w0, w1, w2, w3);
      m3 = multiply(m3, v[src + 192u], w0, w1, w2, w3);
      m4 = multiply(m4, v[src + 256u], w0, w1, w2, w3);
      m5 = multiply(m5, v[src + 320u], w0, w1, w2, w3);
      m6 = multiply(m6, v[src + 384u], w0, w1, w2, w3);
      m7 = multiply(m7, v[src + 448u], w0, w1, w2, w3);
      m8 = multiply(m8, v[src + 512u], w0, w1, w2, w3);
      m9 = multiply(m9, v[src + 576u], w0, w1, w2, w3);
      m10 = multiply(m10, v[src + 640u], w0, w1, w2, w3);
      src += params.rows;
      at += 4u;
    }
  }
  let to = (point * params.co4 + group.y) * params.rows + segment + row;
  if (row < params.valid_rows) { m[to] = m0; }
  if (row + 64u < params.valid_rows) { m[to + 64u] = m1; }
  if (row + 128u < params.valid_rows) { m[to + 128u] = m2; }
  if (row + 192u < params.valid_rows) { m[to + 192u] = m3; }
  if (row + 256u < params.valid_rows) { m[to + 256u] = m4; }
  if (row + 320u < params.valid_rows) { m[to + 320u] = m5; }
  if (row + 384u < params.valid_rows) { m[to + 384u] = m6; }
  if (row + 448u < params.valid_rows) { m[to + 448u] = m7; }
  if (row + 512u < params.valid_rows) { m[to + 512u] = m8; }
  if (row + 576u < params.valid_rows) { m[to + 576u] = m9; }
  if (row + 640u < params.valid_rows) { m[to + 640u] = m10; }
}
