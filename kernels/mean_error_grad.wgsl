// da = factor * sign(a - b), or (SQUARED) factor * (a - b), element by element.
//
// Element (b, c, p) stands at ((b * blocks + c / block) * volume + (p.z + halo) * plane + (p.y + halo) * row + p.x + halo) * block
// + c % block. One thread: one voxel and channel. Workgroup: 64 voxels. Grid: voxels / 64, channels, batch.
const SQUARED: bool = false;

struct Params {
  size_z: u32, // voxels, without halo
  size_y: u32,
  size_x: u32,
  a_blocks: u32, // layout of a
  a_block: u32,
  a_halo: u32,
  b_blocks: u32, // layout of b
  b_block: u32,
  b_halo: u32,
  da_blocks: u32, // layout of da
  da_block: u32,
  da_halo: u32,
  factor: f32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> da: array<f32>;
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
  let difference = a[place(params.a_blocks, params.a_block, params.a_halo, id.z, id.y, p)] - b[place(params.b_blocks, params.b_block, params.b_halo, id.z, id.y, p)];
  let slope = select(sign(difference), difference, SQUARED);
  da[place(params.da_blocks, params.da_block, params.da_halo, id.z, id.y, p)] = params.factor * slope;
}
