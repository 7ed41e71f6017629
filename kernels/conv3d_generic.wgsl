// Convolution of any kernel extent, stride and padding, and any number of channels:
//
//   y[b, p, o] = act(bias[o] + sum over taps t, channels i of pre(x[b, p * stride + t - before, i]) * w[t, i, o] + residual[b, p, o])
//
// Every array is read through its layout: element (b, c, p) stands at
// ((b * blocks + c / block) * volume + (p.z + halo) * plane + (p.y + halo) * row + p.x + halo) * block + c % block.
// w: [tap zyx][i][o]. bias: [o]. One thread: one voxel and channel. Workgroup: 64 voxels. Grid: voxels / 64, o, batch.
alias RealX = f32;
alias RealR = f32;
alias RealY = f32;
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
  ci: u32, // input channels
  co: u32, // output channels
  stride: u32,
  before_z: u32, // padding before the first voxel
  before_y: u32,
  before_x: u32,
  x_blocks: u32, // layout of x
  x_block: u32,
  x_halo: u32,
  r_blocks: u32, // layout of the residual
  r_block: u32,
  r_halo: u32,
  y_blocks: u32, // layout of y
  y_block: u32,
  y_halo: u32,
}

@group(0) @binding(0) var<storage, read> x: array<RealX>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<RealR>;
@group(0) @binding(4) var<storage, read_write> y: array<RealY>;
@group(0) @binding(5) var<uniform> params: Params;

fn place(blocks: u32, block: u32, halo: u32, size: vec3<u32>, b: u32, c: u32, p: vec3<u32>) -> u32 {
  let row = size.x + 2u * halo;
  let plane = row * (size.y + 2u * halo);
  let volume = plane * (size.z + 2u * halo);
  let voxel = (p.z + halo) * plane + (p.y + halo) * row + p.x + halo;
  return ((b * blocks + c / block) * volume + voxel) * block + c % block;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let size = vec3<u32>(params.y_size_x, params.y_size_y, params.y_size_z);
  let extent = vec3<u32>(params.x_size_x, params.x_size_y, params.x_size_z);
  if (id.x >= size.x * size.y * size.z) {
    return;
  }
  let p = vec3<u32>(id.x % size.x, (id.x / size.x) % size.y, id.x / (size.x * size.y));
  let before = vec3<u32>(params.before_x, params.before_y, params.before_z);
  var sum = bias[id.y];
  for (var tz = 0u; tz < params.kernel_z; tz++) {
    for (var ty = 0u; ty < params.kernel_y; ty++) {
      for (var tx = 0u; tx < params.kernel_x; tx++) {
        // Below zero wraps around to a large number, so one comparison per axis covers both ends.
        let q = p * params.stride + vec3<u32>(tx, ty, tz) - before;
        if (all(q < extent)) {
          let tap = (tz * params.kernel_y + ty) * params.kernel_x + tx;
          // Block by block: a division per channel would cost more than the sum.
          for (var first = 0u; first < params.ci; first += params.x_block) {
            let at = place(params.x_blocks, params.x_block, params.x_halo, extent, id.z, first, q);
            let weight = (tap * params.ci + first) * params.co + id.y;
            for (var i = 0u; i < min(params.x_block, params.ci - first); i++) {
              var value = f32(x[at + i]);
              if (RELU_INPUT) {
                value = max(value, 0.0);
              }
              sum += value * w[weight + i * params.co];
            }
          }
        }
      }
    }
  }
  if (RESIDUAL) {
    sum += f32(residual[place(params.r_blocks, params.r_block, params.r_halo, size, id.z, id.y, p)]);
  }
  if (RELU_OUTPUT) {
    sum = max(sum, 0.0);
  }
  y[place(params.y_blocks, params.y_block, params.y_halo, size, id.z, id.y, p)] = RealY(sum);
}
