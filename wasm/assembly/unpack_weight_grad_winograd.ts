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
 * also sums the bias. Scratch memory: [125 + 75 + 45 + 27] vectors of four output channels.
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
  const afterX = scratch + 125 * 16, afterY = afterX + 75 * 16, taps = afterY + 45 * 16;
  if (begin == 0) {
    for (let o = 0; o < channelsOut; o++) {
      let at = from + 125 * pair + (<usize> o << 2);
      let sum: f32 = 0;
      for (let part = 0; part < parts; part++, at += stride) sum += load<f32>(at);
      store<f32>(dbias + (<usize> o << 2), sum);
    }
  }
  for (let i = begin; i < end; i++) {
    for (let o = 0; o < channelsOut; o += 4) {
      for (let point: usize = 0; point < 125; point++) {
        let at = from + point * pair + (<usize> (i * pitchOut + o) << 2);
        let sum = v128.load(at);
        for (let part = 1; part < parts; part++) {
          at += stride;
          sum = f32x4.add(sum, v128.load(at));
        }
        v128.store(scratch + (point << 4), sum);
      }
      for (let k: usize = 0; k < 25; k++) fold(scratch + 80 * k, afterX + 48 * k, 16, 16);
      for (let z: usize = 0; z < 5; z++) {
        for (let x: usize = 0; x < 3; x++) {
          fold(afterX + 240 * z + 16 * x, afterY + 144 * z + 16 * x, 48, 48);
        }
      }
      for (let k: usize = 0; k < 9; k++) fold(afterY + 16 * k, taps + 16 * k, 144, 144);
      const left = min(4, channelsOut - o);
      for (let tap = 0; tap < 27; tap++) {
        const to = dw + (<usize> ((tap * channelsIn + i) * channelsOut + o) << 2);
        memory.copy(to, taps + (<usize> tap << 4), <usize> left << 2);
      }
    }
  }
}
