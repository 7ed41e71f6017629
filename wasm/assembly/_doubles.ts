/** Adds four lanes to the four doubles at `to`. */
export function addDoubles(to: usize, value: v128): void {
  const low = f64x2.promote_low_f32x4(value);
  const high = f64x2.promote_low_f32x4(
    i8x16.shuffle(value, value, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7),
  );
  v128.store(to, f64x2.add(v128.load(to), low));
  v128.store(to, f64x2.add(v128.load(to, 16), high), 16);
}
