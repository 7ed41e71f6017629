// Convolution of any kernel extent, stride and padding between blocked arrays; with SPACING above 1 the gradient of the input of
// a convolution with that stride, whose dy is read as if zeros stood between its voxels:
//
//   y[b, p, o] = act(bias[o] + sum over t, i of pre(x[b, (p * stride + t - before) / SPACING, i]) * w[t, i, o] + residual[b, p, o])
//
// over the taps t for which that is a voxel, and input channels i.
// x, y, residual: [batch][channel / 4][z + 2][y + 2][x + 2] of vec4, with a halo of zeros that nobody writes.
// w: [o / 4][tap zyx][i] of vec4 over o. bias: [o / 4] of vec4. Channels are padded with zeros to multiples of 4; o / 4 is
// a multiple of 4. The weights of four input and 16 output channels are loaded by 8 lanes for each other: where a load costs the
// same for equal addresses as for different ones, as on a CPU that plays GPU, they would cost more than x.
// One thread: 7 voxels at a stride of 8, 16 output channels. One workgroup: 7 * THREADS voxels of all samples, numbered zyx.
// Grid: voxels / (7 * THREADS), o / 16. Subgroups of 8 lanes or more; the backend puts `enable subgroups;` in front where it
// is wanted.
alias Real = f32;
const THREADS: u32 = 64u;
const SPACING: u32 = 1u;
const RELU_INPUT: bool = false;
const RELU_OUTPUT: bool = false;
const RESIDUAL: bool = false;

struct Params {
  y_size_z: u32, // voxels of y, without halo
  y_size_y: u32,
  y_size_x: u32,
  x_size_z: u32, // voxels of x, without halo
  x_size_y: u32,
  x_size_x: u32,
  kernel_z: u32,
  kernel_y: u32,
  kernel_x: u32,
  ci4: u32, // input channels / 4
  co4: u32, // output channels / 4
  stride: u32,
  before_z: u32, // padding before the first voxel
  before_y: u32,
  before_x: u32,
  voxels: u32, // of y, in all samples
}

@group(0) @binding(0) var<storage, read> x: array<vec4<Real>>;
@group(0) @binding(1) var<storage, read> w: array<vec4<Real>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> residual: array<vec4<Real>>;
@group(0) @binding(4) var<storage, read_write> y: array<vec4<Real>>;
@group(0) @binding(5) var<uniform> params: Params;

// The voxels of a thread, 4 channels of each.
struct Rows {
  a: vec4<f32>,
  b: vec4<f32>,
  c: vec4<f32>,
  d: vec4<f32>,
  e: vec4<f32>,
  f: vec4<f32>,
  g: vec4<f32>,
}

// A voxel of y: its first window voxel, xyz, which may lie before x, and its sample's first vec4 of x.
fn window(n: u32) -> vec4<u32> {
  let size = vec3<u32>(params.y_size_x, params.y_size_y, params.y_size_z);
  let p = vec3<u32>(n % size.x, (n / size.x) % size.y, (n / (size.x * size.y)) % size.z);
  let volume = (params.x_size_x + 2u) * (params.x_size_y + 2u) * (params.x_size_z + 2u);
  let sample = select(0u, n / (size.x * size.y * size.z), n < params.voxels);
  let before = vec3<u32>(params.before_x, params.before_y, params.before_z);
  return vec4<u32>(p * params.stride - before, sample * params.ci4 * volume);
}

// Where the voxel of x under a tap stands; its sample's corner, which is zero, where there is none.
fn source(first: vec4<u32>, tap: vec3<u32>) -> u32 {
  let extent = vec3<u32>(params.x_size_x, params.x_size_y, params.x_size_z);
  // Below zero wraps around to a large number, so one comparison per axis covers both ends.
  let start = first.xyz + tap;
  let q = start / SPACING;
  let row = extent.x + 2u;
  let at = ((q.z + 1u) * (extent.y + 2u) + q.y + 1u) * row + q.x + 1u;
  return first.w + select(0u, at, all(q < extent) && all(q * SPACING == start));
}

fn input(at: u32) -> vec4<f32> {
  let v = vec4<f32>(x[at]);
  return select(v, max(v, vec4<f32>(0.0)), RELU_INPUT);
}

// Weights of 4 input channels, as lanes 0 to 3 hold them.
fn low(v: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(
    subgroupBroadcast(v, 0u),
    subgroupBroadcast(v, 1u),
    subgroupBroadcast(v, 2u),
    subgroupBroadcast(v, 3u),
  );
}

