// Where the next object of a flood starts. The State and Config of all kernels in this folder are the same.

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
const PHASE_FLOOD: u32 = 2u; // grows an object
const PHASE_WRITE: u32 = 5u; // accepted, not written
const PHASE_END: u32 = 6u; // no seed left
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
@group(0) @binding(2) var<storage, read_write> segmentation: array<i32>;
@group(0) @binding(3) var<storage, read> blocked: array<u32>; // 2 bits per voxel: no centre, no seed
@group(0) @binding(5) var<storage, read> seeds: array<u32>; // linear positions
@group(0) @binding(7) var<storage, read_write> labels: array<atomic<u32>>; // voxels shared with each label
@group(0) @binding(9) var<storage, read_write> done: array<u32>; // bitmap of predicted cells
@group(0) @binding(15) var<uniform> config: Config;

const UNVISITED: u32 = 0x7fc00000u;

// Accessors of the arrays with a word for every voxel; slabs.ts rewrites their bodies where an array is cut into several buffers.
fn set_map(i: u32, bits: u32) {
  object_map[i] = bits;
}

fn label_at(i: u32) -> i32 {
  return segmentation[i];
}

fn set_label(i: u32, label: i32) {
  segmentation[i] = label;
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

fn canvas_size(s: u32) -> vec3<u32> {
  return vec3<u32>(states[s].size_x, states[s].size_y, states[s].size_z);
}

// Whether a field of view centred here lies inside the canvas.
fn is_inside(p: vec3<u32>, s: u32) -> bool {
  let margin = vec3<u32>(config.image_x, config.image_y, config.image_z) / 2u;
  return all(p >= margin) && all(p + margin < canvas_size(s));
}

// Bit 0: no field of view may be centred here. Bit 1: no object may start here.
fn blocks_of(index: u32, s: u32) -> u32 {
  return (blocked[s * config.blocks + index / 16u] >> (2u * (index % 16u))) & 3u;
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

var<workgroup> due: u32;
var<workgroup> first: atomic<u32>;
var<workgroup> invalid: atomic<u32>;
var<workgroup> next: u32;

// Whether an earlier object lies within the clearance of a seed.
fn is_crowded(p: vec3<u32>, s: u32) -> bool {
  let near = vec3<u32>(config.near_x, config.near_y, config.near_z);
  let lo = max(p, near) - near;
  let hi = min(p + near, canvas_size(s) - 1u);
  for (var z = lo.z; z <= hi.z; z++) {
    for (var y = lo.y; y <= hi.y; y++) {
      for (var x = lo.x; x <= hi.x; x++) {
        if (label_at(s * config.voxels + linear(vec3<u32>(x, y, z), s)) > 0) {
          return true;
        }
      }
    }
  }
  return false;
}

const SEED_INVALID: u32 = 0u; // too close to a face, or inside an earlier object
const SEED_RESTRICTED: u32 = 1u;
const SEED_CROWDED: u32 = 2u;
const SEED_TAKE: u32 = 3u;

fn classify(index: u32, s: u32) -> u32 {
  let p = position(index, s);
  if (!is_inside(p, s) || label_at(s * config.voxels + index) > 0) {
    return SEED_INVALID;
  }
  if (blocks_of(index, s) != 0u) {
    return SEED_RESTRICTED;
  }
  return select(SEED_TAKE, SEED_CROWDED, is_crowded(p, s));
}

// Finds the next seed and begins its object. One workgroup per canvas; 64 seeds at a time. Rejected seeds are marked with
// -1, which no test looks at, so the window is exact.
@compute @workgroup_size(64)
fn seek(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let s = group.z;
  if (lane == 0u) {
    due = u32(states[s].phase == PHASE_SEEK || states[s].phase == PHASE_WRITE);
    next = states[s].next_seed;
  }
  if (workgroupUniformLoad(&due) == 0u) {
    return;
  }
  for (;;) {
    let at = workgroupUniformLoad(&next);
    if (at >= states[s].n_seeds) {
      break;
    }
    if (lane == 0u) {
      atomicStore(&first, 64u);
      atomicStore(&invalid, 0u);
    }
    workgroupBarrier();
    let valid = lane < states[s].n_seeds - at;
    var kind = SEED_RESTRICTED;
    var index = 0u;
    if (valid) {
      index = seeds[s * config.seeds + at + lane];
      kind = classify(index, s);
      if (kind == SEED_TAKE) {
        atomicMin(&first, lane);
      }
    }
    workgroupBarrier();
    let found = atomicLoad(&first);
    if (valid && lane < found) {
      if (kind == SEED_INVALID) {
        atomicAdd(&invalid, 1u);
      }
      if (kind == SEED_CROWDED) {
        set_label(s * config.voxels + index, -1);
      }
    }
    workgroupBarrier();
    if (lane == 0u) {
      states[s].skip_invalid += atomicLoad(&invalid);
      if (found == 64u) {
        next = at + 64u;
      } else {
        states[s].next_seed = at + found + 1u;
        begin(s, seeds[s * config.seeds + at + found]);
        next = 0xffffffffu;
      }
    }
  }
  if (lane == 0u && states[s].phase != PHASE_FLOOD) {
    states[s].next_seed = states[s].n_seeds;
    states[s].phase = PHASE_END;
  }
}

// Begins an object: what the last one left is forgotten by clear.
fn begin(s: u32, start: u32) {
  let e = extent_of(s);
  states[s].clear_lo_z = e.lo.z;
  states[s].clear_lo_y = e.lo.y;
  states[s].clear_lo_x = e.lo.x;
  states[s].clear_hi_z = e.lo.z + e.size.z - 1u;
  states[s].clear_hi_y = e.lo.y + e.size.y - 1u;
  states[s].clear_hi_x = e.lo.x + e.size.x - 1u;
  states[s].clear_tick = states[s].tick;
  states[s].clear_labels = u32(atomicLoad(&states[s].raw) > atomicLoad(&states[s].size));
  let p = position(start, s);
  states[s].start = start;
  states[s].pos = start;
  states[s].lo_z = p.z;
  states[s].lo_y = p.y;
  states[s].lo_x = p.x;
  states[s].hi_z = p.z;
  states[s].hi_y = p.y;
  states[s].hi_x = p.x;
  states[s].head = 0u;
  states[s].tail = 0u;
  states[s].steps = 0u;
  atomicStore(&states[s].raw, 0u);
  atomicStore(&states[s].size, 0u);
  states[s].loops++;
  states[s].phase = PHASE_FLOOD;
  states[s].status = STATUS_RUN;
}

// Forgets the last object and sets the seed voxel of the new one. Grid as count.
@compute @workgroup_size(64)
fn clear(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let s = id.z;
  if (states[s].phase != PHASE_FLOOD || states[s].clear_tick != states[s].tick) {
    return;
  }
  let lo = vec3<u32>(states[s].clear_lo_x, states[s].clear_lo_y, states[s].clear_lo_z);
  let hi = vec3<u32>(states[s].clear_hi_x, states[s].clear_hi_y, states[s].clear_hi_z);
  let e = Extent(lo, hi - lo + 1u);
  let start = states[s].start;
  let stride = 64u * groups.x;
  for (var i = id.x; i < e.size.x * e.size.y * e.size.z; i += stride) {
    let index = voxel(e, i, s);
    set_map(s * config.voxels + index, select(UNVISITED, bitcast<u32>(config.init), index == start));
  }
  if (id.x == 0u) {
    set_map(s * config.voxels + start, bitcast<u32>(config.init));
  }
  for (var i = id.x; i < config.cells; i += stride) {
    done[s * config.cells + i] = 0u;
  }
  if (states[s].clear_labels != 0u) {
    for (var i = id.x; i <= states[s].max_id; i += stride) {
      atomicStore(&labels[s * config.labels + i], 0u);
    }
  }
}
