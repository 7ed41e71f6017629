// Convolution 3x3x3, stride 1, zero padding, a column of 8 voxels per thread.
//
//   y[b, p, o] = act(bias[o] + sum over taps t, channels i of pre(x[b, p + t - 1, i]) * w[t, i, o] + residual[b, p, o])
//
// x, y, residual: [batch][channel / 4][z + 2][y + 2][x + 2] of vec4, with a halo of zeros that nobody writes.
// w: [o / 4][tap zyx][i] of vec4 over o. bias: [o / 4] of vec4. Channels are padded with zeros to multiples of 4.
// One thread: 8 neighbours in y, 4 output channels; lanes are neighbours in x, so that a warp reads one run of memory.
// One workgroup: 64 threads of the same channels. Grid: columns / 64, channel blocks, batch.
alias Real = f32;
const RELU_INPUT: bool = false;
const RELU_OUTPUT: bool = false;
const RESIDUAL: bool = false;

struct Params {
  size_z: u32, // voxels, without halo
  size_y: u32,
  size_x: u32,
  ci4: u32, // input channels / 4
  co4: u32, // output channels / 4
}

@group(0) @binding(0) var<storage, read> x: array<vec4<Real>>;
@group(0) @binding(1) var<storage, read> w: array<vec4<Real>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> residual: array<vec4<Real>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<Real>>;
@group(0) @binding(5) var<uniform> params: Params;

fn input(at: u32) -> vec4<f32> {
  let v = vec4<f32>(x[at]);
  return select(v, max(v, vec4<f32>(0.0)), RELU_INPUT);
}

fn weight(at: u32) -> vec4<f32> {
  return vec4<f32>(w[at]);
}

// acc + v (4 input channels) times a 4x4 block of weights, one row per input channel.
fn multiply(acc: vec4<f32>, v: vec4<f32>, w0: vec4<f32>, w1: vec4<f32>, w2: vec4<f32>, w3: vec4<f32>) -> vec4<f32> {
  return fma(w3, v.wwww, fma(w2, v.zzzz, fma(w1, v.yyyy, fma(w0, v.xxxx, acc))));
}

fn store(at: u32, sum: vec4<f32>) {
  var v = sum;
  if (RESIDUAL) {
    v += vec4<f32>(residual[at]);
  }
  if (RELU_OUTPUT) {
    v = max(v, vec4<f32>(0.0));
  }
  y[at] = vec4<Real>(v);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let groups = (params.size_y + 7u) / 8u;
  if (id.x >= groups * params.size_x * params.size_z) {
    return;
  }
  let x0 = id.x % params.size_x;
  let y0 = ((id.x / params.size_x) % groups) * 8u;
  let z0 = id.x / (params.size_x * groups);
  let row = params.size_x + 2u;
  let plane = row * (params.size_y + 2u);
  let volume = plane * (params.size_z + 2u);
  let corner = z0 * plane + y0 * row + x0;
  let tap = params.ci4 * 4u;
  let first = bias[id.y];
  var a0 = first;
  var a1 = first;
  var a2 = first;
  var a3 = first;
  var a4 = first;
  var a5 = first;
  var a6 = first;
  var a7 = first;
  for (var zx = 0u; zx < 9u; zx++) {
    var src = id.z * params.ci4 * volume + corner + (zx / 3u) * plane + zx % 3u;
    var at = (id.y * 27u + (zx / 3u) * 9u + zx % 3u) * tap;
    for (var c = 0u; c < params.ci4; c++) {
      let v0 = input(src);
      let v1 = input(src + row);
      let v2 = input(src + 2u * row);
      let v3 = input(src + 3u * row);
      let v4 = input(src + 4u * row);
      let v5 = input(src + 5u * row);
      let v6 = input(src + 6u * row);
      let v7 = input(src + 7u * row);
      let v8 = input(src + 8u * row);
      let v9 = input(src + 9u * row);
      {
        let w0 = weight(at);
        let w1 = weight(at + 1u);
        let w2 = weight(at + 2u);
        let w3 = weight(at + 3u);
        a0 = multiply(a0, v0, w0, w1, w2, w3);
        a1 = multiply(a1, v1, w0, w1, w2, w3);
        a2 = multiply(a2, v2, w0, w1, w2, w3);
        a3 = multiply(a3, v3, w0, w1, w2, w3);
        a4 = multiply(a4, v4, w0, w1, w2, w3);
        a5 = multiply(a5, v5, w0, w1, w2, w3);
        a6 = multiply(a6, v6, w0, w1, w2, w3);
        a7 = multiply(a7, v7, w0, w1, w2, w3);
      }
      {
        let w0 = weight(at + 3u * tap);
        let w1 = weight(at + 3u * tap + 1u);
        let w2 = weight(at + 3u * tap + 2u);
        let w3 = weight(at + 3u * tap + 3u);
        a0 = multiply(a0, v1, w0, w1, w2, w3);
        a1 = multiply(a1, v2, w0, w1, w2, w3);
        a2 = multiply(a2, v3, w0, w1, w2, w3);
        a3 = multiply(a3, v4, w0, w1, w2, w3);
        a4 = multiply(a4, v5, w0, w1, w2, w3);
        a5 = multiply(a5, v6, w0, w1, w2, w3);
        a6 = multiply(a6, v7, w0, w1, w2, w3);
        a7 = multiply(a7, v8, w0, w1, w2, w3);
      }
      {
        let w0 = weight(at + 6u * tap);
        let w1 = weight(at + 6u * tap + 1u);
        let w2 = weight(at + 6u * tap + 2u);
        let w3 = weight(at + 6u * tap + 3u);
        a0 = multiply(a0, v2, w0, w1, w2, w3);
        a1 = multiply(a1, v3, w0, w1, w2, w3);
        a2 = multiply(a2, v4, w0, w1, w2, w3);
        a3 = multiply(a3, v5, w0, w1, w2, w3);
        a4 = multiply(a4, v6, w0, w1, w2, w3);
        a5 = multiply(a5, v7, w0, w1, w2, w3);
        a6 = multiply(a6, v8, w0, w1, w2, w3);
        a7 = multiply(a7, v9, w0, w1, w2, w3);
      }
      src += volume;
      at += 4u;
    }
  }
  let to = (id.z * params.co4 + id.y) * volume + corner + plane + row + 1u;
  let left = params.size_y - y0;
  store(to, a0);
  if (left > 1u) { store(to + row, a1); }
  if (left > 2u) { store(to + 2u * row, a2); }
  if (left > 3u) { store(to + 3u * row, a3); }
  if (left > 4u) { store(to + 4u * row, a4); }
  if (left > 5u) { store(to + 5u * row, a5); }
  if (left > 6u) { store(to + 6u * row, a6); }
  if (left > 7u) { store(to + 7u * row, a7); }
}
