/** @throws {RangeError} when the output channels of the second convolutions, which are summed, differ. */
export function checkResidualFeatures(className: string, features: readonly number[]): void {
  const stream = features[1];
  const odd = features.findIndex((n, i) => i % 2 === 1 && n !== stream);
  if (odd < 0) return;
  throw new RangeError(
    `Cannot create ${className}: every second entry of features must be equal, because those outputs are added; entry 1 is ${stream}, entry ${odd} is ${
      features[odd]
    }`,
  );
}
