// Gradient of the weights of a nested Winograd convolution from that of the transformed ones: dw = G^T dU G over y and x.
//
// du: [point 5 * py + px][z tap][i][o] in C order, without padding. dw: [tap zyx][i][o].
// G: rows [1/2,0,0] [-1/2,-1/2,-1/2] [-1/6,1/6,-1/6] [1/6,1/3,2/3] [0,0,1].
// One thread: the 9 taps (y, x) of one (z tap, i, o). Workgroup: 64. Grid: z taps * i * o / 64.
struct Params {
  pairs: u32, // input channels * output channels
}

@group(0) @binding(0) var<storage, read> du: array<f32>;
@group(0) @binding(1) var<storage, read_write> dw: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

fn transform(u0: f32, u1: f32, u2: f32, u3: f32, u4: f32) -> vec3<f32> {
  return vec3<f32>(
    0.5 * (u0 - u1) + (u3 - u2) / 6.0,
    -0.5 * u1 + u2 / 6.0 + u3 / 3.0,
    -0.5 * u1 - u2 / 6.0 + 2.0 * u3 / 3.0 + u4,
  );
}

// Taps x of the points of one py.
fn row(py: u32, at: u32) -> vec3<f32> {
  let step = 3u * params.pairs;
  let first = 5u * py * step + at;
  return transform(du[first], du[first + step], du[first + 2u * step], du[first + 3u * step], du[first + 4u * step]);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= 3u * params.pairs) {
    return;
  }
  let r0 = row(0u, id.x);
  let r1 = row(1u, id.x);
  let r2 = row(2u, id.x);
  let r3 = row(3u, id.x);
  let r4 = row(4u, id.x);
  let x0 = transform(r0.x, r1.x, r2.x, r3.x, r4.x);
  let x1 = transform(r0.y, r1.y, r2.y, r3.y, r4.y);
  let x2 = transform(r0.z, r1.z, r2.z, r3.z, r4.z);
  let to = (id.x / params.pairs) * 9u * params.pairs + id.x % params.pairs;
  dw[to] = x0.x;
  dw[to + params.pairs] = x1.x;
  dw[to + 2u * params.pairs] = x2.x;
  dw[to + 3u * params.pairs] = x0.y;
  dw[to + 4u * params.pairs] = x1.y;
  dw[to + 5u * params.pairs] = x2.y;
  dw[to + 6u * params.pairs] = x0.z;
  dw[to + 7u * params.pairs] = x1.z;
  dw[to + 8u * params.pairs] = x2.z;
}
