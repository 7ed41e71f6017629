/** Fully connected layers on a few vectors: sums in float64, one number after the other. */

/**
 * y[b, o] = bias[o] + sum of x[b, i] * w[i, o]. Arguments: batch | in | out | bytes from one x to the next | from one y to the
 * next | address of w | of bias | of x | of y. Items are outputs of the batch.
 */
export function dense(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const channelsIn = load<i32>(args, 4), out = load<i32>(args, 8);
  for (let item = begin; item < end; item++) {
    const b = item / out, o = <usize> (item - b * out) << 2;
    const x = load<usize>(args, 28) + <usize> b * load<usize>(args, 12);
    let w = load<usize>(args, 20) + o;
    let sum = <f64> load<f32>(load<usize>(args, 24) + o);
    for (let i = 0; i < channelsIn; i++, w += <usize> out << 2) {
      sum += <f64> load<f32>(x + (<usize> i << 2)) * <f64> load<f32>(w);
    }
    store<f32>(load<usize>(args, 32) + <usize> b * load<usize>(args, 16) + o, <f32> sum);
  }
}

/**
 * dx[b, i], dw[i, o] and dbias[o]. Arguments: batch | in | out | bytes from one x to the next | one dy | one dx | address of w | of
 * x | of dy | of dx | of dw | of dbias. Items are inputs; the first also sums the bias.
 */
export function dense_grad(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const batch = load<i32>(args), out = load<i32>(args, 8);
  const stepX = load<usize>(args, 12),
    stepDy = load<usize>(args, 16),
    stepDx = load<usize>(args, 20);
  const weights = load<usize>(args, 24), x = load<usize>(args, 28), dy = load<usize>(args, 32);
  const dx = load<usize>(args, 36), dw = load<usize>(args, 40), dbias = load<usize>(args, 44);
  if (begin == 0) {
    for (let o = 0; o < out; o++) {
      let sum: f64 = 0;
      for (let b = 0; b < batch; b++) {
        sum += <f64> load<f32>(dy + <usize> b * stepDy + (<usize> o << 2));
      }
      store<f32>(dbias + (<usize> o << 2), <f32> sum);
    }
  }
  for (let i = begin; i < end; i++) {
    const row = <usize> (i * out) << 2;
    for (let b = 0; b < batch; b++) {
      let sum: f64 = 0;
      for (let o = 0; o < out; o++) {
        const d = load<f32>(dy + <usize> b * stepDy + (<usize> o << 2));
        sum += <f64> d * <f64> load<f32>(weights + row + (<usize> o << 2));
      }
      store<f32>(dx + <usize> b * stepDx + (<usize> i << 2), <f32> sum);
    }
    for (let o = 0; o < out; o++) {
      let sum: f64 = 0;
      for (let b = 0; b < batch; b++) {
        const d = load<f32>(dy + <usize> b * stepDy + (<usize> o << 2));
        sum += <f64> d * <f64> load<f32>(x + <usize> b * stepX + (<usize> i << 2));
      }
      store<f32>(dw + row + (<usize> o << 2), <f32> sum);
    }
  }
}
