// Weights of a Winograd convolution: U = G w G^T over y and x for each z tap, or G x G x G over all three axes.
//
// w: [tap zyx][i][o]. u: nested [point 5 * py + px][o / 4][z tap][i][o % 4]; full [point (5 * pz + py) * 5 + px][o / 4][i][o % 4];
// nested with BY_INPUT [point 5 * py + px][o / 4][z tap][i / 4][o % 4][i % 4].
// Channels are padded with zeros to multiples of 4.
// One thread: the 25 points of one (z tap or z point, i, o / 4). Workgroup: 64 of i. Grid: i / 64, o / 4, z taps or points.
const FULL: bool = false;
const BY_INPUT: bool = false;

struct Params {
  ci: u32, // input channels
  co: u32, // output channels
}

@group(0) @binding(0) var<storage, read> w: array<f32>;
@group(0) @binding(1) var<storage, read_write> u: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

struct Five {
  a: vec4<f32>,
  b: vec4<f32>,
  c: vec4<f32>,
  d: vec4<f32>,
  e: vec4<f32>,
}

// G: rows [1/2,0,0] [-1/2,-1/2,-1/2] [-1/6,1/6,-1/6] [1/6,1/3,2/3] [0,0,1].
fn transform(g0: vec4<f32>, g1: vec4<f32>, g2: vec4<f32>) -> Five {
  return Five(
    0.5 * g0,
    -0.5 * (g0 + g1 + g2),
    (g1 - g0 - g2) / 6.0,
    (g0 + 2.0 * g1 + 4.0 * g2) / 6.0,
    g2,
  );
}

fn load(tap: u32, i: u32, o: u32) -> vec4<f32> {
  var value = vec4<f32>(0.0);
  let at = (tap * params.ci + i) * params.co + o;
  if (i < params.ci) {
    value.x = w[at];
    if (o + 1u < params.co) { value.y = w[at + 1u]; }
    if (o + 2u < params.co) { value.z = w[at + 2u]; }
    if (o + 3u < params.co) { value.w = w[at + 3u]; }
  }
  return value;
}

// Tap (y, x) of the z tap, or of the z point where all axes are transformed.
fn tap(z: u32, yx: u32, i: u32, o: u32) -> vec4<f32> {
  if (!FULL) {
    return load(z * 9u + yx, i, o);
  }
  let all = transform(load(yx, i, o), load(9u + yx, i, o), load(18u + yx, i, o));
  switch z {
    case 0u: { return all.a; }
    case 1u: { return all.b; }
    case 2u: { return all.c; }
    case 3u: { return all.d; }
    default: { return all.e; }
  }
}

fn store(point: u32, z: u32, i: u32, o4: u32, value: vec4<f32>) {
  let ci = (params.ci + 3u) / 4u * 4u;
  let co4 = (params.co + 3u) / 4u;
  let row = select((point * co4 + o4) * 3u + z, (z * 25u + point) * co4 + o4, FULL) * ci;
  let first = 4u * row + select(4u * i, i / 4u * 16u + i % 4u, BY_INPUT);
  let step = select(1u, 4u, BY_INPUT);
  u[first] = value.x;
  u[first + step] = value.y;
  u[first + 2u * step] = value.z;
  u[first + 3u * step] = value.w;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.x;
  if (i >= (params.ci + 3u) / 4u * 4u) {
    return;
  }
  let o = 4u * id.y;
  let z = id.z;
  // Columns first: kx = 0, 1, 2 over ky.
  let k0 = transform(tap(z, 0u, i, o), tap(z, 3u, i, o), tap(z, 6u, i, o));
  let k1 = transform(tap(z, 1u, i, o), tap(z, 4u, i, o), tap(z, 7u, i, o));
  let k2 = transform(tap(z, 2u, i, o), tap(z, 5u, i, o), tap(z, 8u, i, o));
  let r0 = transform(k0.a, k1.a, k2.a);
  let r1 = transform(k0.b, k1.b, k2.b);
  let r2 = transform(k0.c, k1.c, k2.c);
  let r3 = transform(k0.d, k1.d, k2.d);
  let r4 = transform(k0.e, k1.e, k2.e);
  for (var p = 0u; p < 5u; p++) {
    var row = r0;
    if (p == 1u) { row = r1; }
    if (p == 2u) { row = r2; }
    if (p == 3u) { row = r3; }
    if (p == 4u) { row = r4; }
    store(5u * p, z, i, id.y, row.a);
    store(5u * p + 1u, z, i, id.y, row.b);
    store(5u * p + 2u, z, i, id.y, row.c);
    store(5u * p + 3u, z, i, id.y, row.d);
    store(5u * p + 4u, z, i, id.y, row.e);
  }
}
