// Gradient of the weights of a convolution of any kernel extent, stride and padding between blocked arrays:
//
//   parts[s, t, i, o] = sum over rows (b, z, y) of split s and over x of x[b, p * stride + t - before, i] * dy[b, p, o]
//
// x, dy: [batch][channel / 4][z + 2][y + 2][x + 2] of vec4 with a halo of zeros; dy's channels / 4 are a multiple of 8.
// parts: [split][tap zyx][i][o / 4] of vec4 over o, channels padded to multiples of 4; sum_parts.wgsl adds the splits up.
// One thread: 4 input and 32 output channels of one tap, one split. The 8 vec4 of dy at a voxel are loaded by 8 lanes for each
// other. Threads are numbered by i / 4, tap. Workgroup: 64. Grid: threads / 64, o / 32, splits.
// Subgroups of 8 lanes or more; the backend puts `enable subgroups;` in front where it is wanted.
struct Params {
  dy_size_z: u32, // voxels of dy, without halo
  dy_size_y: u32,
  dy_size_x: u32,
  x_size_z: u32, // voxels of x, without halo
  x_size_y: u32,
  x_size_x: u32,
  kernel_z: u32,
  kernel_y: u32,
  kernel_x: u32,
  ci4: u32, // channels of x / 4
  co4: u32, // channels of dy / 4
  stride: u32,
  before_z: u32, // padding before the first voxel
  before_y: u32,
  before_x: u32,
  rows: u32, // batch * dy_size_z * dy_size_y
  split_rows: u32, // rows of a split; the last one may have fewer
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> dy: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> parts: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> params: Params;

// acc + the product of 4 input channels, one column each, and 4 output channels.
fn outer(acc: mat4x4<f32>, v: vec4<f32>, d: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(
    fma(v.xxxx, d, acc[0]),
    fma(v.yyyy, d, acc[1]),
    fma(v.zzzz, d, acc[2]),
    fma(v.wwww, d, acc[3]),
  );
}

fn store(at: u32, m: mat4x4<f32>) {
  parts[at] = m[0];
  parts[at + params.co4] = m[1];
  parts[at + 2u * params.co4] = m[2];
  parts[at + 3u * params.co4] = m[3];
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let taps = params.kernel_x * params.kernel_y * params.kernel_z;
  let i4 = id.x % params.ci4;
  // Threads behind the last tap repeat it: all lanes have to be there for each other.
  let tap = min(id.x / params.ci4, taps - 1u);
  let t = vec3<u32>(
    tap % params.kernel_x,
    (tap / params.kernel_x) % params.kernel_y,
    tap / (params.kernel_x * params.kernel_y),
  );
  let before = vec3<u32>(params.before_x, params.before_y, params.before_z);
  let extent = vec3<u32>(params.x_size_x, params.x_size_y, params.x_size_z);
  let x_row = extent.x + 2u;
  let x_volume = x_row * (extent.y + 2u) * (extent.z + 2u);
  let row = params.dy_size_x + 2u;
  let plane = row * (params.dy_size_y + 2u);
  let volume = plane * (params.dy_size_z + 2u);
  let begin = group.z * params.split_rows;
  let end = min(begin + params.split_rows, params.rows);
  var m0 = mat4x4<f32>();
  var m1 = mat4x4<f32>();
  var m2 = mat4x4<f32>();
  var m3 = mat4x4<f32>();
  var m4 = mat4x4<f32>();
  var m5 = mat4x4<f32>();
  var m6 = mat4x4<f32>();
  var m7 = mat4x4<f32>();
  for (var r = begin; r < end; r++) {
    let p = vec2<u32>(r % params.dy_size_y, (r / params.dy_size_y) % params.dy_size_z);
    let b = r / (params.dy_size_y * params.dy_size_z);
    // Below zero wraps around to a large number, so one comparison per axis covers both ends.
    let q = p * params.stride + t.yz - before.yz;
    let corner = (b * params.ci4 + i4) * x_volume;
    let first = corner + ((q.y + 1u) * (extent.y + 2u) + q.x + 1u) * x_row + 1u;
    let has_row = all(q < extent.yz);
    var d_at = (b * params.co4 + group.y * 8u + lane % 8u) * volume + (p.y + 1u) * plane + (p.x + 1u) * row + 1u;
    var qx = t.x - before.x;
    for (var u = 0u; u < params.dy_size_x; u++) {
      let d = dy[d_at];
      // The corner is a zero.
      let v = x[select(corner, first + qx, has_row && qx < extent.x)];
      m0 = outer(m0, v, subgroupBroadcast(d, 0u));
      m1 = outer(m1, v, subgroupBroadcast(d, 1u));
      m2 = outer(m2, v, subgroupBroadcast(d, 2u));
      m3 = outer(m3, v, subgroupBroadcast(d, 3u));
      m4 = outer(m4, v, subgroupBroadcast(d, 4u));
      m5 = outer(m5, v, subgroupBroadcast(d, 5u));
      m6 = outer(m6, v, subgroupBroadcast(d, 6u));
      m7 = outer(m7, v, subgroupBroadcast(d, 7u));
      d_at++;
      qx += params.stride;
    }
  }
  if (id.x >= taps * params.ci4) {
    return;
  }
  let to = ((group.z * taps + tap) * 4u * params.ci4 + 4u * i4) * params.co4 + group.y * 8u;
  store(to, m0);
  store(to + 1u, m1);
  store(to + 2u, m2);
  store(to + 3u, m3);
  store(to + 4u, m4);
  store(to + 5u, m5);
  store(to + 6u, m6);
  store(to + 7u, m7);
}
