// y[b, p, c] = max over taps t of x[b, p * stride + t - before, c], where only voxels of x count.
//
// Element (b, c, p) stands at ((b * blocks + c / block) * volume + (p.z + halo) * plane + (p.y + halo) * row + p.x + halo) * block
// + c % block. One thread: one voxel and channel. Workgroup: 64 voxels. Grid: voxels / 64, channels, batch.
struct Params {
  y_size_z: u32, // voxels of what is pooled, without halo
  y_size_y: u32,
  y_size_x: u32,
  x_size_z: u32, // voxels of x, without halo
  x_size_y: u32,
  x_size_x: u32,
  kernel_z: u32,
  kernel_y: u32,
  kernel_x: u32,
  stride: u32,
  before_z: u32, // padding before the first voxel
  before_y: u32,
  before_x: u32,
  x_blocks: u32, // layout of x
  x_block: u32,
  x_halo: u32,
  y_blocks: u32, // layout of y
  y_block: u32,
  y_halo: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

// Place of channel c of voxel p in an array of this size.
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
  let start = p * params.stride - vec3<u32>(params.before_x, params.before_y, params.before_z);
  var most = -3.4028235e38;
  for (var tz = 0u; tz < params.kernel_z; tz++) {
    for (var ty = 0u; ty < params.kernel_y; ty++) {
      for (var tx = 0u; tx < params.kernel_x; tx++) {
        // Below zero wraps around to a large number, so one comparison per axis covers both ends.
        let q = start + vec3<u32>(tx, ty, tz);
        if (all(q < extent)) {
          most = max(most, x[place(params.x_blocks, params.x_block, params.x_halo, extent, id.z, id.y, q)]);
        }
      }
    }
  }
  y[place(params.y_blocks, params.y_block, params.y_halo, size, id.z, id.y, p)] = most;
}
