/**
 * The last step of the gradient of 3×3×3 weights by Winograd's identity (`_winograd_weight_grad.ts`): the sums at the points
 * back to the taps.
 */

/** Five values `step` bytes apart into three: the transpose of the transform of weights. */

function fold(from: usize, to: usize, step: usize, stepTo: usize): void {
  const m0 = v128.load(from), m1 = v128.load(from + step), m2 = v128.load(from + 2 * step);
  const m3 = v128.load(from + 3 * step), m4 = v128.load(from + 4 * step);
  const half = f32x4.splat(0.5), sixth = f32x4.splat(1.0 / 6.0), third = f32x4.splat(1.0 / 3.0);
  const twoThirds = f32x4.splat(2.0 / 3.0);
  // Rows of G: [1/2, 0, 0], [-1/2, -1/2, -1/2], [-1/6, 1/6, -1/6], [1/6, 1/3, 2/3], [0, 0, 1].
  const halfM1 = f32x4.mul(half, m1), sixthM2 = f32x4.mul(sixth, m2);
  const w0 = f32x4.sub(
    f32x4.add(f32x4.mul(half, m0), f32x4.mul(sixth, m3)),
    f32x4.add(halfM1, sixthM2),
  );
  const w1 = f32x4.add(f32x4.sub(sixthM2, halfM1), f32x4.mul(third, m3));
  const w2 = f32x4.add(f32x4.sub(f32x4.mul(twoThirds, m3), f32x4.add(halfM1, sixthM2)), m4);
  v128.store(to, w0);
  v128.store(to + stepTo, w1);
  v128.store(to + 2 * stepTo, w2);
}

/**
 * Sums the parts and transforms them back. Arguments: channels in | out | floats per voxel in | out | number of parts | bytes
 * from one part to the next | address of the parts | of dw [27, in, out] | of dbias [out]. Items are input channels; the first
 * also sums the bias. Scratch memory: [125 + 75 + 45 + 27] rows of all output channels, so that every part is read row by row.
 */
export function unpack_weight_grad_winograd(
  args: usize,
  begin: i32,
  end: i32,
  scratch: usize,
): void {
  const channelsIn = load<i32>(args), channelsOut = load<i32>(args, 4);
  const pitchIn = load<i32>(args, 8), pitchOut = load<i32>(args, 12);
  const parts = load<i32>(args, 16), stride = load<usize>(args, 20);
  const from = load<usize>(args, 24), dw = load<usize>(args, 28), dbias = load<usize>(args, 32);
  const pair = <usize> (pitchIn * pitchOut) << 2;
  const row = <usize> pitchOut << 2;
  const afterX = scratch + 125 * row, afterY = afterX + 75 * row, taps = afterY + 45 * row;
  if (begin == 0) {
    for (let o = 0; o < channelsOut; o++) {
      let at = from + 125 * pair + (<usize> o << 2);
      let sum: f32 = 0;
      for (let part = 0; part < parts; part++, at += stride) sum += load<f32>(at);
      store<f32>(dbias + (<usize> o << 2), sum);
    }
  }
  for (let i = begin; i < end; i++) {
    for (let point: usize = 0; point < 125; point++) {
      const first = from + point * pair + <usize> i * row, to = scratch + point * row;
      for (let o: usize = 0; o < row; o += 16) {
        let at = first + o;
        let sum = v128.load(at);
        for (let part = 1; part < parts; part++) {
          at += stride;
          sum = f32x4.add(sum, v128.load(at));
        }
        v128.store(to + o, sum);
      }
    }
    for (let o: usize = 0; o < row; o += 16) {
      const x = scratch + o, y = afterX + o, z = afterY + o, tap = taps + o;
      for (let k: usize = 0; k < 25; k++) fold(x + 5 * row * k, y + 3 * row * k, row, row);
      for (let k: usize = 0; k < 5; k++) {
        for (let i: usize = 0; i < 3; i++) {
          fold(y + row * (15 * k + i), z + row * (9 * k + i), 3 * row, 3 * row);
        }
      }
      for (let k: usize = 0; k < 9; k++) fold(z + row * k, tap + row * k, 9 * row, 9 * row);
    }
    for (let tap = 0; tap < 27; tap++) {
      const to = dw + (<usize> ((tap * channelsIn + i) * channelsOut) << 2);
      memory.copy(to, taps + <usize> tap * row, <usize> channelsOut << 2);
    }
  }
}
