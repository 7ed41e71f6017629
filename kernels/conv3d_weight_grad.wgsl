// Gradient of the weights of a 3x3x3 convolution by direct sums, each over the rows of one split of the batch:
//
//   parts[s, t, i, o] = sum over rows (b, z, y) of split s and over x of x[b, p + t - 1, i] * dy[b, p, o]
//
// x, dy: [batch][channel / 4][z + 2][y + 2][x + 2] of vec4 with a halo of zeros.
// parts: [split][tap zyx][i][o / 4] of vec4 over o, channels padded to multiples of 4; sum_parts.wgsl adds the splits up.
// One thread: 4 input and 4 output channels, the three x taps of one (z, y) tap, one split; it walks along x and loads each
// voxel once. Threads are numbered by o / 4, i / 4, tap, split. Workgroup: 64. Grid: threads / 64.
struct Params {
  size_z: u32, // voxels, without halo
  size_y: u32,
  size_x: u32,
  ci4: u32, // channels of x / 4
  co4: u32, // channels of dy / 4
  rows: u32, // batch * size_z * size_y
  split_rows: u32, // rows of a split; the last one may have fewer
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> parts: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> params: Params;

fn store(at: u32, c0: vec4<f32>, c1: vec4<f32>, c2: vec4<f32>, c3: vec4<f32>) {
  parts[at] = c0;
  parts[at + params.co4] = c1;
  parts[at + 2u * params.co4] = c2;
  parts[at + 3u * params.co4] = c3;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let pairs = params.ci4 * params.co4;
  let o4 = id.x % params.co4;
  let i4 = (id.x / params.co4) % params.ci4;
  let zy = (id.x / pairs) % 9u;
  let split = id.x / (9u * pairs);
  let begin = split * params.split_rows;
  if (begin >= params.rows) {
    return;
  }
  let end = min(begin + params.split_rows, params.rows);
  let pitch = params.size_x + 2u;
  let plane = pitch * (params.size_y + 2u);
  let volume = plane * (params.size_z + 2u);
  // a, b, c: x taps 0, 1, 2; the number is that of the input channel, the lanes are output channels.
  var a0 = vec4<f32>(0.0);
  var a1 = vec4<f32>(0.0);
  var a2 = vec4<f32>(0.0);
  var a3 = vec4<f32>(0.0);
  var b0 = vec4<f32>(0.0);
  var b1 = vec4<f32>(0.0);
  var b2 = vec4<f32>(0.0);
  var b3 = vec4<f32>(0.0);
  var c0 = vec4<f32>(0.0);
  var c1 = vec4<f32>(0.0);
  var c2 = vec4<f32>(0.0);
  var c3 = vec4<f32>(0.0);
  for (var r = begin; r < end; r++) {
    let batch = r / (params.size_y * params.size_z);
    let corner = ((r / params.size_y) % params.size_z) * plane + (r % params.size_y) * pitch;
    let src = (batch * params.ci4 + i4) * volume + corner + (zy / 3u) * plane + (zy % 3u) * pitch;
    let first_d = (batch * params.co4 + o4) * volume + corner + plane + pitch + 1u;
    var left = x[src];
    var centre = x[src + 1u];
    for (var u = 0u; u < params.size_x; u++) {
      let right = x[src + u + 2u];
      let d = dy[first_d + u];
      a0 = fma(left.xxxx, d, a0);
      a1 = fma(left.yyyy, d, a1);
      a2 = fma(left.zzzz, d, a2);
      a3 = fma(left.wwww, d, a3);
      b0 = fma(centre.xxxx, d, b0);
      b1 = fma(centre.yyyy, d, b1);
      b2 = fma(centre.zzzz, d, b2);
      b3 = fma(centre.wwww, d, b3);
      c0 = fma(right.xxxx, d, c0);
      c1 = fma(right.yyyy, d, c1);
      c2 = fma(right.zzzz, d, c2);
      c3 = fma(right.wwww, d, c3);
      left = centre;
      centre = right;
    }
  }
  let tap = 4u * params.ci4 * params.co4;
  let to = (split * 27u + zy * 3u) * tap + 4u * i4 * params.co4 + o4;
  store(to, a0, a1, a2, a3);
  store(to + tap, b0, b1, b2, b3);
  store(to + 2u * tap, c0, c1, c2, c3);
}
