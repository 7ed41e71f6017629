// Gradient of the loss of a training step by its logits:
//
//   dlogits = scale * weight * (sigmoid(l) - t)
//
// for a logit l and a soft label t. All arrays have one layout, and weights are 0 wherever it pads.
// One thread: one element. Workgroup: 64. Grid: elements / 64.
struct Params {
  elements: u32, // padding included
  scale: f32, // 1 / elements, padding not included
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> dlogits: array<f32>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.elements) {
    return;
  }
  let l = logits[id.x];
  // The exponent is never positive: e^-l overflows for the logits of a network that is very sure.
  let e = exp(-abs(l));
  let prob = select(e, 1.0, l >= 0.0) / (1.0 + e);
  dlogits[id.x] = params.scale * weights[id.x] * (prob - labels[id.x]);
}
