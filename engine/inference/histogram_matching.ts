/** Brings the grey values of a volume to those of a reference, section by section. */
import { equalizeAdaptively } from "./clahe.ts";
import type { Zyx } from "../geometry/vectors.ts";

/** Share of pixels at or below each grey value. */
interface Distribution {
  readonly lowest: number;
  /** For `lowest`, `lowest` + 1, … up to the highest value. */
  readonly shares: readonly number[];
}

function distributionOf(pixels: Uint8Array): Distribution {
  const counts = new Array<number>(256).fill(0);
  for (const value of pixels) counts[value]++;
  const lowest = counts.findIndex((n) => n > 0);
  const highest = counts.findLastIndex((n) => n > 0);
  const shares: number[] = [];
  for (let value = lowest, below = 0; value <= highest; value++) {
    below += counts[value];
    shares.push(below / pixels.length);
  }
  return { lowest, shares };
}

/**
 * Grey value that a reference image has at each rank: entry `i` belongs to the share `i / 255` of its pixels.
 *
 * @param image Pixels of the reference, in any order.
 * @returns 256 values, what a request's `reference_histogram` holds as `lut`.
 */
export function computeHistogramLut(image: Uint8Array): Uint8Array {
  if (image.length === 0) {
    throw new RangeError("Cannot make a histogram of an image without pixels");
  }
  const { lowest, shares } = distributionOf(image);
  return Uint8Array.from(
    { length: 256 },
    (_, i) => lowest + shares.findIndex((share) => share >= i / 255),
  );
}

/**
 * Equalises each section and gives its pixels the grey values of a reference, in place.
 *
 * @param image `[z, y, x]` of `size`.
 * @param lut What {@linkcode computeHistogramLut} gave for the reference.
 * @param mask `[z, y, x]`, nonzero where pixels do not count; they are changed all the same. A section that is masked
 * as a whole stays as it is.
 * @throws {RangeError} when a section is flat.
 */
export function matchHistogram(
  image: Uint8Array,
  size: Zyx,
  lut: Uint8Array,
  mask: Uint8Array | null = null,
): void {
  if (lut.length !== 256) {
    throw new RangeError(
      `Cannot match a histogram: the reference must have 256 values, current number is ${lut.length}`,
    );
  }
  const [depth, height, width] = size;
  const area = height * width;
  for (let z = 0; z < depth; z++) {
    const section = image.subarray(z * area, (z + 1) * area);
    const masked = mask?.subarray(z * area, (z + 1) * area);
    if (masked?.every((m) => m !== 0)) continue;
    const equalized = Uint8Array.from(
      equalizeAdaptively(section, height, width),
      (v) => Math.floor(255 * v),
    );
    const valid = masked ? equalized.filter((_, i) => masked[i] === 0) : equalized;
    const values = matchedValues(distributionOf(valid), lut);
    for (let i = 0; i < area; i++) section[i] = values[equalized[i]];
  }
}

/** New value of each equalised value; those above all that count are brightest. */
function matchedValues({ lowest, shares }: Distribution, lut: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, value) => {
    const share = shares[Math.max(0, value - lowest)] ?? 1;
    return lut[Math.floor(255 * share)];
  });
}
