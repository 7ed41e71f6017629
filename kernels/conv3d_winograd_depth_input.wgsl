// First half of the input transform of full Winograd F(3x3x3, 3x3x3): B^T along z.
//
// x: [batch][channel / 4][z + 2][y + 2][x + 2] of vec4 with a halo of zeros.
// planes: [point][batch][channel / 4][tile][y + 2][x + 2] of vec4, five points per tile of 3 planes.
// One thread: the five points of one column of 4 channels. Workgroup: 64 columns. Grid: (y + 2) * (x + 2) / 64,
// batch * channel blocks, tiles_z.
alias Real = f32;
const RELU_INPUT: bool = false;

struct Params {
  size_z: u32, // voxels, without halo
  area: u32, // (y + 2) * (x + 2)
  tiles_z: u32, // size_z / 3, rounded up
  channel_blocks: u32, // batch * channels / 4
}

@group(0) @binding(0) var<storage, read> x: array<vec4<Real>>;
@group(0) @binding(1) var<storage, read_write> planes: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> params: Params;

fn load(base: u32, z: u32) -> vec4<f32> {
  if (z >= params.size_z + 2u) {
    return vec4<f32>(0.0);
  }
  let value = vec4<f32>(x[base + z * params.area]);
  return select(value, max(value, vec4<f32>(0.0)), RELU_INPUT);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.area) {
    return;
  }
  let base = id.y * (params.size_z + 2u) * params.area + id.x;
  let z = 3u * id.z;
  let a = load(base, z);
  let b = load(base, z + 1u);
  let c = load(base, z + 2u);
  let d = load(base, z + 3u);
  let e = load(base, z + 4u);
  let step = params.channel_blocks * params.tiles_z * params.area;
  let to = (id.y * params.tiles_z + id.z) * params.area + id.x;
  let db = d - b;
  planes[to] = 2.0 * (a - c) + db;
  planes[to + step] = d - c - 2.0 * b;
  planes[to + 2u * step] = d - 3.0 * c + 2.0 * b;
  planes[to + 3u * step] = db;
  planes[to + 4u * step] = e - c - 2.0 * db;
}
