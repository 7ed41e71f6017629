// Where a flood goes after a prediction: FaceMaxMovementPolicy. The State and Config of all kernels in this folder are the same.
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
const STATUS_WANT: u32 = 0u; // the next position is to be picked
const STATUS_RUN: u32 = 1u; // pos is to be predicted
const STATUS_BAD: u32 = 5u; // a logit was not finite

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
@group(0) @binding(7) var<storage, read_write> logits: array<f32>; // output of the network
@group(0) @binding(8) var<storage, read_write> queue: array<u32>; // linear positions
@group(0) @binding(9) var<storage, read_write> done: array<u32>; // bitmap of predicted cells
@group(0) @binding(10) var<storage, read_write> traces: array<vec4<u32>>; // position, step of its object, deleted, start
@group(0) @binding(15) var<uniform> config: Config;

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

fn runs(s: u32) -> bool {
  return states[s].phase == PHASE_FLOOD && states[s].status == STATUS_RUN;
}

fn pred_size() -> vec3<u32> {
  return vec3<u32>(config.pred_x, config.pred_y, config.pred_z);
}

var<workgroup> best: array<atomic<u32>, 6>;
var<workgroup> place: array<atomic<u32>, 6>;
var<workgroup> due: u32;

// A u32 in the order of f32 values; -0 equals +0.
fn key(value: f32) -> u32 {
  var bits = bitcast<u32>(value);
  if (bits == 0x80000000u) {
    bits = 0u;
  }
  return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}

// Extents of the two axes that span a face, the outer one first.
fn face_extent(axis: u32, delta: vec3<u32>) -> vec2<u32> {
  switch axis {
    case 0u: { return vec2<u32>(delta.y, delta.x); }
    case 1u: { return vec2<u32>(delta.z, delta.x); }
    default: { return vec2<u32>(delta.z, delta.y); }
  }
}

// Offset (x, y, z) from the centre of voxel k (C order) of a face: 0 z-, 1 z+, 2 y-, 3 y+, 4 x-, 5 x+.
fn face_offset(face: u32, k: u32, delta: vec3<u32>) -> vec3<i32> {
  let extent = face_extent(face / 2u, delta);
  let outer = i32(k / (2u * extent.y + 1u)) - i32(extent.x);
  let inner = i32(k % (2u * extent.y + 1u)) - i32(extent.y);
  let side = select(-1, 1, face % 2u == 1u);
  switch face / 2u {
    case 0u: { return vec3<i32>(inner, outer, side * i32(delta.z)); }
    case 1u: { return vec3<i32>(inner, side * i32(delta.y), outer); }
    default: { return vec3<i32>(side * i32(delta.x), inner, outer); }
  }
}

fn face_delta(face: u32, delta: vec3<u32>) -> u32 {
  switch face / 2u {
    case 0u: { return delta.z; }
    case 1u: { return delta.y; }
    default: { return delta.x; }
  }
}

fn logit_at(offset: vec3<i32>, s: u32) -> f32 {
  let size = pred_size();
  let p = vec3<u32>(vec3<i32>(size / 2u) + offset);
  return logits[s * size.x * size.y * size.z + (p.z * size.y + p.y) * size.x + p.x];
}

// Whether candidate (ka, a) comes before (kb, b): descending by score, then by offset z, y, x.
fn precedes(ka: u32, a: vec3<i32>, kb: u32, b: vec3<i32>) -> bool {
  if (ka != kb) { return ka > kb; }
  if (a.z != b.z) { return a.z > b.z; }
  if (a.y != b.y) { return a.y > b.y; }
  return a.x > b.x;
}

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

// Queues the faces' maxima and books the step. One workgroup per canvas.
@compute @workgroup_size(64)
fn advance(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let s = group.z;
  if (lane == 0u) {
    states[s].tick++;
    due = u32(runs(s));
    if (due == 1u && atomicLoad(&states[s].bad) != 0u) {
      states[s].status = STATUS_BAD;
      due = 0u;
    }
  }
  if (lane < 6u) {
    atomicStore(&best[lane], 0u);
    atomicStore(&place[lane], 0xffffffffu);
  }
  if (workgroupUniformLoad(&due) == 0u) {
    if (lane == 0u) {
      atomicStore(&states[s].over, 0u);
    }
    return;
  }
  let delta = vec3<u32>(config.delta_x, config.delta_y, config.delta_z);
  for (var face = 0u; face < 6u; face++) {
    let extent = 2u * face_extent(face / 2u, delta) + 1u;
    if (face_delta(face, delta) > 0u) {
      for (var k = lane; k < extent.x * extent.y; k += 64u) {
        atomicMax(&best[face], key(logit_at(face_offset(face, k, delta), s)));
      }
    }
  }
  workgroupBarrier();
  for (var face = 0u; face < 6u; face++) {
    let extent = 2u * face_extent(face / 2u, delta) + 1u;
    if (face_delta(face, delta) > 0u) {
      for (var k = lane; k < extent.x * extent.y; k += 64u) {
        if (key(logit_at(face_offset(face, k, delta), s)) == atomicLoad(&best[face])) {
          atomicMin(&place[face], k);
        }
      }
    }
  }
  workgroupBarrier();
  if (lane == 0u) {
    book(s, delta);
  }
}

fn book(s: u32, delta: vec3<u32>) {
  var keys: array<u32, 6>;
  var offsets: array<vec3<i32>, 6>;
  var n = 0u;
  for (var face = 0u; face < 6u; face++) {
    let score = atomicLoad(&best[face]);
    if (face_delta(face, delta) == 0u || score < key(config.score)) {
      continue;
    }
    let offset = face_offset(face, atomicLoad(&place[face]), delta);
    var known = false;
    var at = n;
    for (var i = n; i > 0u; i--) {
      known = known || (keys[i - 1u] == score && all(offsets[i - 1u] == offset));
      if (precedes(score, offset, keys[i - 1u], offsets[i - 1u])) {
        at = i - 1u;
      }
    }
    if (!known) {
      for (var i = n; i > at; i--) {
        keys[i] = keys[i - 1u];
        offsets[i] = offsets[i - 1u];
      }
      keys[at] = score;
      offsets[at] = offset;
      n++;
    }
  }
  let p = position(states[s].pos, s);
  for (var i = 0u; i < n; i++) {
    let to = vec3<u32>(vec3<i32>(p) + offsets[i]);
    queue[s * config.queue_cap + states[s].tail % config.queue_cap] = linear(to, s);
    states[s].tail++;
  }
  let bit = cell(p, s);
  done[s * config.cells + bit / 32u] |= 1u << (bit % 32u);
  states[s].steps++;
  let deleted = atomicExchange(&states[s].deleted, 0u);
  traces[s * config.traces + states[s].total_steps % config.traces] =
    vec4<u32>(states[s].pos, states[s].steps, deleted, states[s].start);
  states[s].total_steps++;
  states[s].lo_z = min(states[s].lo_z, p.z);
  states[s].lo_y = min(states[s].lo_y, p.y);
  states[s].lo_x = min(states[s].lo_x, p.x);
  states[s].hi_z = max(states[s].hi_z, p.z);
  states[s].hi_y = max(states[s].hi_y, p.y);
  states[s].hi_x = max(states[s].hi_x, p.x);
  states[s].queue_max = max(states[s].queue_max, states[s].tail - states[s].head);
  atomicStore(&states[s].over, 0u);
  states[s].status = STATUS_WANT;
}
