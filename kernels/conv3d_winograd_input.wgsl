// Input transform of a Winograd convolution F(3x3, 3x3) over y and x: V = B^T d B per 5x5 patch.
//
// x: [batch][channel / 4][plane][y + 2][x + 2] of vec4 with a halo of zeros in y and x (planes of the array that comes from
// conv3d_winograd_depth_input.wgsl, or z + 2 planes of an activation).
// v: [point 5 * py + px][channel / 4][row] of vec4, row = (batch * planes + plane) * tiles + tile.
// Points 0, 1, -1, 2, infinity. One thread: one patch of 4 channels. Workgroup: 64 tiles in a row.
// Grid: rows / 64, channel blocks, 1.
alias Real = f32;
const RELU_INPUT: bool = false;

struct Params {
  planes: u32, // per image
  size_y: u32, // voxels, without halo
  size_x: u32,
  ci4: u32, // channels / 4
  tiles_y: u32, // size_y / 3, rounded up
  tiles_x: u32,
  rows: u32, // batch * planes * tiles
}

@group(0) @binding(0) var<storage, read> x: array<vec4<Real>>;
@group(0) @binding(1) var<storage, read_write> v: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> params: Params;

struct Five {
  a: vec4<f32>,
  b: vec4<f32>,
  c: vec4<f32>,
  d: vec4<f32>,
  e: vec4<f32>,
}

fn transform(i: Five) -> Five {
  let db = i.d - i.b;
  return Five(
    2.0 * (i.a - i.c) + db,
    i.d - i.c - 2.0 * i.b,
    i.d - 3.0 * i.c + 2.0 * i.b,
    db,
    i.e - i.c - 2.0 * db,
  );
}

// Patches of the last tile may stick out of the plane where the size is no multiple of 3: they see its halo again.
fn load(base: u32, y: u32, x0: u32) -> vec4<f32> {
  let at = base + min(y, params.size_y + 1u) * (params.size_x + 2u) + min(x0, params.size_x + 1u);
  let value = vec4<f32>(x[at]);
  return select(value, max(value, vec4<f32>(0.0)), RELU_INPUT);
}

fn load_row(base: u32, y: u32, x0: u32) -> Five {
  return Five(
    load(base, y, x0),
    load(base, y, x0 + 1u),
    load(base, y, x0 + 2u),
    load(base, y, x0 + 3u),
    load(base, y, x0 + 4u),
  );
}

fn store_row(first: u32, step: u32, r: Five) {
  v[first] = r.a;
  v[first + step] = r.b;
  v[first + 2u * step] = r.c;
  v[first + 3u * step] = r.d;
  v[first + 4u * step] = r.e;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.rows) {
    return;
  }
  let tiles = params.tiles_y * params.tiles_x;
  let tile = id.x % tiles;
  let plane = (id.x / tiles) % params.planes;
  let batch = id.x / (tiles * params.planes);
  let y = 3u * (tile / params.tiles_x);
  let x0 = 3u * (tile % params.tiles_x);
  let size = (params.size_y + 2u) * (params.size_x + 2u);
  let base = ((batch * params.ci4 + id.y) * params.planes + plane) * size;
  let r0 = transform(load_row(base, y, x0));
  let r1 = transform(load_row(base, y + 1u, x0));
  let r2 = transform(load_row(base, y + 2u, x0));
  let r3 = transform(load_row(base, y + 3u, x0));
  let r4 = transform(load_row(base, y + 4u, x0));
  let ca = transform(Five(r0.a, r1.a, r2.a, r3.a, r4.a));
  let cb = transform(Five(r0.b, r1.b, r2.b, r3.b, r4.b));
  let cc = transform(Five(r0.c, r1.c, r2.c, r3.c, r4.c));
  let cd = transform(Five(r0.d, r1.d, r2.d, r3.d, r4.d));
  let ce = transform(Five(r0.e, r1.e, r2.e, r3.e, r4.e));
  let step = params.ci4 * params.rows;
  let first = id.y * params.rows + id.x;
  store_row(first, step, Five(ca.a, cb.a, cc.a, cd.a, ce.a));
  store_row(first + 5u * step, step, Five(ca.b, cb.b, cc.b, cd.b, ce.b));
  store_row(first + 10u * step, step, Five(ca.c, cb.c, cc.c, cd.c, ce.c));
  store_row(first + 15u * step, step, Five(ca.d, cb.d, cc.d, cd.d, ce.d));
  store_row(first + 20u * step, step, Five(ca.e, cb.e, cc.e, cd.e, ce.e));
}
