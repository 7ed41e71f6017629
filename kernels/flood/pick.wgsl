// Which queued position a flood predicts next. The State and Config of all kernels in this folder are the same.
// Grid: 1, 1, canvases.

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
const PHASE_COUNT: u32 = 3u; // object complete, not measured
const PHASE_HOLD: u32 = 7u; // object complete and to be left as it is
const STATUS_WANT: u32 = 0u; // the next position is to be picked
const STATUS_RUN: u32 = 1u; // pos is to be predicted
const STATUS_EMPTY: u32 = 2u; // nothing left in the queue
const STATUS_WEAK: u32 = 3u; // the seed voxel fell below the move threshold
const STATUS_FULL: u32 = 4u; // pos is set, the ring has no room for six more

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
@group(0) @binding(8) var<storage, read_write> queue: array<u32>; // linear positions
@group(0) @binding(9) var<storage, read_write> done: array<u32>; // bitmap of predicted cells
@group(0) @binding(15) var<uniform> config: Config;

// Accessors of the arrays with a word for every voxel; slabs.ts rewrites their bodies where an array is cut into several buffers.
fn map_at(i: u32) -> u32 {
  return object_map[i];
}

fn label_at(i: u32) -> i32 {
  return segmentation[i];
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

var<workgroup> best: array<atomic<u32>, 6>;
var<workgroup> place: array<atomic<u32>, 6>;
var<workgroup> due: u32;

// Bit of the grid cell of a position; cells are numbered from the one that holds the corner of the canvas.
fn cell(p: vec3<u32>, s: u32) -> u32 {
  let delta = vec3<u32>(config.delta_x, config.delta_y, config.delta_z);
  let edge = max(delta, vec3<u32>(1u));
  let start = position(states[s].start, s);
  let shift = (start + edge - 1u) / edge * edge;
  let q = (p + shift + delta / 2u - start) / edge;
  let most = (canvas_size(s) - 1u + shift + delta / 2u - start) / edge + 1u;
  return (q.z * most.y + q.y) * most.x + q.x;
}

// What a queued position is; tested in this order.
const SEEN: u32 = 0u; // its cell was predicted
const BELOW: u32 = 1u; // visited and below the move threshold
const INVALID: u32 = 2u; // too close to a face, or inside an earlier object
const RESTRICTED: u32 = 3u;
const TAKE: u32 = 4u;

fn classify(index: u32, s: u32) -> u32 {
  let p = position(index, s);
  let bit = cell(p, s);
  if ((done[s * config.cells + bit / 32u] & (1u << (bit % 32u))) != 0u) {
    return SEEN;
  }
  let bits = map_at(s * config.voxels + index);
  if (is_visited(bits) && bitcast<f32>(bits) < config.moves) {
    return BELOW;
  }
  if (!is_inside(p, s) || label_at(s * config.voxels + index) > 0) {
    return INVALID;
  }
  return select(TAKE, RESTRICTED, (blocks_of(index, s) & 1u) != 0u);
}

var<workgroup> first: atomic<u32>;
var<workgroup> counts: array<atomic<u32>, 4>;
var<workgroup> range: vec2<u32>; // head and tail of the queue; equal when the search is over

// Takes the next valid position from the queue. One workgroup per canvas; 64 entries at a time, nothing they are tested
// against changes meanwhile.
@compute @workgroup_size(64)
fn pick(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let s = group.z;
  if (lane == 0u) {
    due = u32(states[s].phase == PHASE_FLOOD && states[s].status == STATUS_WANT);
    range = vec2<u32>(states[s].head, states[s].tail);
    let bits = map_at(s * config.voxels + states[s].start);
    if (is_visited(bits) && bitcast<f32>(bits) < config.moves) {
      due *= 2u;
    }
  }
  let mode = workgroupUniformLoad(&due);
  if (mode == 0u) {
    return;
  }
  // With a weak seed a restricted position ends the object as well as a free one.
  let enough = select(TAKE, RESTRICTED, mode == 2u);
  for (;;) {
    let ends = workgroupUniformLoad(&range);
    if (ends.x == ends.y) {
      break;
    }
    if (lane < 4u) {
      atomicStore(&counts[lane], 0u);
    }
    if (lane == 0u) {
      atomicStore(&first, 64u);
    }
    workgroupBarrier();
    let mine = ends.x + lane;
    let valid = lane < ends.y - ends.x;
    var kind = SEEN;
    var index = 0u;
    if (valid) {
      index = queue[s * config.queue_cap + mine % config.queue_cap];
      kind = classify(index, s);
      if (kind >= enough) {
        atomicMin(&first, lane);
      }
    }
    workgroupBarrier();
    let found = atomicLoad(&first);
    if (valid && lane < found && kind < TAKE) {
      atomicAdd(&counts[kind], 1u);
    }
    workgroupBarrier();
    if (lane == 0u) {
      states[s].skip_threshold += atomicLoad(&counts[BELOW]);
      states[s].skip_invalid += atomicLoad(&counts[INVALID]);
      states[s].skip_restricted += atomicLoad(&counts[RESTRICTED]);
      if (found == 64u) {
        range = vec2<u32>(min(ends.x + 64u, ends.y), ends.y);
        states[s].head = range.x;
        if (range.x == ends.y) {
          finish(s, STATUS_EMPTY);
        }
      } else {
        states[s].head = ends.x + found + 1u;
        range = vec2<u32>(0u, 0u);
        if (mode == 2u) {
          states[s].too_weak++;
          finish(s, STATUS_WEAK);
        } else {
          states[s].pos = queue[s * config.queue_cap + (ends.x + found) % config.queue_cap];
          let waiting = ends.y - states[s].head;
          states[s].status = select(STATUS_RUN, STATUS_FULL, waiting + 6u > config.queue_cap);
        }
      }
    }
  }
  if (lane == 0u && states[s].status == STATUS_WANT) {
    finish(s, STATUS_EMPTY);
  }
}

fn finish(s: u32, status: u32) {
  states[s].status = status;
  states[s].phase = select(PHASE_COUNT, PHASE_HOLD, states[s].hold != 0u);
}
