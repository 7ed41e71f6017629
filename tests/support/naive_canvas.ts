/**
 * Flood filling of `spec/inference.md` §6 and §7 written down once more in the plainest way, as the oracle of the
 * canvases: nested loops, strings as set members, no code of the engine. `[z, y, x]` everywhere.
 */

type V = readonly [number, number, number];

/** What to run; sizes and thresholds as in a request (probabilities), positions zyx. */
export interface NaiveSetup {
  image: Float32Array;
  size: V;
  imageSize: V;
  seedSize: V;
  predSize: V;
  deltas: V;
  network(image: Float32Array, seed: Float32Array): Float32Array;
  init: number;
  pad: number;
  move: number;
  segment: number;
  minSize: number;
  mbd: V;
  disco: number;
  consistency: number;
  /** Where no centre, and where no seed, may be. */
  mask: Uint8Array;
  seedMask: Uint8Array;
  /** Labels before the first seed, dense from 1. */
  initial: Int32Array;
  seeds: V[];
}

/** Everything that a canvas is compared on. */
export interface NaiveOutcome {
  segmentation: Int32Array;
  segProb: Uint8Array;
  seed: Float32Array;
  /** Every position predicted, over all objects. */
  positions: V[];
  /** Of the last object. */
  history: V[];
  historyDeleted: number[];
  origins: Record<number, { start: V; iters: number }>;
  overlaps: Record<number, { readonly ids: readonly number[]; readonly counts: readonly number[] }>;
  counters: Record<string, number>;
}

const f32 = Math.fround;
const logitOf = (p: number) => Math.log(f32(p) / (1 - f32(p)));
const expit = (x: number) => f32(1 / f32(1 + f32(Math.exp(-x))));

