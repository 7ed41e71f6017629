/** What is known of the features of a volume after all of its parts were seen, each once. */
import type { FeatureMoments } from "./whitening.ts";

/** Bins of the distribution of a feature, between its smallest and its largest value. */
const BINS = 4096;

/** Means, covariance and range of features, gathered part by part. */
export class FeatureStatistics implements FeatureMoments {
  readonly channels: number;
  readonly mean: Float64Array;
  readonly lowest: Float64Array;
  readonly highest: Float64Array;
  /** Sums of products of deviations from the mean, `[channels, channels]`. */
  readonly #products: Float64Array;
  #count = 0;

  constructor(channels: number) {
    this.channels = channels;
    this.mean = new Float64Array(channels);
    this.lowest = new Float64Array(channels).fill(Infinity);
    this.highest = new Float64Array(channels).fill(-Infinity);
    this.#products = new Float64Array(channels ** 2);
  }

  /** `[channels, channels]`. */
  get covariance(): Float64Array {
    return this.#products.map((sum) => sum / this.#count);
  }

  /** Takes features `[…, channels]`; deviations are summed within a part, so that large means cost no digits. */
  add(features: Float32Array): void {
    const { channels: p, mean, lowest, highest } = this;
    const count = features.length / p;
    const own = new Float64Array(p);
    for (let at = 0; at < features.length; at++) {
      const channel = at % p, value = features[at];
      own[channel] += value / count;
      if (value < lowest[channel]) lowest[channel] = value;
      if (value > highest[channel]) highest[channel] = value;
    }
    const deviation = new Float64Array(p);
    for (let at = 0; at < features.length; at += p) {
      for (let i = 0; i < p; i++) deviation[i] = features[at + i] - own[i];
      for (let i = 0; i < p; i++) {
        for (let j = 0; j <= i; j++) this.#products[i * p + j] += deviation[i] * deviation[j];
      }
    }
    const all = this.#count + count;
    const between = this.#count * count / all;
    for (let i = 0; i < p; i++) {
      for (let j = 0; j <= i; j++) {
        this.#products[i * p + j] += (own[i] - mean[i]) * (own[j] - mean[j]) * between;
        this.#products[j * p + i] = this.#products[i * p + j];
      }
    }
    for (let i = 0; i < p; i++) mean[i] += (own[i] - mean[i]) * count / all;
    this.#count = all;
  }
}

/** The distribution of each feature, in equal bins of its range. */
export class FeatureHistograms {
  readonly #ranges: FeatureStatistics;
  readonly #counts: Float64Array[];

  /** @param ranges Of the same volume. */
  constructor(ranges: FeatureStatistics) {
    this.#ranges = ranges;
    this.#counts = Array.from({ length: ranges.channels }, () => new Float64Array(BINS));
  }

  /** Takes features `[…, channels]`. */
  add(features: Float32Array): void {
    const { channels, lowest, highest } = this.#ranges;
    for (let at = 0; at < features.length; at++) {
      const channel = at % channels;
      const range = highest[channel] - lowest[channel];
      const place = range > 0 ? (features[at] - lowest[channel]) / range * BINS : 0;
      this.#counts[channel][Math.min(BINS - 1, Math.max(0, Math.floor(place)))]++;
    }
  }

  /** Value of a feature at the upper edge of each bin, the lowest value first: `BINS + 1` of them. */
  edges(channel: number): Float64Array {
    const { lowest, highest } = this.#ranges;
    const range = highest[channel] - lowest[channel];
    return Float64Array.from({ length: BINS + 1 }, (_, i) => lowest[channel] + range * i / BINS);
  }

  /** Share of the voxels up to each of `edges`. */
  shares(channel: number): Float64Array {
    const counts = this.#counts[channel];
    const total = counts.reduce((a, b) => a + b, 0);
    const shares = new Float64Array(BINS + 1);
    let below = 0;
    counts.forEach((n, i) => shares[i + 1] = (below += n) / total);
    return shares;
  }
}

/**
 * Gives each feature of the content the distribution that it has in the style, in place: the value at a share of the voxels
 * becomes the one at the same share. Within a bin both are taken as even.
 *
 * @returns a function of features `[…, channels]`.
 */
export function histogramTransfer(
  content: FeatureHistograms,
  style: FeatureHistograms,
  channels: number,
): (features: Float32Array) => void {
  const tables = Array.from({ length: channels }, (_, channel) => {
    const from = content.edges(channel), to = style.edges(channel);
    const shares = style.shares(channel);
    const table = content.shares(channel).map((share) => interpolated(shares, to, share));
    return { from, table };
  });
  return (features) => {
    for (let at = 0; at < features.length; at++) {
      const { from, table } = tables[at % channels];
      features[at] = interpolated(from, table, features[at]);
    }
  };
}

/** y at x, straight between the points (xs, ys) and constant beyond them; where several xs are equal the first counts. */
function interpolated(xs: Float64Array, ys: Float64Array, x: number): number {
  if (!(x > xs[0])) return ys[0];
  let low = 0, high = xs.length - 1;
  if (x >= xs[high] && xs[high] > xs[high - 1]) return ys[high];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] < x) low = middle;
    else high = middle;
  }
  const width = xs[high] - xs[low];
  return width > 0 ? ys[low] + (ys[high] - ys[low]) * Math.min(1, (x - xs[low]) / width) : ys[high];
}
