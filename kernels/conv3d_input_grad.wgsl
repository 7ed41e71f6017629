// Gradient of the input of a convolution of any kernel extent and any number of channels:
//
//   dx[b, p, i] = sum over taps t, channels o of dy[b, p - t + before, o] * w[t, i, o]
//
// dy and dx are addressed through their layouts: element (b, c, p) stands at
// ((b * blocks + c / block) * volume + (p.z + halo) * plane + (p.y + halo) * row + p.x + halo) * block + c % block.
// w: [tap zyx][i][o]. One thread: one voxel and channel. Workgroup: 64 voxels. Grid: voxels / 64, i, batch.
struct Params {
  size_z: u32, // voxels, without halo
  size_y: u32,
  size_x: u32,
  kernel_z: u32,
  kernel_y: u32,
  kernel_x: u32,
  ci: u32, // channels of dx
  co: u32, // channels of dy
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

fn place(blocks: u32, block: u32, halo: u32, b: u32, c: u32, p: vec3<u32>) -> u32 {
  let row = params.size_x + 2u * halo;
  let plane = row * (params.size_y + 2u * halo);
  let volume = plane * (params.size_z + 2u * halo);
  let voxel = (p.z + halo) * plane + (p.y + halo) * row + p.x + halo;
  return ((b * blocks + c / block) * volume + voxel) * block + c % block;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.size_z * params.size_y * params.size_x) {
    return;
  }
  let p = vec3<u32>(
    id.x % params.size_x,
    (id.x / params.size_x) % params.size_y,
    id.x / (params.size_x * params.size_y),
  );
  let before = vec3<u32>((params.kernel_x - 1u) / 2u, (params.kernel_y - 1u) / 2u, (params.kernel_z - 1u) / 2u);
  var sum = 0.0;
  for (var tz = 0u; tz < params.kernel_z; tz++) {
    for (var ty = 0u; ty < params.kernel_y; ty++) {
      for (var tx = 0u; tx < params.kernel_x; tx++) {
        // Below zero wraps around to a large number, so one comparison per axis covers both ends.
        let q = p + before - vec3<u32>(tx, ty, tz);
        if (q.x < params.size_x && q.y < params.size_y && q.z < params.size_z) {
          let tap = (tz * params.kernel_y + ty) * params.kernel_x + tx;
          for (var o = 0u; o < params.co; o++) {
            let value = dy[place(params.dy_blocks, params.dy_block, params.dy_halo, id.z, o, q)];
            sum += value * w[(tap * params.ci + id.y) * params.co + o];
          }
        }
      }
    }
  }
  dx[place(params.dx_blocks, params.dx_block, params.dx_halo, id.z, id.y, p)] = sum;
}
