// The loss of a training step, in parts:
//
//   parts[s] = scale * sum over the elements of split s of weight * (max(l, 0) - l * t + log(1 + e^-|l|))
//
// for a logit l and a soft label t; sum_parts.wgsl adds the splits up. The three arrays have one layout, and weights are 0
// wherever it pads. One workgroup: 64 threads that share a split. Grid: splits.
struct Params {
  elements: u32, // padding included
  split_elements: u32, // of a split; the last one may have fewer
  scale: f32, // 1 / elements, padding not included
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> parts: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let begin = group.x * params.split_elements;
  let end = min(begin + params.split_elements, params.elements);
  var sum = 0.0;
  for (var at = begin + lane; at < end; at += 64u) {
    let l = logits[at];
    sum += weights[at] * (max(l, 0.0) - l * labels[at] + log(1.0 + exp(-abs(l))));
  }
  sums[lane] = sum;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      sums[lane] += sums[lane + half];
    }
  }
  if (lane == 0u) {
    parts[group.x] = params.scale * sums[0];
  }
}
