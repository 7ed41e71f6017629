// Gradient of a maximum over windows: dx[b, q, c] = sum of dy over the windows whose first maximum, in the order z, y, x, is q.
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
  dy_blocks: u32, // layout of dy
  dy_block: u32,
  dy_halo: u32,
  dx_blocks: u32, // layout of dx
  dx_block: u32,
  dx_halo: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

// Place of channel c of voxel p in an array of this size.
fn place(blocks: u32, block: u32, halo: u32, size: vec3<u32>, b: u32, c: u32, p: vec3<u32>) -> u32 {
  let row = size.x + 2u * halo;
  let plane = row * (size.y + 2u * halo);
  let volume = plane * (size.z + 2u * halo);
  let voxel = (p.z + halo) * plane + (p.y + halo) * row + p.x + halo;
  return ((b * blocks + c / block) * volume + voxel) * block + c % block;
}

fn value_at(size: vec3<u32>, b: u32, c: u32, q: vec3<u32>) -> f32 {
  return x[place(params.x_blocks, params.x_block, params.x_halo, size, b, c, q)];
}

// Whether q is the first maximum of the window that starts at `start`: larger than all before, no smaller than all after.
fn is_first(size: vec3<u32>, b: u32, c: u32, start: vec3<u32>, q: vec3<u32>) -> bool {
  let value = value_at(size, b, c, q);
  var before = true;
  for (var tz = 0u; tz < params.kernel_z; tz++) {
    for (var ty = 0u; ty < params.kernel_y; ty++) {
      for (var tx = 0u; tx < params.kernel_x; tx++) {
        let r = start + vec3<u32>(tx, ty, tz);
        if (all(r == q)) {
          before = false;
        } else if (all(r < size)) {
          let other = value_at(size, b, c, r);
          if (other > value || (before && other == value)) {
            return false;
          }
        }
      }
    }
  }
  return true;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let size = vec3<u32>(params.x_size_x, params.x_size_y, params.x_size_z);
  let windows = vec3<u32>(params.y_size_x, params.y_size_y, params.y_size_z);
  if (id.x >= size.x * size.y * size.z) {
    return;
  }
  let q = vec3<u32>(id.x % size.x, (id.x / size.x) % size.y, id.x / (size.x * size.y));
  let before = vec3<u32>(params.before_x, params.before_y, params.before_z);
  var sum = 0.0;
  for (var tz = 0u; tz < params.kernel_z; tz++) {
    for (var ty = 0u; ty < params.kernel_y; ty++) {
      for (var tx = 0u; tx < params.kernel_x; tx++) {
        // The window in which q is tap t; below zero wraps around to a large number.
        let start = q + before - vec3<u32>(tx, ty, tz);
        let p = start / params.stride;
        if (all(start == p * params.stride) && all(p < windows)) {
          if (is_first(size, id.z, id.y, start - before, q)) {
            sum += dy[place(params.dy_blocks, params.dy_block, params.dy_halo, windows, id.z, id.y, p)];
          }
        }
      }
    }
  }
  dx[place(params.dx_blocks, params.dx_block, params.dx_halo, size, id.z, id.y, q)] = sum;
}
