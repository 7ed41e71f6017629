/** A saturated colour, 0…255 each; labels that follow each other get hues far apart. */
export function labelColour(label: number): [number, number, number] {
  // Multiples of the golden ratio never come close to repeating; as turns of the colour wheel.
  const hue = label * 0.6180339887498949 % 1;
  const channel = (turn: number) => {
    const distance = Math.abs(((hue + turn) % 1) * 6 - 3);
    return 255 * Math.max(0, Math.min(1, distance - 1));
  };
  return [channel(0), channel(2 / 3), channel(1 / 3)];
}
