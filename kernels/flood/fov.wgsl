// One field of view of a flood: copied out of the canvas for the network, looked at, and written back. The State and Config of
// all kernels in this folder are the same. Grid: voxels / 64, 1, canvases; workgroup: 64.

// What the host reads and writes of one canvas. 48 words.
struct State {
  phase: u32, // see PHASE_
  status: u32, // see STATUS_
  head: u32, // of the queue; ever growing, entry v stands at v mod queue_cap
  tail: u32,
  steps: u32, // predicted for the object in progress
  pos: u32, // linear voxel index of the field of view to predict
  start: u32, // seed voxel of the object
  tick: u32, // encoded steps seen, whatever they did
  size_z: u32, // of the canvas
  size_y: u32,
  size_x: u32,
  lo_z: u32, // box of the positions of the object
  lo_y: u32,
  lo_x: u32,
  hi_z: u32,
  hi_y: u32,
  hi_x: u32,
  clear_lo_z: u32, // voxels of the object map to forget, both ends inclusive
  clear_lo_y: u32,
  clear_lo_x: u32,
  clear_hi_z: u32,
  clear_hi_y: u32,
  clear_hi_x: u32,
  clear_tick: u32, // the step that begins a new object
  clear_labels: u32, // 1 when the histogram of labels has entries
  hold: u32, // 1: stop when the object is complete, do not accept it
  over: atomic<u32>, // logits of the prediction that reach the move threshold
  bad: atomic<u32>, // 1 when a logit is not finite
  deleted: atomic<u32>, // voxels that the prediction deleted
  raw: atomic<u32>, // voxels of the object, earlier objects included
  size: atomic<u32>, // voxels of the object that are free
  n_overlaps: atomic<u32>,
  skip_threshold: u32,
  skip_invalid: u32,
  skip_restricted: u32,
  too_weak: u32,
  next_seed: u32,
  n_seeds: u32,
  max_id: u32,
  n_objects: u32,
  object_id: u32,
  total_steps: u32,
  loops: u32, // objects begun
  steps_weak: u32, // total_steps by outcome of the object: its seed became weak, ...
  steps_small: u32, // ... it was too small, ...
  steps_valid: u32, // ... it was accepted
  queue_max: u32, // most entries that waited at once
  voxels_segmented: u32,
}

const PHASE_FLOOD: u32 = 2u; // grows an object
const STATUS_RUN: u32 = 1u; // pos is to be predicted

// The same for all canvases of a flood.
struct Config {
  quantiles: array<vec4<f32>, 64>, // 255 logits: the least that reaches each byte of probability, then +infinity
  image_z: u32, // sizes of the network's windows
  image_y: u32,
  image_x: u32,
  seed_z: u32,
  seed_y: u32,
  seed_x: u32,
  pred_z: u32,
  pred_y: u32,
  pred_x: u32,
  delta_z: u32,
  delta_y: u32,
  delta_x: u32,
  near_z: u32, // clearance of seeds from earlier objects
  near_y: u32,
  near_x: u32,
  voxels: u32, // words per canvas of each buffer
  probs: u32,
  blocks: u32,
  queue_cap: u32,
  cells: u32, // words of 32 cells
  seeds: u32,
  labels: u32,
  overlaps: u32, // entries of 4 words
  traces: u32, // entries of 4 words
  init: f32, // logits
  pad: f32,
  moves: f32, // where a field of view may be centred
  segment: f32,
  score: f32,
  disco_cut: u32,
  min_size: u32,
  count_deleted: u32,
}

@group(0) @binding(0) var<storage, read_write> states: array<State>;
@group(0) @binding(1) var<storage, read_write> object_map: array<u32>; // bits of f32 logits; UNVISITED where never predicted
@group(0) @binding(4) var<storage, read> image: array<f32>;
@group(0) @binding(5) var<storage, read_write> fov_image: array<f32>; // input of the network, [slot][z][y][x]
@group(0) @binding(6) var<storage, read_write> fov_seed: array<f32>;
@group(0) @binding(7) var<storage, read_write> logits: array<f32>; // output of the network
@group(0) @binding(15) var<uniform> config: Config;

// Accessors of the arrays with a word for every voxel; slabs.ts rewrites their bodies where an array is cut into several buffers.
fn image_at(i: u32) -> f32 {
  return image[i];
}

fn map_at(i: u32) -> u32 {
  return object_map[i];
}

