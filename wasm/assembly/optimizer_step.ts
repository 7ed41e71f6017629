/**
 * One optimizer step, element-wise, with g the gradient clipped to ±clip (a NaN stays). Arguments: elements | function (0 sgd, 1
 * momentum, 2 adagrad, 3 adam, 4 rmsprop) | clip | momentum | beta1 | beta2 | decay | epsilon (all f32) | addresses of rate,
 * variable, gradient, first and second state, next variable, next first and second state. Items are blocks of 1024
 * elements.
 */
const BLOCK: i32 = 1024;

const SGD: i32 = 0;
const MOMENTUM: i32 = 1;
const ADAGRAD: i32 = 2;
const ADAM: i32 = 3;

/** Items are blocks of elements. */
export function optimizer_step(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const name = load<i32>(args, 4);
  const clip = load<f32>(args, 8), mu = load<f32>(args, 12), beta1 = load<f32>(args, 16);
  const beta2 = load<f32>(args, 20), decay = load<f32>(args, 24), epsilon = load<f32>(args, 28);
  const rate = load<f32>(load<usize>(args, 32));
  const w = load<usize>(args, 36), gradient = load<usize>(args, 40);
  const a = load<usize>(args, 44), b = load<usize>(args, 48);
  const nextW = load<usize>(args, 52), nextA = load<usize>(args, 56), nextB = load<usize>(args, 60);
  const last = <usize> min(end * BLOCK, load<i32>(args)) << 2;
  for (let i = <usize> (begin * BLOCK) << 2; i < last; i += 4) {
    let g = load<f32>(gradient + i);
    if (g > clip) g = clip;
    if (g < -clip) g = -clip;
    const value = load<f32>(w + i);
    if (name == SGD) {
      store<f32>(nextW + i, value - rate * g);
    } else if (name == MOMENTUM) {
      const sum = mu * load<f32>(a + i) + g;
      store<f32>(nextA + i, sum);
      store<f32>(nextW + i, value - rate * sum);
    } else if (name == ADAGRAD) {
      const sum = load<f32>(a + i) + g * g;
      store<f32>(nextA + i, sum);
      store<f32>(nextW + i, value - rate * g / sqrt<f32>(sum));
    } else if (name == ADAM) {
      const m = beta1 * load<f32>(a + i) + (1 - beta1) * g;
      const v = beta2 * load<f32>(b + i) + (1 - beta2) * g * g;
      store<f32>(nextA + i, m);
      store<f32>(nextB + i, v);
      store<f32>(nextW + i, value - rate * m / (sqrt<f32>(v) + epsilon));
    } else {
      const square = decay * load<f32>(a + i) + (1 - decay) * g * g;
      const step = mu * load<f32>(b + i) + rate * g / sqrt<f32>(square + epsilon);
      store<f32>(nextA + i, square);
      store<f32>(nextB + i, step);
      store<f32>(nextW + i, value - step);
    }
  }
}
