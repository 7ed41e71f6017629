// What becomes of a complete object: measured, accepted or rejected, written. The State and Config of all kernels in this folder
// are the same.

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

const PHASE_SEEK: u32 = 1u; // wants the next seed
const PHASE_COUNT: u32 = 3u; // object complete, not measured
const PHASE_COUNTED: u32 = 4u; // measured, not decided
const PHASE_WRITE: u32 = 5u; // accepted, not written
const STATUS_DRAIN: u32 = 6u; // the list of overlaps may not hold those of the object

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
@group(0) @binding(2) var<storage, read_write> segmentation: array<i32>;
@group(0) @binding(4) var<storage, read_write> probs: array<atomic<u32>>; // bytes
@group(0) @binding(6) var<storage, read_write> objects: array<u32>; // 8 words: id, start, steps, size, raw
@group(0) @binding(7) var<storage, read_write> labels: array<atomic<u32>>; // voxels shared with each label
@group(0) @binding(8) var<storage, read_write> overlaps: array<vec4<u32>>; // object, label, voxels
@group(0) @binding(15) var<uniform> config: Config;

// Accessors of the arrays with a word for every voxel; slabs.ts rewrites their bodies where an array is cut into several buffers.
fn map_at(i: u32) -> u32 {
  return object_map[i];
}

fn label_at(i: u32) -> i32 {
  return segmentation[i];
}

fn set_label(i: u32, label: i32) {
  segmentation[i] = label;
}

// NaN cannot be tested by arithmetic: compilers may assume that there is none.
fn is_visited(bits: u32) -> bool {
  return (bits & 0x7fffffffu) <= 0x7f800000u;
}

fn linear(p: vec3<u32>, s: u32) -> u32 {
  return (p.z * states[s].size_y + p.y) * states[s].size_x + p.x;
}

fn canvas_size(s: u32) -> vec3<u32> {
  return vec3<u32>(states[s].size_x, states[s].size_y, states[s].size_z);
}

// The voxels that the object in progress can have touched.
struct Extent {
  lo: vec3<u32>,
  size: vec3<u32>,
}

fn extent_of(s: u32) -> Extent {
  let half = vec3<u32>(config.pred_x, config.pred_y, config.pred_z) / 2u;
  let lo = vec3<u32>(states[s].lo_x, states[s].lo_y, states[s].lo_z);
  let hi = vec3<u32>(states[s].hi_x, states[s].hi_y, states[s].hi_z);
  let low = max(lo, half) - half;
  return Extent(low, min(hi + half, canvas_size(s) - 1u) - low + 1u);
}

fn voxel(e: Extent, i: u32, s: u32) -> u32 {
  return linear(e.lo + vec3<u32>(i % e.size.x, (i / e.size.x) % e.size.y, i / (e.size.x * e.size.y)), s);
}

// Whether a voxel belongs to the object in progress.
fn belongs(index: u32, s: u32) -> bool {
  let bits = map_at(s * config.voxels + index);
  return is_visited(bits) && bitcast<f32>(bits) >= config.segment;
}

// Measures a complete object. Grid: any number of workgroups per canvas, which share its box.
@compute @workgroup_size(64)
fn count(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let s = id.z;
  if (states[s].phase != PHASE_COUNT) {
    return;
  }
  let e = extent_of(s);
  var raw = 0u;
  var size = 0u;
  for (var i = id.x; i < e.size.x * e.size.y * e.size.z; i += 64u * groups.x) {
    let index = voxel(e, i, s);
    if (belongs(index, s)) {
      raw++;
      let label = label_at(s * config.voxels + index);
      if (label > 0) {
        atomicAdd(&labels[s * config.labels + u32(label)], 1u);
      } else {
        size++;
      }
    }
  }
  if (raw > 0u) {
    atomicAdd(&states[s].raw, raw);
    atomicAdd(&states[s].size, size);
  }
}

fn reject(s: u32) {
  let at = s * config.voxels + states[s].start;
  if (label_at(at) == 0) {
    set_label(at, -1);
  }
  states[s].phase = PHASE_SEEK;
}

// Accepts or rejects a measured object. One lane per canvas.
@compute @workgroup_size(1)
fn decide(@builtin(workgroup_id) group: vec3<u32>) {
  let s = group.z;
  if (states[s].phase != PHASE_COUNT && states[s].phase != PHASE_COUNTED) {
    return;
  }
  let raw = atomicLoad(&states[s].raw);
  let size = atomicLoad(&states[s].size);
  let steps = states[s].steps;
  let bits = map_at(s * config.voxels + states[s].start);
  if (steps == 0u) {
    states[s].phase = PHASE_SEEK;
  } else if (is_visited(bits) && bitcast<f32>(bits) < config.moves) {
    states[s].steps_weak += steps;
    reject(s);
  } else if (size < config.min_size) {
    states[s].steps_small += steps;
    reject(s);
  } else if (raw > size && config.overlaps - atomicLoad(&states[s].n_overlaps) < states[s].max_id) {
    states[s].phase = PHASE_COUNTED;
    states[s].status = STATUS_DRAIN;
  } else {
    states[s].max_id++;
    states[s].object_id = states[s].max_id;
    states[s].steps_valid += steps;
    states[s].voxels_segmented += size;
    let at = 8u * (s * config.seeds + states[s].n_objects);
    objects[at] = states[s].object_id;
    objects[at + 1u] = states[s].start;
    objects[at + 2u] = steps;
    objects[at + 3u] = size;
    objects[at + 4u] = raw;
    states[s].n_objects++;
    states[s].phase = PHASE_WRITE;
  }
}

// Byte of the probability of a logit: how many of the quantiles it reaches.
fn quantise(value: f32) -> u32 {
  var q = 0u;
  for (var step = 128u; step > 0u; step /= 2u) {
    let i = q + step - 1u;
    if (value >= config.quantiles[i / 4u][i % 4u]) {
      q += step;
    }
  }
  return q;
}

// Writes an accepted object. Grid as count.
@compute @workgroup_size(64)
fn write(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let s = id.z;
  if (states[s].phase != PHASE_WRITE) {
    return;
  }
  let e = extent_of(s);
  let object = states[s].object_id;
  for (var i = id.x; i < e.size.x * e.size.y * e.size.z; i += 64u * groups.x) {
    let index = voxel(e, i, s);
    let at = s * config.voxels + index;
    if (belongs(index, s) && label_at(at) <= 0) {
      set_label(at, i32(object));
      let q = quantise(bitcast<f32>(map_at(at)));
      atomicOr(&probs[s * config.probs + index / 4u], q << (8u * (index % 4u)));
    }
  }
  if (atomicLoad(&states[s].raw) > atomicLoad(&states[s].size)) {
    for (var label = id.x; label < object; label += 64u * groups.x) {
      let covered = atomicLoad(&labels[s * config.labels + label]);
      if (covered > 0u) {
        let to = atomicAdd(&states[s].n_overlaps, 1u);
        overlaps[s * config.overlaps + to] = vec4<u32>(object, label, covered, 0u);
      }
    }
  }
}
