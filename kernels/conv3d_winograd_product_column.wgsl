// The products of a nested Winograd convolution, a column of 9 planes per thread, for every transform point:
//
//   m[point, (b, z, tile), o] = sum over taps t, channels i of v[point, (b, z + t, tile), i] * u[point, t, i, o]
//
// v: [yx point][i / 4][row] of vec4 and m: [yx point][o / 4][row] of vec4, row = (batch * planes + plane) * tiles + tile.
// u: [yx point][o / 4][tap][i] of vec4 over o.
// The three taps share what a thread loads of V. That counts where each lane of a load is a branch and a load of its own, as on
// SwiftShader: there a load of a vec4 costs as much as dozens of multiply-adds, and accumulators are in memory anyway.
// One thread: 9 planes of one tile, 8 output channels (the last 4 are not stored where o / 4 is odd). One workgroup: 64
// columns of any points, so that none has to be filled up. Grid: columns of all points and images / 64, o / 8, 1.

struct Params {
  rows: u32, // rows of v and m per yx point and channel block
  planes: u32, // of v per image: 2 more than of m
  tiles: u32, // of a plane
  groups: u32, // planes of m / 9, rounded up
  batch: u32,
  ci4: u32, // input channels / 4
  co4: u32, // output channels / 4
}

@group(0) @binding(0) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> u: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> m: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> params: Params;

// 4 channels of 9 planes.
struct Column {
  a: vec4<f32>,
  b: vec4<f32>,
  c: vec4<f32>,
  d: vec4<f32>,
  e: vec4<f32>,
  f: vec4<f32>,
  g: vec4<f32>,
  h: vec4<f32>,
  i: vec4<f32>,
}

// Weights of 4 input channels, a column each.
fn weights(at: u32) -> mat4x4<f32> {
  return mat4x4<f32>(u[at], u[at + 1u], u[at + 2u], u[at + 3u]);
}

// acc + x (4 input channels) times a 4x4 block of weights.
fn multiply(acc: vec4<f32>, x: vec4<f32>, w: mat4x4<f32>) -> vec4<f32> {
  return fma(w[3], x.wwww, fma(w[2], x.zzzz, fma(w[1], x.yyyy, fma(w[0], x.xxxx, acc))));
}

fn multiply_column(acc: Column, x: Column, w: mat4x4<f32>) -> Column {
  return Column(
    multiply(acc.a, x.a, w),
    multiply(acc.b, x.b, w),
    multiply(acc.c, x.c, w),
    multiply(acc.d, x.d, w),
    multiply(acc.e, x.e, w),
    multiply(acc.f, x.f, w),
    multiply(acc.g, x.g, w),
    multiply(acc.h, x.h, w),
    multiply(acc.i, x.i, w),
  );
}

fn store(to: u32, left: u32, r: Column) {
  m[to] = r.a;
  if (left > 1u) { m[to + params.tiles] = r.b; }
  if (left > 2u) { m[to + 2u * params.tiles] = r.c; }
  if (left > 3u) { m[to + 3u * params.tiles] = r.d; }
  if (left > 4u) { m[to + 4u * params.tiles] = r.e; }
  if (left > 5u) { m[to + 5u * params.tiles] = r.f; }
  if (left > 6u) { m[to + 6u * params.tiles] = r.g; }
  if (left > 7u) { m[to + 7u * params.tiles] = r.h; }
  if (left > 8u) { m[to + 8u * params.tiles] = r.i; }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let image = id.x / (params.tiles * params.groups);
  let point = image / params.batch;
  if (point >= 25u) {
    return;
  }
  let z0 = (id.x / params.tiles) % params.groups * 9u;
  let first = ((image % params.batch) * params.planes + z0) * params.tiles + id.x % params.tiles;
  let block = id.y * 2u;
  let step = params.tiles;
  let tap = params.ci4 * 4u;
  let next = 3u * tap;
  var m0 = Column();
  var m1 = Column();
  var src = point * params.ci4 * params.rows + first;
  var at = (point * params.co4 + block) * next;
  for (var c = 0u; c < params.ci4; c++) {
    // Planes behind the last belong to another image or to none: what comes of them is not stored.
    let x0 = v[src];
    let x1 = v[src + step];
    let x2 = v[src + 2u * step];
    let x3 = v[src + 3u * step];
    let x4 = v[src + 4u * step];
    let x5 = v[src + 5u * step];
    let x6 = v[src + 6u * step];
    let x7 = v[src + 7u * step];
    let x8 = v[src + 8u * step];
    let x9 = v[src + 9u * step];
    let x10 = v[src + 10u * step];
    let low = Column(x0, x1, x2, x3, x4, x5, x6, x7, x8);
    m0 = multiply_column(m0, low, weights(at));
    m1 = multiply_column(m1, low, weights(at + next));
    let middle = Column(x1, x2, x3, x4, x5, x6, x7, x8, x9);
    m0 = multiply_column(m0, middle, weights(at + tap));
    m1 = multiply_column(m1, middle, weights(at + tap + next));
    let high = Column(x2, x3, x4, x5, x6, x7, x8, x9, x10);
    m0 = multiply_column(m0, high, weights(at + 2u * tap));
    m1 = multiply_column(m1, high, weights(at + 2u * tap + next));
    src += params.rows;
    at += 4u;
  }
  let left = params.planes - 2u - z0;
  let to = (point * params.co4 + block) * params.rows + first;
  store(to, left, m0);
  if (block + 1u < params.co4) {
    store(to + params.rows, left, m1);
  }
}