fn set_map(i: u32, bits: u32) {
  object_map[i] = bits;
}

// NaN cannot be tested by arithmetic: compilers may assume that there is none.
fn is_visited(bits: u32) -> bool {
  return (bits & 0x7fffffffu) <= 0x7f800000u;
}

// Position zyx as (x, y, z) of a linear voxel index.
fn position(index: u32, s: u32) -> vec3<u32> {
  let nx = states[s].size_x;
  let ny = states[s].size_y;
  return vec3<u32>(index % nx, (index / nx) % ny, index / (nx * ny));
}

fn linear(p: vec3<u32>, s: u32) -> u32 {
  return (p.z * states[s].size_y + p.y) * states[s].size_x + p.x;
}

fn runs(s: u32) -> bool {
  return states[s].phase == PHASE_FLOOD && states[s].status == STATUS_RUN;
}

// Place inside the canvas of voxel i of a window of `size` (x, y, z) whose lower corner is `corner`.
fn window(i: u32, size: vec3<u32>, corner: vec3<u32>, s: u32) -> u32 {
  let p = vec3<u32>(i % size.x, (i / size.x) % size.y, i / (size.x * size.y));
  return linear(corner + p, s);
}

fn image_size() -> vec3<u32> {
  return vec3<u32>(config.image_x, config.image_y, config.image_z);
}

fn seed_size() -> vec3<u32> {
  return vec3<u32>(config.seed_x, config.seed_y, config.seed_z);
}

fn pred_size() -> vec3<u32> {
  return vec3<u32>(config.pred_x, config.pred_y, config.pred_z);
}

// Copies image and object map around the position into the inputs of the network.
@compute @workgroup_size(64)
fn gather(@builtin(global_invocation_id) id: vec3<u32>) {
  let s = id.z;
  if (!runs(s)) {
    return;
  }
  let p = position(states[s].pos, s);
  let voxels = image_size().x * image_size().y * image_size().z;
  if (id.x < voxels) {
    fov_image[s * voxels + id.x] =
      image_at(s * config.voxels + window(id.x, image_size(), p - image_size() / 2u, s));
  }
  let seeds = seed_size().x * seed_size().y * seed_size().z;
  if (id.x < seeds) {
    let bits = map_at(s * config.voxels + window(id.x, seed_size(), p - seed_size() / 2u, s));
    fov_seed[s * seeds + id.x] = select(config.pad, bitcast<f32>(bits), is_visited(bits));
  }
}

var<workgroup> group_over: atomic<u32>;

// Counts logits that reach the move threshold, and looks for those that are not finite.
@compute @workgroup_size(64)
fn inspect(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let s = id.z;
  let voxels = pred_size().x * pred_size().y * pred_size().z;
  if (id.x < voxels && runs(s)) {
    let value = logits[s * voxels + id.x];
    if ((bitcast<u32>(value) & 0x7f800000u) == 0x7f800000u) {
      atomicStore(&states[s].bad, 1u);
    } else if (value >= config.moves) {
      atomicAdd(&group_over, 1u);
    }
  }
  workgroupBarrier();
  if (lane == 0u) {
    atomicAdd(&states[s].over, atomicLoad(&group_over));
  }
}

// Writes the prediction into the object map; keeps voxels below 0 from rising where enough of it is above the threshold.
@compute @workgroup_size(64)
fn scatter(@builtin(global_invocation_id) id: vec3<u32>) {
  let s = id.z;
  let size = pred_size();
  let voxels = size.x * size.y * size.z;
  if (!runs(s) || id.x >= voxels || atomicLoad(&states[s].bad) != 0u) {
    return;
  }
  let corner = position(states[s].pos, s) - seed_size() / 2u + (seed_size() - size) / 2u;
  let at = s * config.voxels + window(id.x, size, corner, s);
  let bits = map_at(at);
  let old = bitcast<f32>(bits);
  let value = logits[s * voxels + id.x];
  if (config.count_deleted != 0u && is_visited(bits) && old >= PRESENT && value < 0.0) {
    atomicAdd(&states[s].deleted, 1u);
  }
  if (atomicLoad(&states[s].over) >= config.disco_cut && is_visited(bits) && old < 0.0 && value > old) {
    logits[s * voxels + id.x] = old;
  } else {
    set_map(at, bitcast<u32>(value));
  }
}

// logit(0.8): a voxel this probable that falls below 0.5 counts as deleted.
const PRESENT: f32 = 1.3862943649291992;
