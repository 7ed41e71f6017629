// y = f(a, b), element by element. FUNCTION: 0 add, 1 subtract, 2 multiply, 3 b where a > 0,
// 4 b * a * (1 - a), 5 b where a > 0, else 0.2 b, 6 b * (1 - a * a); from 3 on they are the gradients of relu, sigmoid, leaky
// relu and tanh by their results.
//
// Element (b, c, p) stands at ((b * blocks + c / block) * volume + (p.z + halo) * plane + (p.y + halo) * row + p.x + halo) * block
// + c % block. One thread: one voxel and channel. Workgroup: 64 voxels. Grid: voxels / 64, channels, batch.
alias RealA = f32;
alias RealB = f32;
alias RealY = f32;
const FUNCTION: u32 = 0u;

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
  y_blocks: u32, // layout of y
  y_block: u32,
  y_halo: u32,
}

@group(0) @binding(0) var<storage, read> a: array<RealA>;
@group(0) @binding(1) var<storage, read> b: array<RealB>;
@group(0) @binding(2) var<storage, read_write> y: array<RealY>;
@group(0) @binding(3) var<uniform> params: Params;

fn place(blocks: u32, block: u32, halo: u32, batch: u32, c: u32, p: vec3<u32>) -> u32 {
  let row = params.size_x + 2u * halo;
  let plane = row * (params.size_y + 2u * halo);
  let volume = plane * (params.size_z + 2u * halo);
  let voxel = (p.z + halo) * plane + (p.y + halo) * row + p.x + halo;
  return ((batch * blocks + c / block) * volume + voxel) * block + c % block;
}

fn apply(left: f32, right: f32) -> f32 {
  switch FUNCTION {
    case 0u: { return left + right; }
    case 1u: { return left - right; }
    case 2u: { return left * right; }
    case 3u: { return select(0.0, right, left > 0.0); }
    case 4u: { return right * left * (1.0 - left); }
    case 5u: { return select(0.2 * right, right, left > 0.0); }
    default: { return right * (1.0 - left * left); }
  }
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
  let left = f32(a[place(params.a_blocks, params.a_block, params.a_halo, id.z, id.y, p)]);
  let right = f32(b[place(params.b_blocks, params.b_block, params.b_halo, id.z, id.y, p)]);
  y[place(params.y_blocks, params.y_block, params.y_halo, id.z, id.y, p)] = RealY(apply(left, right));
}
