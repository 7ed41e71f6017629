// The gradient that arrives at a Winograd convolution, in the transformed domain: Z = A dY A^T per 3x3 tile over y and x.
//
// dy: [batch][channel / 4][z + 2][y + 2][x + 2] of vec4 with a halo of zeros.
// z: [point 5 * py + px][channel / 4][row] of vec4, row = (batch * size_z + z) * tiles + tile.
// A: rows [1,0,0] [1,1,1] [1,-1,1] [1,2,4] [0,0,1]. One thread: one tile of 4 channels. Workgroup: 64 tiles in a row.
// Grid: rows / 64, channel blocks, 1.
struct Params {
  size_z: u32, // voxels, without halo
  size_y: u32,
  size_x: u32,
  co4: u32, // channels / 4
  tiles_y: u32, // size_y / 3, rounded up
  tiles_x: u32,
  rows: u32, // batch * size_z * tiles
}

@group(0) @binding(0) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> z: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> params: Params;

struct Five {
  a: vec4<f32>,
  b: vec4<f32>,
  c: vec4<f32>,
  d: vec4<f32>,
  e: vec4<f32>,
}

fn transform(y0: vec4<f32>, y1: vec4<f32>, y2: vec4<f32>) -> Five {
  return Five(y0, y0 + y1 + y2, y0 - y1 + y2, y0 + 2.0 * y1 + 4.0 * y2, y2);
}

// Tiles at the end may stick out of the plane where the size is no multiple of 3: zeros there.
fn load(base: u32, y: u32, x: u32) -> vec4<f32> {
  if (y >= params.size_y || x >= params.size_x) {
    return vec4<f32>(0.0);
  }
  return dy[base + (y + 1u) * (params.size_x + 2u) + x + 1u];
}

fn load_row(base: u32, y: u32, x: u32) -> Five {
  return transform(load(base, y, x), load(base, y, x + 1u), load(base, y, x + 2u));
}

fn store_row(first: u32, step: u32, r: Five) {
  z[first] = r.a;
  z[first + step] = r.b;
  z[first + 2u * step] = r.c;
  z[first + 3u * step] = r.d;
  z[first + 4u * step] = r.e;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.rows) {
    return;
  }
  let tiles = params.tiles_y * params.tiles_x;
  let tile = id.x % tiles;
  let plane = (id.x / tiles) % params.size_z;
  let batch = id.x / (tiles * params.size_z);
  let y = 3u * (tile / params.tiles_x);
  let x = 3u * (tile % params.tiles_x);
  let size = (params.size_y + 2u) * (params.size_x + 2u);
  let base = ((batch * params.co4 + id.y) * (params.size_z + 2u) + plane + 1u) * size;
  let r0 = load_row(base, y, x);
  let r1 = load_row(base, y + 1u, x);
  let r2 = load_row(base, y + 2u, x);
  let ca = transform(r0.a, r1.a, r2.a);
  let cb = transform(r0.b, r1.b, r2.b);
  let cc = transform(r0.c, r1.c, r2.c);
  let cd = transform(r0.d, r1.d, r2.d);
  let ce = transform(r0.e, r1.e, r2.e);
  let step = params.co4 * params.rows;
  let first = id.y * params.rows + id.x;
  store_row(first, step, Five(ca.a, cb.a, cc.a, cd.a, ce.a));
  store_row(first + 5u * step, step, Five(ca.b, cb.b, cc.b, cd.b, ce.b));
  store_row(first + 10u * step, step, Five(ca.c, cb.c, cc.c, cd.c, ce.c));
  store_row(first + 15u * step, step, Five(ca.d, cb.d, cc.d, cd.d, ce.d));
  store_row(first + 20u * step, step, Five(ca.e, cb.e, cc.e, cd.e, ce.e));
}
