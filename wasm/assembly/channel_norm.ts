/**
 * Statistics of channels over groups of voxels (samples, or the whole batch), and normalisation by them. Groups are cut into
 * parts whose sums are added in order, so that the number of threads changes nothing.
 */
import { addDoubles } from "./_doubles";
import { rowAddress, VIEW, voxelStep } from "./_view";

/**
 * Sums (f64) of x - k and (x - k)² per channel, with k the value of the group's first voxel: near the mean, so that their
 * difference keeps its digits. Arguments: depth | height | width | channels | rows of a group | parts of a group | address of the
 * sums [group, part, 2, channel] | view x. Items are parts of groups.
 */
export function channel_sums(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const depth = load<i32>(args), height = load<i32>(args, 4), width = load<i32>(args, 8);
  const channels = load<i32>(args, 12), rows = load<i32>(args, 16), parts = load<i32>(args, 20);
  const view = args + 28;
  const step = voxelStep(view);
  const bytes = <usize> channels << 3;
  for (let item = begin; item < end; item++) {
    const group = item / parts, part = item - group * parts;
    const sums = load<usize>(args, 24) + <usize> item * 2 * bytes;
    memory.fill(sums, 0, 2 * bytes);
    const first = rowAddress(view, group * rows, depth, height);
    const last = group * rows + rows * (part + 1) / parts;
    for (let row = group * rows + rows * part / parts; row < last; row++) {
      const x = rowAddress(view, row, depth, height);
      let c = 0;
      for (; c + 4 <= channels; c += 4) {
        const k = v128.load(first + (<usize> c << 2));
        let sum = f32x4.splat(0), squares = f32x4.splat(0);
        let from = x + (<usize> c << 2);
        for (let u = 0; u < width; u++, from += step) {
          const value = f32x4.sub(v128.load(from), k);
          sum = f32x4.add(sum, value);
          squares = f32x4.add(squares, f32x4.mul(value, value));
        }
        const to = sums + (<usize> c << 3);
        addDoubles(to, sum);
        addDoubles(to + bytes, squares);
      }
      for (; c < channels; c++) {
        const k = load<f32>(first + (<usize> c << 2));
        let sum: f32 = 0, squares: f32 = 0;
        let from = x + (<usize> c << 2);
        for (let u = 0; u < width; u++, from += step) {
          const value = load<f32>(from) - k;
          sum += value;
          squares += value * value;
        }
        const to = sums + (<usize> c << 3);
        store<f64>(to, load<f64>(to) + <f64> sum);
        store<f64>(to + bytes, load<f64>(to + bytes) + <f64> squares);
      }
    }
  }
}

/**
 * Mean and 1 / sqrt(variance + epsilon), f32 [group, 2, channel], or only the mean (epsilon below 0). Arguments: depth | height |
 * channels | rows of a group | voxels of a group | parts of a group | epsilon (f32) | address of the sums | of the statistics |
 * bytes from one group of statistics to the next | view x. Items are groups.
 */
export function channel_statistics(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const depth = load<i32>(args), height = load<i32>(args, 4), channels = load<i32>(args, 8);
  const rows = load<i32>(args, 12), parts = load<i32>(args, 20);
  const voxels = <f64> load<i32>(args, 16), epsilon = <f64> load<f32>(args, 24);
  const bytes = <usize> channels << 3;
  for (let group = begin; group < end; group++) {
    const sums = load<usize>(args, 28) + <usize> (group * parts) * 2 * bytes;
    const to = load<usize>(args, 32) + <usize> group * load<usize>(args, 36);
    const first = rowAddress(args + 40, group * rows, depth, height);
    for (let c: usize = 0; c < <usize> channels; c++) {
      let sum: f64 = 0, squares: f64 = 0;
      for (let part: usize = 0; part < <usize> parts; part++) {
        const from = sums + part * 2 * bytes + (c << 3);
        sum += load<f64>(from);
        squares += load<f64>(from + bytes);
      }
      const mean = sum / voxels;
      store<f32>(to + (c << 2), <f32> (<f64> load<f32>(first + (c << 2)) + mean));
      if (epsilon < 0) continue;
      const variance = max<f64>(squares / voxels - mean * mean, 0);
      store<f32>(
        to + (<usize> channels << 2) + (c << 2),
        <f32> (1 / sqrt<f64>(variance + epsilon)),
      );
    }
  }
}

/**
 * y = (x - mean) * inverse * scale + bias. Arguments: depth | height | width | channels | rows of a group | address of the
 * statistics | of scale (0: it is 1) | of bias | view x | view y. Items are rows. Scratch memory: the factors of the channels.
 */
export function channel_norm(args: usize, begin: i32, end: i32, scratch: usize): void {
  const depth = load<i32>(args), height = load<i32>(args, 4), width = load<i32>(args, 8);
  const channels = load<i32>(args, 12), rows = load<i32>(args, 16);
  const scale = load<usize>(args, 24), bias = load<usize>(args, 28);
  const xView = args + 32, yView = xView + VIEW;
  const xStep = voxelStep(xView), yStep = voxelStep(yView);
  let known = -1;
  for (let row = begin; row < end; row++) {
    const group = row / rows;
    const means = load<usize>(args, 20) + (<usize> (2 * group * channels) << 2);
    if (group != known) {
      known = group;
      for (let c: usize = 0; c < <usize> channels << 2; c += 4) {
        const inverse = load<f32>(means + (<usize> channels << 2) + c);
        store<f32>(scratch + c, scale ? inverse * load<f32>(scale + c) : inverse);
      }
    }
    let x = rowAddress(xView, row, depth, height);
    let y = rowAddress(yView, row, depth, height);
    for (let u = 0; u < width; u++, x += xStep, y += yStep) {
      let c = 0;
      for (; c + 4 <= channels; c += 4) {
        const at = <usize> c << 2;
        const value = f32x4.mul(
          f32x4.sub(v128.load(x + at), v128.load(means + at)),
          v128.load(scratch + at),
        );
        v128.store(y + at, f32x4.add(value, v128.load(bias + at)));
      }
      for (; c < channels; c++) {
        const at = <usize> c << 2;
        const value = (load<f32>(x + at) - load<f32>(means + at)) * load<f32>(scratch + at);
        store<f32>(y + at, value + load<f32>(bias + at));
      }
    }
  }
}

/**
 * dx = dy / voxels, the gradient of a mean. Arguments: depth | height | width | channels | 1 / voxels (f32) | address of dy | bytes
 * from one sample of dy to the next | view dx. Items are rows.
 */
export function spatial_mean_grad(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const depth = load<i32>(args), height = load<i32>(args, 4), width = load<i32>(args, 8);
  const bytes = load<usize>(args, 12) << 2;
  const factor = load<f32>(args, 16);
  const view = args + 28;
  const step = voxelStep(view);
  for (let row = begin; row < end; row++) {
    const dy = load<usize>(args, 20) + <usize> (row / (depth * height)) * load<usize>(args, 24);
    let dx = rowAddress(view, row, depth, height);
    for (let u = 0; u < width; u++, dx += step) {
      for (let c: usize = 0; c < bytes; c += 4) store<f32>(dx + c, factor * load<f32>(dy + c));
    }
  }
}