/** Segments everything from the given seeds; those within the margin are dropped first. */
export function naiveSegmentAll(s: NaiveSetup): NaiveOutcome {
  const [nz, ny, nx] = s.size;
  const at = (p: V) => (p[0] * ny + p[1]) * nx + p[2];
  const half = (v: V) => v.map((n) => Math.floor(n / 2)) as unknown as V;
  const plus = (a: V, b: V, sign = 1) => a.map((v, i) => v + sign * b[i]) as unknown as V;
  function* box(size: V): Generator<V> {
    for (let z = 0; z < size[0]; z++) {
      for (let y = 0; y < size[1]; y++) {
        for (let x = 0; x < size[2]; x++) yield [z, y, x];
      }
    }
  }
  const margin = half(s.imageSize);
  const predDelta = half(plus(s.seedSize, s.predSize, -1));
  const [initLogit, padLogit, moveLogit, segmentLogit] = [s.init, s.pad, s.move, s.segment]
    .map((p) => f32(logitOf(p)));
  const seed = new Float32Array(nz * ny * nx).fill(NaN);
  const segmentation = s.initial.slice();
  const segProb = Uint8Array.from(segmentation, (v) => v > 0 ? 255 : 0);
  let maxId = segmentation.reduce((a, b) => Math.max(a, b), 0);
  const out: NaiveOutcome = {
    segmentation,
    segProb,
    seed,
    positions: [],
    history: [],
    historyDeleted: [],
    origins: {},
    overlaps: {},
    counters: {
      skip_threshold: 0,
      skip_invalid_pos: 0,
      skip_restriced_pos: 0,
      seed_got_too_weak: 0,
      "voxels-segmented": 0,
      "voxels-overlapping": 0,
      predictions: 0,
    },
  };

  function isValid(p: V, ignoreMove: boolean): boolean {
    if (!ignoreMove && seed[at(p)] < moveLogit) {
      out.counters.skip_threshold++;
      return false;
    }
    const inside = p.every((v, i) => v - margin[i] >= 0 && v + margin[i] < s.size[i]);
    if (inside && !(segmentation[at(p)] > 0)) return true;
    out.counters.skip_invalid_pos++;
    return false;
  }

  function updateAt(p: V): Float32Array {
    const corner = plus(p, half(s.seedSize), -1);
    let logitSeed = Float32Array.from([...box(s.seedSize)], (o) => seed[at(plus(corner, o))]);
    logitSeed = logitSeed.map((v) => Number.isNaN(v) ? padLogit : v);
    const image = Float32Array.from(
      [...box(s.imageSize)],
      (o) => s.image[at(plus(plus(p, margin, -1), o))],
    );
    let logits = new Float32Array();
    for (let i = 0; i < 32; i++) {
      logits = s.network(image, logitSeed).slice();
      out.counters.predictions++;
      if (s.consistency <= 0) break;
      let change = 0;
      logits.forEach((v, k) => change += Math.abs(expit(v) - expit(logitSeed[k])));
      if (change / logits.length < s.consistency) break;
      logitSeed = logits;
    }
    const voxels = [...box(s.predSize)].map((o) => at(plus(plus(corner, predDelta), o)));
    if (s.disco >= 0) {
      const old = voxels.map((i) => seed[i]);
      out.historyDeleted.push(
        old.filter((v, k) => v >= f32(logitOf(0.8)) && logits[k] < 0).length,
      );
      if (logits.filter((v) => v >= moveLogit).length / logits.length > s.disco) {
        old.forEach((v, k) => {
          if (v < 0 && logits[k] > v) logits[k] = v;
        });
      }
    }
    voxels.forEach((i, k) => seed[i] = logits[k]);
    return logits;
  }

  function candidates(logits: Float32Array): [number, V][] {
    const centre = half(s.predSize);
    const found: [number, V][] = [];
    for (const axis of [0, 1, 2]) {
      for (const sign of [-1, 1]) {
        if (s.deltas[axis] === 0) continue;
        let best: [number, V] | null = null;
        for (const o of box(s.deltas.map((d, i) => i === axis ? 1 : 2 * d + 1) as unknown as V)) {
          const rel = o.map((v, i) => i === axis ? sign * s.deltas[i] : v - s.deltas[i]);
          const p = plus(centre, rel as unknown as V);
          const score = logits[(p[0] * s.predSize[1] + p[1]) * s.predSize[2] + p[2]];
          if (best === null || score > best[0]) best = [score, rel as unknown as V];
        }
        if (best![0] < logitOf(s.move)) continue;
        if (!found.some((f) => String(f) === String(best))) found.push(best!);
      }
    }
    const key = ([score, rel]: [number, V]) => [score, ...rel];
    return found.sort((a, b) => {
      const i = key(a).findIndex((v, k) => v !== key(b)[k]);
      return i < 0 ? 0 : key(b)[i] - key(a)[i];
    });
  }

  function segmentAt(start: V): { n: number; min: V; max: V } {
    seed.fill(NaN);
    seed[at(start)] = initLogit;
    out.history = [];
    out.historyDeleted = [];
    const quantise = (p: V) =>
      String(
        p.map((v, i) =>
          Math.floor((v - start[i] + Math.floor(s.deltas[i] / 2)) / Math.max(s.deltas[i], 1))
        ),
      );
    const queue: V[] = [start];
    const done = new Set<string>();
    let [n, min, max] = [0, start, start];
    while (queue.length > 0) {
      const p = queue.shift()!;
      if (done.has(quantise(p)) || !isValid(p, false)) continue;
      if (seed[at(start)] < moveLogit) {
        out.counters.seed_got_too_weak++;
        break;
      }
      if (s.mask[at(p)]) {
        out.counters.skip_restriced_pos++;
        continue;
      }
      const logits = updateAt(p);
      min = min.map((v, i) => Math.min(v, p[i])) as unknown as V;
      max = max.map((v, i) => Math.max(v, p[i])) as unknown as V;
      n++;
      done.add(quantise(p));
      for (const [, rel] of candidates(logits)) queue.push(plus(p, rel));
      out.history.push(p);
      out.positions.push(p);
    }
    return { n, min, max };
  }

  for (const p of s.seeds) {
    if (!p.every((v, i) => v - margin[i] >= 0 && v + margin[i] < s.size[i])) continue;
    if (!isValid(p, true) || s.mask[at(p)] || s.seedMask[at(p)]) continue;
    const near = [...box(s.size)].some((q) =>
      q.every((v, i) => Math.abs(v - p[i]) <= s.mbd[i]) && segmentation[at(q)] > 0
    );
    if (near) {
      segmentation[at(p)] = -1;
      continue;
    }
    const { n, min, max } = segmentAt(p);
    if (n <= 0) continue;
    const mark = () => {
      if (segmentation[at(p)] === 0) segmentation[at(p)] = -1;
    };
    if (seed[at(p)] < moveLogit) {
      mark();
      continue;
    }
    const reach = half(s.predSize);
    const selected = [...box(s.size)].filter((q) =>
      q.every((v, i) => v >= min[i] - reach[i] && v <= max[i] + reach[i])
    ).map(at).filter((i) => seed[i] >= segmentLogit);
    const covered = selected.map((i) => segmentation[i]).filter((label) => label > 0);
    const fresh = selected.filter((i) => segmentation[i] <= 0);
    if (fresh.length < s.minSize) {
      mark();
      continue;
    }
    out.counters["voxels-segmented"] += fresh.length;
    out.counters["voxels-overlapping"] += covered.length;
    maxId++;
    for (const i of fresh) {
      segmentation[i] = maxId;
      let q = 0;
      for (let edge = 0; edge <= 254; edge++) if (edge * (1 / 254) <= expit(seed[i])) q++;
      segProb[i] = q;
    }
    const ids = [...new Set(covered)].sort((a, b) => a - b);
    out.overlaps[maxId] = { ids, counts: ids.map((id) => covered.filter((c) => c === id).length) };
    out.origins[maxId] = { start: p, iters: n };
  }
  return out;
}
