// An activation moved in a box of another size, with an optional epilogue:
//
//   y[b, p, c] = act(x[b, p + offset, c] + added[b, p, c]), where x is 0 outside
//
// Element (b, c, p) stands at ((b * blocks + c / block) * volume + (p.z + halo) * plane + (p.y + halo) * row + p.x + halo) * block
// + c % block. Halo and padding of y become 0.
// One thread: one voxel of y, halo included, and channel. Workgroup: 64 voxels. Grid: voxels / 64, blocks * block of y, batch.
alias RealX = f32;
alias RealA = f32;
alias RealY = f32;
const ADD: bool = false;
const RELU_OUTPUT: bool = false;

struct Params {
  y_size_z: u32, // voxels of y, without halo
  y_size_y: u32,
  y_size_x: u32,
  x_size_z: u32, // voxels of x, without halo
  x_size_y: u32,
  x_size_x: u32,
  channels: u32,
  offset: i32, // along every axis
  x_blocks: u32, // layout of x
  x_block: u32,
  x_halo: u32,
  a_blocks: u32, // layout of what is added
  a_block: u32,
  a_halo: u32,
  y_blocks: u32, // layout of y
  y_block: u32,
  y_halo: u32,
}

@group(0) @binding(0) var<storage, read> x: array<RealX>;
@group(0) @binding(1) var<storage, read> added: array<RealA>;
@group(0) @binding(2) var<storage, read_write> y: array<RealY>;
@group(0) @binding(3) var<uniform> params: Params;

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
  let box = size + 2u * params.y_halo;
  if (id.x >= box.x * box.y * box.z) {
    return;
  }
  // Below zero wraps around to a large number, so one comparison per axis covers both ends.
  let p = vec3<u32>(id.x % box.x, (id.x / box.x) % box.y, id.x / (box.x * box.y)) - params.y_halo;
  let q = p + bitcast<u32>(params.offset);
  var value = 0.0;
  if (all(p < size) && id.y < params.channels) {
    if (all(q < extent)) {
      value = f32(x[place(params.x_blocks, params.x_block, params.x_halo, extent, id.z, id.y, q)]);
    }
    if (ADD) {
      value += f32(added[place(params.a_blocks, params.a_block, params.a_halo, size, id.z, id.y, p)]);
    }
    if (RELU_OUTPUT) {
      value = max(value, 0.0);
    }
  }
  y[place(params.y_blocks, params.y_block, params.y_halo, size, id.z, id.y, p)] = RealY(value);
}
