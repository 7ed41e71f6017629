/**
 * Sums of float32 arrays, always in the same order, so that results do not depend on the number of threads.
 *
 * Arguments: number of parts | bytes from one part to the next | floats | address of the first part | of the sum. Items are
 * blocks of 1024 floats.
 */
const BLOCK: i32 = 1024;

/** Items are blocks of floats. */
export function sum_parts(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const parts = load<i32>(args);
  const stride = load<usize>(args, 4);
  const count = load<i32>(args, 8);
  const from = load<usize>(args, 12);
  const to = load<usize>(args, 16);
  const last = min(end * BLOCK, count);
  let i = begin * BLOCK;
  for (; i + 4 <= last; i += 4) {
    let at = from + (<usize> i << 2);
    let sum = v128.load(at);
    for (let part = 1; part < parts; part++) {
      at += stride;
      sum = f32x4.add(sum, v128.load(at));
    }
    v128.store(to + (<usize> i << 2), sum);
  }
  for (; i < last; i++) {
    let at = from + (<usize> i << 2);
    let sum = load<f32>(at);
    for (let part = 1; part < parts; part++) {
      at += stride;
      sum += load<f32>(at);
    }
    store<f32>(to + (<usize> i << 2), sum);
  }
}
