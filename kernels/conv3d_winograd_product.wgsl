// The matrix products of a Winograd convolution, for every transform point:
//
//   m[point, r, o] = sum over taps t, channels i of v[point, r + t * tap_rows, i] * u[point, t, i, o]
//
// v: [yx point][i / 4][row] of vec4, row = z point * segment_rows + r. m: [yx point][o / 4][row] of vec4.
// u: [z point][yx point][o / 4][tap][i] of vec4 over o. Nested Winograd has one z point and three z taps, tap_rows = tiles of a
// plane; full Winograd has five z points and one tap. There are 25 yx points.
// One thread: 7 rows at a stride of 8, 8 output channels (the last 4 are not stored where o / 4 is odd). Eight threads: 56 rows,
// so that they read one stretch of memory per channel block, and 128 bytes of it at once. One workgroup: 448 rows.
// Grid: segment_rows / 448, o / 8, points.
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
  let row = group.x * 448u + (lane.x / 8u) * 56u + lane.x % 8u;
  let point = group.z % 25u;
  let segment = (group.z / 25u) * params.segment_rows;
  let block = group.y * 2u;
  let next = TAPS * params.ci4 * 4u;
  var m0 = vec4<f32>(0.0);
  var m1 = vec4<f32>(0.0);
  var m2 = vec4<f32>(0.0);
  var m3 = vec4<f32>(0.0);
  var m4 = vec4<f32>(0.0);
  var m5 = vec4<f32>(0.0);
  var m6 = vec4<f32>(0.0);
  var n0 = vec4<f32>(0.0);
  var n1 = vec4<f32>(0.0);
  var n2 = vec4<f32>(0.0);
  var n3 = vec4<f32>(0.0);
  var n4 = vec4<f32>(0.0);
  var n5 = vec4<f32>(0.0);
  var n6 = vec4<f32>(0.0);
  for (var t = 0u; t < TAPS; t++) {
    var src = point * params.ci4 * params.rows + segment + row + t * params.tap_rows;
    var at = ((group.z * params.co4 + block) * TAPS + t) * params.ci4 * 4u;
    for (var c = 0u; c < params.ci4; c++) {
      let w0 = u[at];
      let w1 = u[at + 1u];
      let w2 = u[at + 2u];
      let w3 = u[at + 3u];
      let x0 = u[at + next];
      let x1 = u[at + next + 1u];
      let x2 = u[at + next + 2u];
      let x3 = u[at + next + 3u];
      let v0 = v[src];
      m0 = multiply(m0, v0, w0, w1, w2, w3);
      n0 = multiply(n0, v0, x0, x1, x2, x3);
      let v1 = v[src + 8u];
      m1 = multiply(m1, v1, w0, w1, w2, w3);
      n1 = multiply(n1, v1, x0, x1, x2, x3);
      let v2 = v[src + 16u];
      m2 = multiply(m2, v2, w0, w1, w2, w3);
      n2 = multiply(n2, v2, x0, x1, x2, x3);
      let v3 = v[src + 24u];
      m3 = multiply(m3, v3, w0, w1, w2, w3);
      n3 = multiply(n3, v3, x0, x1, x2, x3);
      let v4 = v[src + 32u];
      m4 = multiply(m4, v4, w0, w1, w2, w3);
      n4 = multiply(n4, v4, x0, x1, x2, x3);
      let v5 = v[src + 40u];
      m5 = multiply(m5, v5, w0, w1, w2, w3);
      n5 = multiply(n5, v5, x0, x1, x2, x3);
      let v6 = v[src + 48u];
      m6 = multiply(m6, v6, w0, w1, w2, w3);
      n6 = multiply(n6, v6, x0, x1, x2, x3);
      src += params.rows;
      at += 4u;
    }
  }
  let first = (point * params.co4 + block) * params.rows + segment + row;
  if (row < params.valid_rows) { m[first] = m0; }
  if (row + 8u < params.valid_rows) { m[first + 8u] = m1; }
  if (row + 16u < params.valid_rows) { m[first + 16u] = m2; }
  if (row + 24u < params.valid_rows) { m[first + 24u] = m3; }
  if (row + 32u < params.valid_rows) { m[first + 32u] = m4; }
  if (row + 40u < params.valid_rows) { m[first + 40u] = m5; }
  if (row + 48u < params.valid_rows) { m[first + 48u] = m6; }
  if (block + 1u == params.co4) {
    return;
  }
  let second = (point * params.co4 + block + 1u) * params.rows + segment + row;
  if (row < params.valid_rows) { m[second] = n0; }
  if (row + 8u < params.valid_rows) { m[second + 8u] = n1; }
  if (row + 16u < params.valid_rows) { m[second + 16u] = n2; }
  if (row + 24u < params.valid_rows) { m[second + 24u] = n3; }
  if (row + 32u < params.valid_rows) { m[second + 32u] = n4; }
  if (row + 40u < params.valid_rows) { m[second + 40u] = n5; }
  if (row + 48u < params.valid_rows) { m[second + 48u] = n6; }
}
