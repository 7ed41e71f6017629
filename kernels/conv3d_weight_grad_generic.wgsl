// Gradient of the weights of a convolution of any kernel extent, stride and padding, and any number of channels:
//
//   parts[s, t, i, o] = sum over rows (b, z, y) of split s and over x of x[b, p * stride + t - before, i] * dy[b, p, o]
//
// x and dy are read through their layouts: element (b, c, p) stands at
// ((b * blocks + c / block) * volume + (p.z + halo) * plane + (p.y + halo) * row + p.x + halo) * block + c % block.
// parts: [split][tap zyx][i][o]; sum_parts.wgsl adds the splits up. One thread: one weight and split, numbered in that order.
// Workgroup: 64. Grid: weights / 64, splits.
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
  ci: u32, // channels of x
  co: u32, // channels of dy
  stride: u32,
  before_z: u32, // padding before the first voxel
  before_y: u32,
  before_x: u32,
  rows: u32, // batch * dy_size_z * dy_size_y
  split_rows: u32, // rows of a split; the last one may have fewer
  x_blocks: u32, // layout of x
  x_block: u32,
  x_halo: u32,
  dy_blocks: u32, // layout of dy
  dy_block: u32,
  dy_halo: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> parts: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

fn place(blocks: u32, block: u32, halo: u32, size: vec3<u32>, b: u32, c: u32, p: vec3<u32>) -> u32 {
  let row = size.x + 2u * halo;
  let plane = row * (size.y + 2u * halo);
  let volume = plane * (size.z + 2u * halo);
  let voxel = (p.z + halo) * plane + (p.y + halo) * row + p.x + halo;
  return ((b * blocks + c / block) * volume + voxel) * block + c % block;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let weights = params.kernel_z * params.kernel_y * params.kernel_x * params.ci * params.co;
  if (id.x >= weights) {
    return;
  }
  let o = id.x % params.co;
  let i = (id.x / params.co) % params.ci;
  let tap = id.x / (params.co * params.ci);
  let t = vec3<u32>(
    tap % params.kernel_x,
    (tap / params.kernel_x) % params.kernel_y,
    tap / (params.kernel_x * params.kernel_y),
  );
  let before = vec3<u32>(params.before_x, params.before_y, params.before_z);
  let size = vec3<u32>(params.dy_size_x, params.dy_size_y, params.dy_size_z);
  let extent = vec3<u32>(params.x_size_x, params.x_size_y, params.x_size_z);
  let begin = id.y * params.split_rows;
  let end = min(begin + params.split_rows, params.rows);
  var sum = 0.0;
  for (var r = begin; r < end; r++) {
    let batch = r / (size.y * size.z);
    let p = vec3<u32>(0u, r % size.y, (r / size.y) % size.z);
    // Below zero wraps around to a large number, so one comparison per axis covers both ends.
    let q = p * params.stride + t - before;
    if (q.y < extent.y && q.z < extent.z) {
      let x_row = place(params.x_blocks, params.x_block, params.x_halo, extent, batch, i, q);
      let dy_row = place(params.dy_blocks, params.dy_block, params.dy_halo, size, batch, o, p);
      for (var u = 0u; u < size.x; u++) {
        let step = u * params.stride;
        if (q.x + step < extent.x) {
          sum += x[x_row + step * params.x_block] * dy[dy_row + u * params.dy_block];
        }
      }
    }
  }
  parts[id.y * weights + id.x] = sum;
}
