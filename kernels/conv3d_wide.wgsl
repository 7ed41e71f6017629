// Convolution 3x3x3, stride 1, zero padding, 4 voxels and 8 channels per thread.
//
//   y[b, p, o] = act(bias[o] + sum over taps t, channels i of pre(x[b, p + t - 1, i]) * w[t, i, o] + residual[b, p, o])
//
// x, y, residual: [batch][channel / 4][z + 2][y + 2][x + 2] of vec4, with a halo of zeros that nobody writes.
// w: [o / 4][tap zyx][i] of vec4 over o. bias: [o / 4] of vec4. Channels are padded with zeros to multiples of 4.
// One thread: 4 neighbours in x, 8 output channels (co4 is even). One workgroup: 64 such rows of the same channels.
// Grid: rows / 64, pairs of channel blocks, batch. The plain scheme that the others are measured against.
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
  let groups = (params.size_x + 3u) / 4u;
  if (id.x >= groups * params.size_y * params.size_z) {
    return;
  }
  let x0 = (id.x % groups) * 4u;
  let y0 = (id.x / groups) % params.size_y;
  let z0 = id.x / (groups * params.size_y);
  let row = params.size_x + 2u;
  let plane = row * (params.size_y + 2u);
  let volume = plane * (params.size_z + 2u);
  let corner = z0 * plane + y0 * row + x0;
  let tap = params.ci4 * 4u;
  let high = 27u * tap;
  let first_a = bias[2u * id.y];
  let first_b = bias[2u * id.y + 1u];
  var a0 = first_a;
  var a1 = first_a;
  var a2 = first_a;
  var a3 = first_a;
  var b0 = first_b;
  var b1 = first_b;
  var b2 = first_b;
  var b3 = first_b;
  for (var zy = 0u; zy < 9u; zy++) {
    var src = id.z * params.ci4 * volume + corner + (zy / 3u) * plane + (zy % 3u) * row;
    var at = 2u * id.y * high + zy * 3u * tap;
    for (var c = 0u; c < params.ci4; c++) {
      let v0 = input(src + 0u);
      let v1 = input(src + 1u);
      let v2 = input(src + 2u);
      let v3 = input(src + 3u);
      let v4 = input(src + 4u);
      let v5 = input(src + 5u);
      {
        let w0 = weight(at);
        let w1 = weight(at + 1u);
        let w2 = weight(at + 2u);
        let w3 = weight(at + 3u);
        a0 = multiply(a0, v0, w0, w1, w2, w3);
        a1 = multiply(a1, v1, w0, w1, w2, w3);
        a2 = multiply(a2, v2, w0, w1, w2, w3);
        a3 = multiply(a3, v3, w0, w1, w2, w3);
      }
      {
        let w0 = weight(at + high);
        let w1 = weight(at + high + 1u);
        let w2 = weight(at + high + 2u);
        let w3 = weight(at + high + 3u);
        b0 = multiply(b0, v0, w0, w1, w2, w3);
        b1 = multiply(b1, v1, w0, w1, w2, w3);
        b2 = multiply(b2, v2, w0, w1, w2, w3);
        b3 = multiply(b3, v3, w0, w1, w2, w3);
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
      }
      {
        let w0 = weight(at + high + tap);
        let w1 = weight(at + high + tap + 1u);
        let w2 = weight(at + high + tap + 2u);
        let w3 = weight(at + high + tap + 3u);
        b0 = multiply(b0, v1, w0, w1, w2, w3);
        b1 = multiply(b1, v2, w0, w1, w2, w3);
        b2 = multiply(b2, v3, w0, w1, w2, w3);
        b3 = multiply(b3, v4, w0, w1, w2, w3);
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
      }
      {
        let w0 = weight(at + high + 2u * tap);
        let w1 = weight(at + high + 2u * tap + 1u);
        let w2 = weight(at + high + 2u * tap + 2u);
        let w3 = weight(at + high + 2u * tap + 3u);
        b0 = multiply(b0, v2, w0, w1, w2, w3);
        b1 = multiply(b1, v3, w0, w1, w2, w3);
        b2 = multiply(b2, v4, w0, w1, w2, w3);
        b3 = multiply(b3, v5, w0, w1, w2, w3);
      }
      src += volume;
      at += 4u;
    }
  }
  let to = (id.z * params.co4 + 2u * id.y) * volume + corner + plane + row + 1u;
  let left = params.size_x - x0;
  store(to, a0);
  store(to + volume, b0);
  if (left > 1u) {
    store(to + 1u, a1);
    store(to + volume + 1u, b1);
  }
  if (left > 2u) {
    store(to + 2u, a2);
    store(to + volume + 2u, b2);
  }
  if (left > 3u) {
    store(to + 3u, a3);
    store(to + volume + 3u, b3);
  }
}
