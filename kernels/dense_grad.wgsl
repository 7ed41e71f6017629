// Gradients of a dense layer; PART says which:
//
//   0: dx[b, i] = sum over o of dy[b, o] * w[i, o]
//   1: dw[i, o] = sum over b of x[b, i] * dy[b, o]
//   2: dbias[o] = sum over b of dy[b, o]
//
// All arrays in C order. One thread: one element of the result. Workgroup: 64. Grid: elements / 64.
const PART: u32 = 0u;

struct Params {
  batch: u32,
  channels_in: u32,
  out: u32,
  elements: u32, // of the result
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> dy: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.elements) {
    return;
  }
  var sum = 0.0;
  switch PART {
    case 0u: {
      let b = id.x / params.channels_in;
      let i = id.x % params.channels_in;
      for (var o = 0u; o < params.out; o++) {
        sum += dy[b * params.out + o] * w[i * params.out + o];
      }
    }
    case 1u: {
      let i = id.x / params.out;
      let o = id.x % params.out;
      for (var b = 0u; b < params.batch; b++) {
        sum += x[b * params.channels_in + i] * dy[b * params.out + o];
      }
    }
    default: {
      for (var b = 0u; b < params.batch; b++) {
        sum += dy[b * params.out + id.x];
      }
    }
  }
  result[id.x] = sum;
}
