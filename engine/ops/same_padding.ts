/** Zeros that stand before and after an axis of a SAME convolution with a kernel of `extent` taps. */
export function samePadding(extent: number): { before: number; after: number } {
  const before = Math.floor((extent - 1) / 2);
  return { before, after: extent - 1 - before };
}