// As lanes 4 to 7 hold them.
fn high(v: vec4<f32>) -> mat4x4<f32> {
  return mat4x4<f32>(
    subgroupBroadcast(v, 4u),
    subgroupBroadcast(v, 5u),
    subgroupBroadcast(v, 6u),
    subgroupBroadcast(v, 7u),
  );
}

// acc + v (4 input channels) times a 4x4 block of weights, one column per input channel.
fn multiply(acc: vec4<f32>, v: vec4<f32>, m: mat4x4<f32>) -> vec4<f32> {
  return fma(m[3], v.wwww, fma(m[2], v.zzzz, fma(m[1], v.yyyy, fma(m[0], v.xxxx, acc))));
}

fn multiply_rows(acc: Rows, v: Rows, m: mat4x4<f32>) -> Rows {
  return Rows(
    multiply(acc.a, v.a, m),
    multiply(acc.b, v.b, m),
    multiply(acc.c, v.c, m),
    multiply(acc.d, v.d, m),
    multiply(acc.e, v.e, m),
    multiply(acc.f, v.f, m),
    multiply(acc.g, v.g, m),
  );
}

fn store(n: u32, block: u32, sum: vec4<f32>) {
  if (n >= params.voxels) {
    return;
  }
  let size = vec3<u32>(params.y_size_x, params.y_size_y, params.y_size_z);
  let p = vec3<u32>(n % size.x, (n / size.x) % size.y, (n / (size.x * size.y)) % size.z) + 1u;
  let sample = n / (size.x * size.y * size.z);
  let row = size.x + 2u;
  let plane = row * (size.y + 2u);
  let at = (sample * params.co4 + block) * plane * (size.z + 2u) + p.z * plane + p.y * row + p.x;
  var v = sum + bias[block];
  if (RESIDUAL) {
    v += vec4<f32>(residual[at]);
  }
  if (RELU_OUTPUT) {
    v = max(v, vec4<f32>(0.0));
  }
  y[at] = vec4<Real>(v);
}

fn store_rows(n: u32, block: u32, r: Rows) {
  store(n, block, r.a);
  store(n + 8u, block, r.b);
  store(n + 16u, block, r.c);
  store(n + 24u, block, r.d);
  store(n + 32u, block, r.e);
  store(n + 40u, block, r.f);
  store(n + 48u, block, r.g);
}

@compute @workgroup_size(THREADS)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_id) thread: vec3<u32>,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let n = group.x * 7u * THREADS + (thread.x / 8u) * 56u + thread.x % 8u;
  let block = group.y * 4u;
  let wa = window(n);
  let wb = window(n + 8u);
  let wc = window(n + 16u);
  let wd = window(n + 24u);
  let we = window(n + 32u);
  let wf = window(n + 40u);
  let wg = window(n + 48u);
  let volume = (params.x_size_x + 2u) * (params.x_size_y + 2u) * (params.x_size_z + 2u);
  let taps = params.kernel_x * params.kernel_y * params.kernel_z;
  let next = taps * params.ci4 * 4u;
  // Lane 4 b + i, modulo 8, loads input channel i of block b and of block b + 2.
  var at = (block + (lane / 4u) % 2u) * next + lane % 4u;
  var m0 = Rows();
  var m1 = Rows();
  var m2 = Rows();
  var m3 = Rows();
  for (var tz = 0u; tz < params.kernel_z; tz++) {
    for (var ty = 0u; ty < params.kernel_y; ty++) {
      for (var tx = 0u; tx < params.kernel_x; tx++) {
        let t = vec3<u32>(tx, ty, tz);
        var pa = source(wa, t);
        var pb = source(wb, t);
        var pc = source(wc, t);
        var pd = source(wd, t);
        var pe = source(we, t);
        var pf = source(wf, t);
        var pg = source(wg, t);
        for (var c = 0u; c < params.ci4; c++) {
          let w01 = vec4<f32>(w[at]);
          let w23 = vec4<f32>(w[at + 2u * next]);
          let v = Rows(input(pa), input(pb), input(pc), input(pd), input(pe), input(pf), input(pg));
          m0 = multiply_rows(m0, v, low(w01));
          m1 = multiply_rows(m1, v, high(w01));
          m2 = multiply_rows(m2, v, low(w23));
          m3 = multiply_rows(m3, v, high(w23));
          pa += volume;
          pb += volume;
          pc += volume;
          pd += volume;
          pe += volume;
          pf += volume;
          pg += volume;
          at += 4u;
        }
      }
    }
  }
  store_rows(n, block, m0);
  store_rows(n, block + 1u, m1);
  store_rows(n, block + 2u, m2);
  store_rows(n, block + 3u, m3);
}
