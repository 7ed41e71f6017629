// From the sums of channel_norm_grad_sums.wgsl, added in order: their means over the voxels of each group, and their sums over
// all groups, which are the gradients of bias and scale.
//
// parts: [group, split, 2, channel]. means: [group, 2, channel]. One thread: one channel. Workgroup: 64. Grid: channels / 64.
struct Params {
  channels: u32,
  groups: u32,
  splits: u32, // of a group
  voxels: u32, // of a group
}

@group(0) @binding(0) var<storage, read> parts: array<f32>;
@group(0) @binding(1) var<storage, read_write> means: array<f32>;
@group(0) @binding(2) var<storage, read_write> dscale: array<f32>;
@group(0) @binding(3) var<storage, read_write> dbias: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.channels) {
    return;
  }
  var all_sums = 0.0;
  var all_products = 0.0;
  for (var g = 0u; g < params.groups; g++) {
    var sum = 0.0;
    var products = 0.0;
    for (var s = 0u; s < params.splits; s++) {
      let at = (g * params.splits + s) * 2u * params.channels + id.x;
      sum += parts[at];
      products += parts[at + params.channels];
    }
    means[2u * g * params.channels + id.x] = sum / f32(params.voxels);
    means[(2u * g + 1u) * params.channels + id.x] = products / f32(params.voxels);
    all_sums += sum;
    all_products += products;
  }
  dbias[id.x] = all_sums;
  dscale[id.x] = all_products;
}
