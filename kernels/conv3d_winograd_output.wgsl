// Output transform of a Winograd convolution F(3x3, 3x3) over y and x: Y = A^T M A per tile, then bias, residual, ReLU.
//
// m: [point 5 * py + px][channel / 4][row] of vec4, row = (batch * row_planes + plane) * tiles + tile.
// y, residual: [batch][channel / 4][planes + 2 * HALO][y + 2 * HALO][x + 2 * HALO] of vec4; without HALO the planes go on to
// conv3d_winograd_depth_output.wgsl, which does the epilogue. bias: [channel / 4] of vec4.
// One thread: one 3x3 tile of 4 channels. Workgroup: 64 tiles in a row. Grid: batch * planes * tiles / 64, channel blocks, 1.
alias Real = f32;
const HALO: u32 = 1u;
const EPILOGUE: bool = true;
const RELU_OUTPUT: bool = false;
const RESIDUAL: bool = false;

struct Params {
  planes: u32, // of the output, per image, without halo
  size_y: u32, // voxels, without halo
  size_x: u32,
  co4: u32, // channels / 4
  tiles_y: u32,
  tiles_x: u32,
  rows: u32, // rows of m per point and channel block
  row_planes: u32, // planes of m per image
  batch: u32,
}

@group(0) @binding(0) var<storage, read> m: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> residual: array<vec4<Real>>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4<Real>>;
@group(0) @binding(4) var<uniform> params: Params;

struct Three {
  a: vec4<f32>,
  b: vec4<f32>,
  c: vec4<f32>,
}

fn transform(i0: vec4<f32>, i1: vec4<f32>, i2: vec4<f32>, i3: vec4<f32>, i4: vec4<f32>) -> Three {
  let sum = i1 + i2;
  return Three(i0 + sum + i3, (i1 - i2) + 2.0 * i3, sum + 4.0 * i3 + i4);
}

fn transform_row(first: u32, step: u32) -> Three {
  return transform(m[first], m[first + step], m[first + 2u * step], m[first + 3u * step], m[first + 4u * step]);
}

fn store(at: u32, channel: u32, sum: vec4<f32>) {
  var value = sum;
  if (EPILOGUE) {
    value += bias[channel];
    if (RESIDUAL) {
      value += vec4<f32>(residual[at]);
    }
    if (RELU_OUTPUT) {
      value = max(value, vec4<f32>(0.0));
    }
  }
  y[at] = vec4<Real>(value);
}

fn store_row(at: u32, channel: u32, left: u32, row: Three) {
  store(at, channel, row.a);
  if (left > 1u) {
    store(at + 1u, channel, row.b);
  }
  if (left > 2u) {
    store(at + 2u, channel, row.c);
  }
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let tiles = params.tiles_y * params.tiles_x;
  if (id.x >= params.batch * params.planes * tiles) {
    return;
  }
  let tile = id.x % tiles;
  let plane = (id.x / tiles) % params.planes;
  let batch = id.x / (tiles * params.planes);
  let row = (batch * params.row_planes + plane) * tiles + tile;
  let step = params.co4 * params.rows;
  let first = id.y * params.rows + row;
  let r0 = transform_row(first, step);
  let r1 = transform_row(first + 5u * step, step);
  let r2 = transform_row(first + 10u * step, step);
  let r3 = transform_row(first + 15u * step, step);
  let r4 = transform_row(first + 20u * step, step);
  let ca = transform(r0.a, r1.a, r2.a, r3.a, r4.a);
  let cb = transform(r0.b, r1.b, r2.b, r3.b, r4.b);
  let cc = transform(r0.c, r1.c, r2.c, r3.c, r4.c);
  let y0 = 3u * (tile / params.tiles_x);
  let x0 = 3u * (tile % params.tiles_x);
  let pitch = params.size_x + 2u * HALO;
  let size = pitch * (params.size_y + 2u * HALO);
  let all = (batch * params.co4 + id.y) * (params.planes + 2u * HALO) + plane + HALO;
  let to = all * size + (y0 + HALO) * pitch + x0 + HALO;
  let left_y = params.size_y - y0;
  let left_x = params.size_x - x0;
  store_row(to, id.y, left_x, Three(ca.a, cb.a, cc.a));
  if (left_y > 1u) {
    store_row(to + pitch, id.y, left_x, Three(ca.b, cb.b, cc.b));
  }
  if (left_y > 2u) {
    store_row(to + 2u * pitch, id.y, left_x, Three(ca.c, cb.c, cc.c));
  }
}
