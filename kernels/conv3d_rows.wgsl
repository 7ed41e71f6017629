// Convolution 3x3x3, stride 1, zero padding, a row of 11 voxels per thread.
//
//   y[b, p, o] = act(bias[o] + sum over taps t, channels i of pre(x[b, p + t - 1, i]) * w[t, i, o] + residual[b, p, o])
//
// x, y, residual: [batch][channel / 4][z + 2][y + 2][x + 2] of vec4, with a halo of zeros that nobody writes.
// w: [o / 4][tap zyx][i] of vec4 over o. bias: [o / 4] of vec4. Channels are padded with zeros to multiples of 4.
// One thread: 11 neighbours in x, 4 output channels. One workgroup: 64 such rows of the same channels, so that the
// weights are uniform. Grid: rows / 64, channel blocks, batch.
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
  let groups = (params.size_x + 10u) / 11u;
  if (id.x >= groups * params.size_y * params.size_z) {
    return;
  }
  let x0 = (id.x % groups) * 11u;
  let y0 = (id.x / groups) % params.size_y;
  let z0 = id.x / (groups * params.size_y);
  let row = params.size_x + 2u;
  let plane = row * (params.size_y + 2u);
  let volume = plane * (params.size_z + 2u);
  let corner = z0 * plane + y0 * row + x0;
  let first = bias[id.y];
  var a0 = first;
  var a1 = first;
  var a2 = first;
  var a3 = first;
  var a4 = first;
  var a5 = first;
  var a6 = first;
  var a7 = first;
  var a8 = first;
  var a9 = first;
  var a10 = first;
  for (var zy = 0u; zy < 9u; zy++) {
    var src = id.z * params.ci4 * volume + corner + (zy / 3u) * plane + (zy % 3u) * row;
    var at = (id.y * 27u + zy * 3u) * params.ci4 * 4u;
    let tap = params.ci4 * 4u;
    for (var c = 0u; c < params.ci4; c++) {
      let v0 = input(src + 0u);
      let v1 = input(src + 1u);
      let v2 = input(src + 2u);
      let v3 = input(src + 3u);
      let v4 = input(src + 4u);
      let v5 = input(src + 5u);
      let v6 = input(src + 6u);
      let v7 = input(src + 7u);
      let v8 = input(src + 8u);
      let v9 = input(src + 9u);
      let v10 = input(src + 10u);
      let v11 = input(src + 11u);
      let v12 = input(src + 12u);
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
        a8 = multiply(a8, v8, w0, w1, w2, w3);
        a9 = multiply(a9, v9, w0, w1, w2, w3);
        a10 = multiply(a10, v10, w0, w1, w2, w3);
      }
      {
        let w0 = weight(at + tap);
        let w1 = weight(at + tap + 1u);
        let w2 = weight(at + tap + 2u);
        let w3 = weight(at + tap + 3u);
        a0 = multiply(a0, v1, w0, w1, w2, w3);
        a1 = multiply(a1, v2, w0, w1, w2, w3);
        a2 = multiply(a2, v3, w0, w1, w2, w3);
        a3 = multiply(a3, v4, w0, w1, w2, w3);
        a4 = multiply(a4, v5, w0, w1, w2, w3);
        a5 = multiply(a5, v6, w0, w1, w2, w3);
        a6 = multiply(a6, v7, w0, w1, w2, w3);
        a7 = multiply(a7, v8, w0, w1, w2, w3);
        a8 = multiply(a8, v9, w0, w1, w2, w3);
        a9 = multiply(a9, v10, w0, w1, w2, w3);
        a10 = multiply(a10, v11, w0, w1, w2, w3);
      }
      {
        let w0 = weight(at + 2u * tap);
        let w1 = weight(at + 2u * tap + 1u);
        let w2 = weight(at + 2u * tap + 2u);
        let w3 = weight(at + 2u * tap + 3u);
        a0 = multiply(a0, v2, w0, w1, w2, w3);
        a1 = multiply(a1, v3, w0, w1, w2, w3);
        a2 = multiply(a2, v4, w0, w1, w2, w3);
        a3 = multiply(a3, v5, w0, w1, w2, w3);
        a4 = multiply(a4, v6, w0, w1, w2, w3);
        a5 = multiply(a5, v7, w0, w1, w2, w3);
        a6 = multiply(a6, v8, w0, w1, w2, w3);
        a7 = multiply(a7, v9, w0, w1, w2, w3);
        a8 = multiply(a8, v10, w0, w1, w2, w3);
        a9 = multiply(a9, v11, w0, w1, w2, w3);
        a10 = multiply(a10, v12, w0, w1, w2, w3);
      }
      src += volume;
      at += 4u;
    }
  }
  let to = (id.z * params.co4 + id.y) * volume + corner + plane + row + 1u;
  let left = params.size_x - x0;
  store(to, a0);
  if (left > 1u) { store(to + 1u, a1); }
  if (left > 2u) { store(to + 2u, a2); }
  if (left > 3u) { store(to + 3u, a3); }
  if (left > 4u) { store(to + 4u, a4); }
  if (left > 5u) { store(to + 5u, a5); }
  if (left > 6u) { store(to + 6u, a6); }
  if (left > 7u) { store(to + 7u, a7); }
  if (left > 8u) { store(to + 8u, a8); }
  if (left > 9u) { store(to + 9u, a9); }
  if (left > 10u) { store(to + 10u, a10); }
}
