/** How well whole examples were filled, gathered between two summaries. */
import type { SummaryValue } from "../formats/event_file.ts";
import { encodePng } from "../formats/png.ts";
import type { Zyx } from "../geometry/vectors.ts";
import { logit } from "../inference/logit.ts";
import { cropped, type ExampleSizes } from "./fov_geometry.ts";
import type { MoveRecord } from "./fov_policies.ts";

/** Where nothing else is said, whatever the moves' threshold is. */
const PREDICTED_PROB = 0.9;
/** Soft labels above this are in the object. */
const LABEL_MIDDLE = 0.5;
/** Newest examples of which images are kept. */
const MAX_IMAGES = 16;

/** Sums since the last summary. */
export interface TrackerTotals {
  readonly patches: number;
  readonly lossSum: number;
  readonly truePositives: number;
  readonly trueNegatives: number;
  readonly falsePositives: number;
  readonly falseNegatives: number;
  readonly voxels: number;
  readonly maskedVoxels: number;
  readonly randSum: number;
  /** Sum over examples of the mean loss of their voxels, each times its weight. */
  readonly weightedLossSum: number;
  /** Moves that the policies considered, by the whole part of their length. */
  readonly moves: Readonly<Record<string, MoveCounts>>;
  /** Voxels of all fields of view, those without weight, and the sum of the weights. */
  readonly fov: { readonly voxels: number; readonly masked: number; readonly weightSum: number };
}

/** Moves that were wanted and made, wanted only, made only. */
export interface MoveCounts {
  readonly correct: number;
  readonly missed: number;
  readonly spurious: number;
}

const ZERO: TrackerTotals = {
  patches: 0,
  lossSum: 0,
  truePositives: 0,
  trueNegatives: 0,
  falsePositives: 0,
  falseNegatives: 0,
  voxels: 0,
  maskedVoxels: 0,
  randSum: 0,
  weightedLossSum: 0,
  moves: {},
  fov: { voxels: 0, masked: 0, weightSum: 0 },
};

/** Grey sections side by side, `[y, x]`. */
export interface SectionImage {
  readonly tag: string;
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Gathers finished examples. */
export class EvalTracker {
  readonly #sizes: ExampleSizes;
  readonly #prefix: string;
  /** Logit. */
  readonly #threshold: number;
  #totals = ZERO;
  #shown: { truth: Float32Array; logits: Float32Array; counted: Float32Array }[] = [];

  /**
   * @param prefix Stands before every tag.
   * @param predictedProb A voxel from this probability on is predicted to belong to the object.
   */
  constructor(sizes: ExampleSizes, prefix = "", predictedProb = PREDICTED_PROB) {
    this.#threshold = Math.fround(logit(predictedProb));
    this.#sizes = sizes;
    this.#prefix = prefix;
  }

  get totals(): TrackerTotals {
    return this.#totals;
  }

  restore(totals: TrackerTotals): void {
    this.#totals = totals;
  }

  /** Takes a move that a policy considered. */
  move({ wanted, executed, offset }: MoveRecord): void {
    if (!wanted && !executed) return;
    const length = String(Math.floor(Math.hypot(...offset)));
    const kind = !wanted ? "spurious" : executed ? "correct" : "missed";
    const { moves } = this.#totals;
    const counts = moves[length] ?? { correct: 0, missed: 0, spurious: 0 };
    this.#totals = {
      ...this.#totals,
      moves: { ...moves, [length]: { ...counts, [kind]: counts[kind] + 1 } },
    };
  }

