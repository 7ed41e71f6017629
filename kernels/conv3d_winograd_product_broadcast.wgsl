// The products of conv3d_winograd_product.wgsl, with weights that the lanes of a subgroup load for each other:
//
//   m[point, r, o] = sum over taps t, channels i of v[point, r + t * tap_rows, i] * u[point, t, i, o]
//
// Arrays and Params as there; o / 4 is a multiple of 4. Where a load costs the same for equal addresses as for different ones,
// as on a CPU that plays GPU, the weights cost more than V when every lane loads all of them.
// One thread: 7 rows at a stride of 8, 16 output channels. One workgroup: 448 rows. Grid: segment_rows / 448, o / 16, points.
// Subgroups of 8 lanes or more; the backend puts `enable subgroups;` in front where it is wanted.
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

// The rows of a thread, 4 channels of each.
struct Rows {
  a: vec4<f32>,
  b: vec4<f32>,
  c: vec4<f32>,
  d: vec4<f32>,
  e: vec4<f32>,
  f: vec4<f32>,
  g: vec4<f32>,
}

// Weights of 4 input channels, as lanes 0 to 3 hold them.
fn low(w: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(
    subgroupBroadcast(w, 0u),
    subgroupBroadcast(w, 1u),
    subgroupBroadcast(w, 2u),
    subgroupBroadcast(w, 3u),
  );
}

// As lanes 4 to 7 hold them.
fn high(w: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(
    subgroupBroadcast(w, 4u),
    subgroupBroadcast(w, 5u),
    subgroupBroadcast(w, 6u),
    subgroupBroadcast(w, 7u),
  );
}

// acc + x (4 input channels) times a 4x4 block of weights, one column per input channel.
fn multiply(acc: vec4<f32>, x: vec4<f32>, w: mat4x4<f32>) -> vec4<f32> {
  return fma(w[3], x.wwww, fma(w[2], x.zzzz, fma(w[1], x.yyyy, fma(w[0], x.xxxx, acc))));
}

fn multiply_rows(acc: Rows, x: Rows, w: mat4x4<f32>) -> Rows {
  return Rows(
    multiply(acc.a, x.a, w),
    multiply(acc.b, x.b, w),
    multiply(acc.c, x.c, w),
    multiply(acc.d, x.d, w),
    multiply(acc.e, x.e, w),
    multiply(acc.f, x.f, w),
    multiply(acc.g, x.g, w),
  );
}

fn store(to: u32, row: u32, r: Rows) {
  if (row < params.valid_rows) { m[to] = r.a; }
  if (row + 8u < params.valid_rows) { m[to + 8u] = r.b; }
  if (row + 16u < params.valid_rows) { m[to + 16u] = r.c; }
  if (row + 24u < params.valid_rows) { m[to + 24u] = r.d; }
  if (row + 32u < params.valid_rows) { m[to + 32u] = r.e; }
  if (row + 40u < params.valid_rows) { m[to + 40u] = r.f; }
  if (row + 48u < params.valid_rows) { m[to + 48u] = r.g; }
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) thread: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let row = group.x * 448u + (thread.x / 8u) * 56u + thread.x % 8u;
  let point = group.z % 25u;
  let segment = (group.z / 25u) * params.segment_rows;
  let block = group.y * 4u;
  let next = TAPS * params.ci4 * 4u;
  var m0 = Rows();
  var m1 = Rows();
  var m2 = Rows();
  var m3 = Rows();
  for (var t = 0u; t < TAPS; t++) {
    var src = point * params.ci4 * params.rows + segment + row + t * params.tap_rows;
    // Lane 4 b + i, modulo 8, loads input channel i of block b and of block b + 2.
    var at = ((group.z * params.co4 + block + (lane / 4u) % 2u) * TAPS + t) * params.ci4 * 4u + lane % 4u;
    for (var c = 0u; c < params.ci4; c++) {
      let w01 = u[at];
      let w23 = u[at + 2u * next];
      let x = Rows(v[src], v[src + 8u], v[src + 16u], v[src + 24u], v[src + 32u], v[src + 40u], v[src + 48u]);
      m0 = multiply_rows(m0, x, low(w01));
      m1 = multiply_rows(m1, x, high(w01));
      m2 = multiply_rows(m2, x, low(w23));
      m3 = multiply_rows(m3, x, high(w23));
      src += params.rows;
      at += 4u;
    }
  }
  let to = (point * params.co4 + block) * params.rows + segment + row;
  store(to, row, m0);
  store(to + params.rows, row, m1);
  store(to + 2u * params.rows, row, m2);
  store(to + 3u * params.rows, row, m3);
}
