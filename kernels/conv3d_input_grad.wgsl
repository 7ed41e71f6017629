// Gradient of the input of a convolution of any kernel extent, stride and padding, and any number of channels:
//
//   dx[b, p, i] = sum over taps t, channels o of dy[b, (p - t + before) / stride, o] * w[t, i, o], where that is a voxel
//
// dy and dx are addressed through their layouts: element (b, c, p) stands at
// ((b * blocks + c / block) * volume + (p.z + halo) * plane + (p.y + halo) * row + p.x + halo) * block + c % block.
// w: [tap zyx][i][o]. One thread: one voxel and channel. Workgroup: 64 voxels. Grid: voxels / 64, i, batch.
struct Params {
  dx_size_z: u32, // voxels of dx, without halo
  dx_size_y: u32,
  dx_size_x: u32,
  dy_size_z: u32, // voxels of dy, without halo
  dy_size_y: u32,
  dy_size_x: u32,
  kernel_z: u32,
  kernel_y: u32,
  kernel_x: u32,
  ci: u32, // channels of dx
  co: u32, // channels of dy
  stride: u32,
  before_z: u32, // padding before the first voxel
  before_y: u32,
  before_x: u32,
  dy_blocks: u32, // layout of dy
  dy_block: u32,
  dy_halo: u32,
  dx_blocks: u32, // layout of dx
  dx_block: u32,
  dx_halo: u32,
}

@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> w: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
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
  let size = vec3<u32>(params.dx_size_x, params.dx_size_y, params.dx_size_z);
  let extent = vec3<u32>(params.dy_size_x, params.dy_size_y, params.dy_size_z);
  if (id.x >= size.x * size.y * size.z) {
    return;
  }
  let p = vec3<u32>(id.x % size.x, (id.x / size.x) % size.y, id.x / (size.x * size.y));
  let before = vec3<u32>(params.before_x, params.before_y, params.before_z);
  var sum = 0.0;
  for (var tz = 0u; tz < params.kernel_z; tz++) {
    for (var ty = 0u; ty < params.kernel_y; ty++) {
      for (var tx = 0u; tx < params.kernel_x; tx++) {
        // Below zero wraps around to a large number, so one comparison per axis covers both ends.
        let start = p + before - vec3<u32>(tx, ty, tz);
        let q = start / params.stride;
        if (all(q * params.stride == start) && all(q < extent)) {
          let tap = (tz * params.kernel_y + ty) * params.kernel_x + tx;
          // Block by block: a division per channel would cost more than the sum.
          for (var first = 0u; first < params.co; first += params.dy_block) {
            let at = place(params.dy_blocks, params.dy_block, params.dy_halo, extent, id.z, first, q);
            let weight = (tap * params.ci + id.y) * params.co + first;
            for (var o = 0u; o < min(params.dy_block, params.co - first); o++) {
              sum += dy[at + o] * w[weight + o];
            }
          }
        }
      }
    }
  }
  dx[place(params.dx_blocks, params.dx_block, params.dx_halo, size, id.z, id.y, p)] = sum;
}
