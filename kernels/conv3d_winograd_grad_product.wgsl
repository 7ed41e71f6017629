// Gradient of transformed weights, nested Winograd, each over the planes of one split of the batch:
//
//   parts[s, point, t, i, o] = sum over planes (b, z) of split s and tiles of v[point, (b, z + t, tile), i] * z[point, (b, z, tile), o]
//
// v: [point][i / 4][row] of vec4, row = (b * (size_z + 2) + plane) * tiles + tile, by conv3d_winograd_input.wgsl.
// z: [point][o / 4][row] of vec4, row = (b * size_z + plane) * tiles + tile, by conv3d_winograd_grad_output.wgsl.
// parts: [split][yx point][z tap][i][o / 4] of vec4 over o; sum_parts.wgsl adds the splits up.
// One thread: 4 input and 4 output channels, the three z taps of one point, one split. Threads are numbered by o / 4, i / 4,
// point, split. Workgroup: 64. Grid: threads / 64.
struct Params {
  tiles: u32, // of a plane
  size_z: u32,
  planes: u32, // batch * size_z
  split_planes: u32, // planes of a split; the last one may have fewer
  ci4: u32, // input channels / 4
  co4: u32, // output channels / 4
  v_rows: u32, // rows of v per point and channel block
}

@group(0) @binding(0) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> z: array<vec4<f32>>;
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
  let point = (id.x / pairs) % 25u;
  let split = id.x / (25u * pairs);
  let begin = split * params.split_planes;
  if (begin >= params.planes) {
    return;
  }
  let end = min(begin + params.split_planes, params.planes);
  // a, b, c: z taps 0, 1, 2; the number is that of the input channel, the lanes are output channels.
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
  for (var plane = begin; plane < end; plane++) {
    let v_plane = plane + 2u * (plane / params.size_z);
    let src = (point * params.ci4 + i4) * params.v_rows + v_plane * params.tiles;
    let first_d = ((point * params.co4 + o4) * params.planes + plane) * params.tiles;
    for (var tile = 0u; tile < params.tiles; tile++) {
      let d = z[first_d + tile];
      let first = v[src + tile];
      a0 = fma(first.xxxx, d, a0);
      a1 = fma(first.yyyy, d, a1);
      a2 = fma(first.zzzz, d, a2);
      a3 = fma(first.wwww, d, a3);
      let second = v[src + tile + params.tiles];
      b0 = fma(second.xxxx, d, b0);
      b1 = fma(second.yyyy, d, b1);
      b2 = fma(second.zzzz, d, b2);
      b3 = fma(second.wwww, d, b3);
      let third = v[src + tile + 2u * params.tiles];
      c0 = fma(third.xxxx, d, c0);
      c1 = fma(third.yyyy, d, c1);
      c2 = fma(third.zzzz, d, c2);
      c3 = fma(third.wwww, d, c3);
    }
  }
  let tap = 4u * params.ci4 * params.co4;
  let to = (split * 25u + point) * 3u * tap + 4u * i4 * params.co4 + o4;
  store(to, a0, a1, a2, a3);
  store(to + tap, b0, b1, b2, b3);
  store(to + 2u * tap, c0, c1, c2, c3);
}
