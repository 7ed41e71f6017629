// The products of a nested Winograd convolution, a column of 17 planes per thread, for every transform point:
//
//   m[point, (b, z, tile), o] = sum over taps t, channels i of v[point, (b, z + t, tile), i] * u[point, t, i, o]
//
// v: [yx point][i / 4][row] of vec4 and m: [yx point][o / 4][row] of vec4, row = (batch * planes + plane) * tiles + tile.
// u: [yx point][o / 4][tap][i / 4][o % 4] of vec4 over i.
// For devices where each lane of a load is a branch and a load of its own, as on SwiftShader: there a load of a vec4 costs as much
// as 80 multiply-adds. So nothing is loaded twice by a quad of lanes: each lane loads a column of V, and the weights of one of four
// output channels; the quad swaps its columns and each lane multiplies all four by its own weights. Dot products leave no
// intermediate value behind, of which each would be a store and a load: no variable but those of one expression stays in a register.
// One thread: 17 planes of one tile, 16 output channels, of which those behind the last are not stored. One quad: 4 columns of one
// point. One workgroup: 64 columns. Grid: columns of all points / 64, o / 16, 1. Subgroups of 4 lanes or more; the backend puts
// `enable subgroups;` in front where it is wanted.

struct Params {
  rows: u32, // rows of v and m per yx point and channel block
  planes: u32, // of v per image: 2 more than of m
  tiles: u32, // of a plane
  groups: u32, // planes of m / 17, rounded up
  columns: u32, // batch * groups * tiles
  quads: u32, // columns / 4, rounded up
  ci4: u32, // input channels / 4
  co4: u32, // output channels / 4
}

@group(0) @binding(0) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> u: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> m: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> params: Params;

// 4 input channels of the planes above, those of a tap each; a matrix holds the four columns of a quad, the lane's own first.
struct Planes {
  a: mat4x4<f32>,
  b: mat4x4<f32>,
  c: mat4x4<f32>,
  d: mat4x4<f32>,
  e: mat4x4<f32>,
  f: mat4x4<f32>,
  g: mat4x4<f32>,
  h: mat4x4<f32>,
  i: mat4x4<f32>,
  j: mat4x4<f32>,
  k: mat4x4<f32>,
  l: mat4x4<f32>,
  m: mat4x4<f32>,
  n: mat4x4<f32>,
  o: mat4x4<f32>,
  p: mat4x4<f32>,
  q: mat4x4<f32>,
  r: mat4x4<f32>,
  s: mat4x4<f32>,
}

// Sums of one output channel per lane for the four columns of a quad, the lane's own first.
struct Sums {
  a: vec4<f32>,
  b: vec4<f32>,
  c: vec4<f32>,
  d: vec4<f32>,
  e: vec4<f32>,
  f: vec4<f32>,
  g: vec4<f32>,
  h: vec4<f32>,
  i: vec4<f32>,
  j: vec4<f32>,
  k: vec4<f32>,
  l: vec4<f32>,
  m: vec4<f32>,
  n: vec4<f32>,
  o: vec4<f32>,
  p: vec4<f32>,
  q: vec4<f32>,
}

// Weights of 4 input channels and one output channel, by tap.
struct Taps {
  a: vec4<f32>,
  b: vec4<f32>,
  c: vec4<f32>,
}

fn load(at: u32) -> mat4x4<f32> {
  let x = v[at];
  return mat4x4<f32>(x, quadSwapX(x), quadSwapY(x), quadSwapDiagonal(x));
}

fn load_taps(at: u32) -> Taps {
  let tap = params.ci4 * 4u;
  return Taps(u[at], u[at + tap], u[at + 2u * tap]);
}

fn multiply(sum: vec4<f32>, x: mat4x4<f32>, y: mat4x4<f32>, z: mat4x4<f32>, w: Taps) -> vec4<f32> {
  return vec4<f32>(
    sum.x + dot(x[0], w.a) + dot(y[0], w.b) + dot(z[0], w.c),
    sum.y + dot(x[1], w.a) + dot(y[1], w.b) + dot(z[1], w.c),
    sum.z + dot(x[2], w.a) + dot(y[2], w.b) + dot(z[2], w.c),
    sum.w + dot(x[3], w.a) + dot(y[3], w.b) + dot(z[3], w.c),
  );
}