  /** Takes the weights of fields of view, in any shape. */
  fieldsOfView(weights: Float32Array): void {
    const { fov } = this.#totals;
    let [masked, weightSum] = [0, 0];
    for (const weight of weights) {
      if (weight === 0) masked++;
      weightSum += weight;
    }
    this.#totals = {
      ...this.#totals,
      fov: {
        voxels: fov.voxels + weights.length,
        masked: fov.masked + masked,
        weightSum: fov.weightSum + weightSum,
      },
    };
  }

  /** Takes an example: soft labels and weights of the label patch's size, logits of the canvas's. */
  add(labels: Float32Array, canvas: Float32Array, weights: Float32Array): void {
    const { evaluation, label, seed } = this.#sizes;
    const origin: Zyx = [0, 0, 0];
    const truth = cropped(labels, label, evaluation, origin);
    const logits = cropped(canvas, seed, evaluation, origin);
    const counted = cropped(weights, label, evaluation, origin);
    let [loss, weighted, masked, tp, tn, fp, fn] = [0, 0, 0, 0, 0, 0, 0];
    for (let i = 0; i < truth.length; i++) {
      const l = logits[i];
      const entropy = Math.max(l, 0) - l * truth[i] + Math.log1p(Math.exp(-Math.abs(l)));
      loss += entropy;
      weighted += counted[i] * entropy;
      if (counted[i] === 0) masked++;
      const isPredicted = l >= this.#threshold;
      if (truth[i] > LABEL_MIDDLE) isPredicted ? tp++ : fn++;
      else isPredicted ? fp++ : tn++;
    }
    const t = this.#totals;
    this.#totals = {
      ...t,
      patches: t.patches + 1,
      lossSum: t.lossSum + loss / truth.length,
      truePositives: t.truePositives + tp,
      trueNegatives: t.trueNegatives + tn,
      falsePositives: t.falsePositives + fp,
      falseNegatives: t.falseNegatives + fn,
      voxels: t.voxels + truth.length,
      maskedVoxels: t.maskedVoxels + masked,
      randSum: t.randSum + adjustedRand(tp, tn, fp, fn),
      weightedLossSum: t.weightedLossSum + weighted / truth.length,
    };
    this.#shown.push({ truth, logits, counted });
    if (this.#shown.length > MAX_IMAGES) this.#shown.shift();
  }

  /** Scalars by tag, empty before the first example. */
  scalars(): Map<string, number> {
    const t = this.#totals;
    if (t.voxels === 0) return new Map();
    const { truePositives: tp, trueNegatives: tn, falsePositives: fp, falseNegatives: fn } = t;
    const precision = tp / Math.max(tp + fp, 1);
    const recall = tp / Math.max(tp + fn, 1);
    const values = {
      "masked_voxel_fraction": t.maskedVoxels / t.voxels,
      "eval/patch_loss": t.lossSum / t.patches,
      "eval/weighted_patch_loss": t.weightedLossSum / t.patches,
      "eval/patches": t.patches,
      "eval/accuracy": (tp + tn) / (tp + tn + fp + fn),
      "eval/precision": precision,
      "eval/recall": recall,
      "eval/specificity": tn / Math.max(tn + fp, 1),
      "eval/f1": precision + recall === 0 ? 0 : 2 * precision * recall / (precision + recall),
      "eval/adjusted_rand_score": t.randSum / t.patches,
      ...fovScalars(t),
      ...moveScalars(t.moves),
    };
    return new Map(Object.entries(values).map(([tag, value]) => [this.#prefix + tag, value]));
  }

  /** Scalars and images, for an event file. */
  summaries(): SummaryValue[] {
    const scalars = [...this.scalars()].map(([tag, scalar]) => ({ tag, scalar }));
    const images = this.#shown.flatMap(({ truth, logits, counted }, i) => {
      const probs = logits.map((l) => 1 / (1 + Math.exp(-l)));
      const sections = sectionImages([truth, probs, counted], this.#sizes.evaluation);
      return sections.map(({ tag, width, height, data }) => ({
        tag: `${this.#prefix}${tag}/${i}`,
        image: {
          width,
          height,
          channels: 1 as const,
          png: encodePng({ width, height, channels: 1, data }),
        },
      }));
    });
    return [...scalars, ...images];
  }

  reset(): void {
    this.#totals = ZERO;
    this.#shown = [];
  }
}

function fovScalars({ fov }: TrackerTotals): Record<string, number> {
  if (fov.voxels === 0) return {};
  return {
    "fov/masked_voxel_fraction": fov.masked / fov.voxels,
    "fov/average_weight": fov.weightSum / fov.voxels,
  };
}

/** Numbers of moves, and the shares of right, missing and wrong ones, of all and by length. */
function moveScalars(moves: TrackerTotals["moves"]): Record<string, number> {
  const shares = ({ correct, missed, spurious }: MoveCounts, prefix: string) => {
    const total = correct + missed + spurious;
    return {
      [`${prefix}correct`]: correct / total,
      [`${prefix}missed`]: missed / total,
      [`${prefix}spurious`]: spurious / total,
    };
  };
  const sum = (counts: readonly MoveCounts[]): MoveCounts => ({
    correct: counts.reduce((n, c) => n + c.correct, 0),
    missed: counts.reduce((n, c) => n + c.missed, 0),
    spurious: counts.reduce((n, c) => n + c.spurious, 0),
  });
  const number = ({ correct, missed, spurious }: MoveCounts) => correct + missed + spurious;
  const all = sum(Object.values(moves));
  if (number(all) === 0) return {};
  const byLength = Object.entries(moves).map(([length, counts]) => ({
    [`moves/r=${length}/total`]: number(counts),
    ...shares(counts, `moves/r=${length}/`),
  }));
  return Object.assign({ "moves/total": number(all), ...shares(all, "moves/all/") }, ...byLength);
}

/** Adjusted Rand index of two masks by the counts of their 2 × 2 table; 1 where both are constant. */
export function adjustedRand(tp: number, tn: number, fp: number, fn: number): number {
  const pairs = (...counts: number[]) => counts.reduce((sum, n) => sum + n * (n - 1) / 2, 0);
  const joint = pairs(tp, tn, fp, fn);
  const [a, b] = [pairs(tp + fn, tn + fp), pairs(tp + fp, tn + fn)];
  const expected = a * b / pairs(tp + tn + fp + fn);
  const range = (a + b) / 2 - expected;
  return range === 0 || Number.isNaN(range) ? 1 : (joint - expected) / range;
}

/**
 * Sections through the middle across z, y and x, each with all `arrays` (values 0 to 1, `[z, y, x]` of `size`) side by
 * side.
 */
export function sectionImages(
  arrays: readonly Float32Array[],
  size: Zyx,
): SectionImage[] {
  const [depth, height, width] = size;
  const middle = size.map((n) => Math.floor(n / 2));
  const sections = [
    {
      tag: "final_xy",
      h: height,
      w: width,
      index: (v: number, u: number) => (middle[0] * height + v) * width + u,
    },
    {
      tag: "final_xz",
      h: depth,
      w: width,
      index: (v: number, u: number) => (v * height + middle[1]) * width + u,
    },
    {
      tag: "final_yz",
      h: depth,
      w: height,
      index: (v: number, u: number) => (v * height + u) * width + middle[2],
    },
  ];
  return sections.map(({ tag, h, w, index }) => {
    const row = arrays.length * w;
    const data = new Uint8Array(h * row);
    arrays.forEach((array, part) => {
      for (let v = 0; v < h; v++) {
        for (let u = 0; u < w; u++) {
          data[v * row + part * w + u] = Math.floor(array[index(v, u)] * 255);
        }
      }
    });
    return { tag, width: row, height: h, data };
  });
}