fn multiply_column(sums: Sums, x: Planes, w: Taps) -> Sums {
  return Sums(
    multiply(sums.a, x.a, x.b, x.c, w),
    multiply(sums.b, x.b, x.c, x.d, w),
    multiply(sums.c, x.c, x.d, x.e, w),
    multiply(sums.d, x.d, x.e, x.f, w),
    multiply(sums.e, x.e, x.f, x.g, w),
    multiply(sums.f, x.f, x.g, x.h, w),
    multiply(sums.g, x.g, x.h, x.i, w),
    multiply(sums.h, x.h, x.i, x.j, w),
    multiply(sums.i, x.i, x.j, x.k, w),
    multiply(sums.j, x.j, x.k, x.l, w),
    multiply(sums.k, x.k, x.l, x.m, w),
    multiply(sums.l, x.l, x.m, x.n, w),
    multiply(sums.m, x.m, x.n, x.o, w),
    multiply(sums.n, x.n, x.o, x.p, w),
    multiply(sums.o, x.o, x.p, x.q, w),
    multiply(sums.p, x.p, x.q, x.r, w),
    multiply(sums.q, x.q, x.r, x.s, w),
  );
}

// Gives each lane its own column of 4 output channels back.
fn own(sum: vec4<f32>, lane: u32) -> vec4<f32> {
  let turned = vec4<f32>(sum.x, quadSwapX(sum.y), quadSwapY(sum.z), quadSwapDiagonal(sum.w));
  let pairs = select(turned, turned.yxwz, (lane & 1u) != 0u);
  return select(pairs, pairs.zwxy, (lane & 2u) != 0u);
}

fn store(to: u32, plane: u32, left: u32, value: vec4<f32>) {
  if (plane < left) {
    m[to + plane * params.tiles] = value;
  }
}

fn store_column(to: u32, left: u32, sums: Sums, lane: u32) {
  store(to, 0u, left, own(sums.a, lane));
  store(to, 1u, left, own(sums.b, lane));
  store(to, 2u, left, own(sums.c, lane));
  store(to, 3u, left, own(sums.d, lane));
  store(to, 4u, left, own(sums.e, lane));
  store(to, 5u, left, own(sums.f, lane));
  store(to, 6u, left, own(sums.g, lane));
  store(to, 7u, left, own(sums.h, lane));
  store(to, 8u, left, own(sums.i, lane));
  store(to, 9u, left, own(sums.j, lane));
  store(to, 10u, left, own(sums.k, lane));
  store(to, 11u, left, own(sums.l, lane));
  store(to, 12u, left, own(sums.m, lane));
  store(to, 13u, left, own(sums.n, lane));
  store(to, 14u, left, own(sums.o, lane));
  store(to, 15u, left, own(sums.p, lane));
  store(to, 16u, left, own(sums.q, lane));
}

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(subgroup_invocation_id) invocation: u32,
) {
  let lane = invocation % 4u;
  let point = id.x / (4u * params.quads);
  let number = id.x % (4u * params.quads);
  // Quads are filled up with threads that load what another one does, for the other lanes.
  let column = min(number, params.columns - 1u);
  let image = column / (params.tiles * params.groups);
  let z0 = (column / params.tiles) % params.groups * 17u;
  let first = (image * params.planes + z0) * params.tiles + column % params.tiles;
  let block = id.y * 4u;
  let step = params.tiles;
  let next = params.ci4 * 12u;
  var m0 = Sums();
  var m1 = Sums();
  var m2 = Sums();
  var m3 = Sums();
  var src = min(point, 24u) * params.ci4 * params.rows + first;
  var at = (min(point, 24u) * params.co4 + block) * next + lane;
  for (var c = 0u; c < params.ci4; c++) {
    // Planes behind the last belong to another image or to none: what comes of them is not stored.
    let x = Planes(
      load(src),
      load(src + step),
      load(src + 2u * step),
      load(src + 3u * step),
      load(src + 4u * step),
      load(src + 5u * step),
      load(src + 6u * step),
      load(src + 7u * step),
      load(src + 8u * step),
      load(src + 9u * step),
      load(src + 10u * step),
      load(src + 11u * step),
      load(src + 12u * step),
      load(src + 13u * step),
      load(src + 14u * step),
      load(src + 15u * step),
      load(src + 16u * step),
      load(src + 17u * step),
      load(src + 18u * step),
    );
    m0 = multiply_column(m0, x, load_taps(at));
    m1 = multiply_column(m1, x, load_taps(at + next));
    m2 = multiply_column(m2, x, load_taps(at + 2u * next));
    m3 = multiply_column(m3, x, load_taps(at + 3u * next));
    src += params.rows;
    at += 4u;
  }
  let to = (point * params.co4 + block) * params.rows + first;
  let left = select(0u, params.planes - 2u - z0, point < 25u && number < params.columns);
  store_column(to, left, m0, lane);
  store_column(to + params.rows, select(0u, left, block + 1u < params.co4), m1, lane);
  store_column(to + 2u * params.rows, select(0u, left, block + 2u < params.co4), m2, lane);
  store_column(to + 3u * params.rows, select(0u, left, block + 3u < params.co4), m3, lane);
}
