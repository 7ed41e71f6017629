/**
 * Gradients of normalisation over groups of voxels, with n = (x - mean) * inverse: parts of groups are summed in order, so that
 * the number of threads changes nothing.
 */
import { addDoubles } from "./_doubles";
import { rowAddress, VIEW, voxelStep } from "./_view";

/**
 * Sums (f64) of dy and dy * n per channel. Arguments: depth | height | width | channels | rows of a group | parts of a group |
 * address of the statistics [group, 2, channel] | of the sums [group, part, 2, channel] | view x | view dy. Items are parts of
 * groups.
 */
export function channel_norm_grad_sums(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const depth = load<i32>(args), height = load<i32>(args, 4), width = load<i32>(args, 8);
  const channels = load<i32>(args, 12), rows = load<i32>(args, 16), parts = load<i32>(args, 20);
  const xView = args + 32, dyView = xView + VIEW;
  const xStep = voxelStep(xView), dyStep = voxelStep(dyView);
  const bytes = <usize> channels << 3;
  for (let item = begin; item < end; item++) {
    const group = item / parts, part = item - group * parts;
    const means = load<usize>(args, 24) + (<usize> (2 * group * channels) << 2);
    const sums = load<usize>(args, 28) + <usize> item * 2 * bytes;
    memory.fill(sums, 0, 2 * bytes);
    const last = group * rows + rows * (part + 1) / parts;
    for (let row = group * rows + rows * part / parts; row < last; row++) {
      const x = rowAddress(xView, row, depth, height), dy = rowAddress(dyView, row, depth, height);
      let c = 0;
      for (; c + 4 <= channels; c += 4) {
        const at = <usize> c << 2;
        const mean = v128.load(means + at);
        let sum = f32x4.splat(0), products = f32x4.splat(0);
        let a = x + at, d = dy + at;
        for (let u = 0; u < width; u++, a += xStep, d += dyStep) {
          const gradient = v128.load(d);
          sum = f32x4.add(sum, gradient);
          products = f32x4.add(products, f32x4.mul(gradient, f32x4.sub(v128.load(a), mean)));
        }
        const inverse = v128.load(means + (<usize> channels << 2) + at);
        addDoubles(sums + (at << 1), sum);
        addDoubles(sums + bytes + (at << 1), f32x4.mul(products, inverse));
      }
      for (; c < channels; c++) {
        const at = <usize> c << 2;
        const mean = load<f32>(means + at);
        let sum: f32 = 0, products: f32 = 0;
        let a = x + at, d = dy + at;
        for (let u = 0; u < width; u++, a += xStep, d += dyStep) {
          sum += load<f32>(d);
          products += load<f32>(d) * (load<f32>(a) - mean);
        }
        const inverse = load<f32>(means + (<usize> channels << 2) + at);
        const to = sums + (at << 1);
        store<f64>(to, load<f64>(to) + <f64> sum);
        store<f64>(to + bytes, load<f64>(to + bytes) + <f64> (products * inverse));
      }
    }
  }
}

/**
 * Means (f32 [group, 2, channel]) of dy and dy * n, and their sums over all groups, dbias and dscale. Arguments: groups | channels |
 * parts of a group | voxels of a group | address of the sums | of the means | of dscale (0: none) | of dbias. Items are channels.
 */
export function channel_norm_grad_means(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const groups = load<i32>(args), channels = load<i32>(args, 4), parts = load<i32>(args, 8);
  const voxels = <f64> load<i32>(args, 12);
  const means = load<usize>(args, 20),
    dscale = load<usize>(args, 24),
    dbias = load<usize>(args, 28);
  const bytes = <usize> channels << 3;
  for (let c = <usize> begin; c < <usize> end; c++) {
    let allSums: f64 = 0, allProducts: f64 = 0;
    for (let group = 0; group < groups; group++) {
      let sum: f64 = 0, products: f64 = 0;
      for (let part = 0; part < parts; part++) {
        const from = load<usize>(args, 16) + <usize> (group * parts + part) * 2 * bytes + (c << 3);
        sum += load<f64>(from);
        products += load<f64>(from + bytes);
      }
      const to = means + <usize> group * bytes + (c << 2);
      store<f32>(to, <f32> (sum / voxels));
      store<f32>(to + (<usize> channels << 2), <f32> (products / voxels));
      allSums += sum;
      allProducts += products;
    }
    store<f32>(dbias + (c << 2), <f32> allSums);
    if (dscale) store<f32>(dscale + (c << 2), <f32> allProducts);
  }
}

/**
 * dx = scale * inverse * (dy - mean(dy) - n * mean(dy * n)). Arguments: depth | height | width | channels | rows of a group |
 * address of the statistics | of the means | of scale (0: it is 1) | view x | view dy | view dx. Items are rows.
 */
export function channel_norm_grad(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const depth = load<i32>(args), height = load<i32>(args, 4), width = load<i32>(args, 8);
  const channels = load<i32>(args, 12), rows = load<i32>(args, 16);
  const scale = load<usize>(args, 28);
  const xView = args + 32, dyView = xView + VIEW, dxView = dyView + VIEW;
  const xStep = voxelStep(xView), dyStep = voxelStep(dyView), dxStep = voxelStep(dxView);
  const half = <usize> channels << 2;
  for (let row = begin; row < end; row++) {
    const group = <usize> (row / rows);
    const statistics = load<usize>(args, 20) + group * 2 * half;
    const means = load<usize>(args, 24) + group * 2 * half;
    let x = rowAddress(xView, row, depth, height);
    let dy = rowAddress(dyView, row, depth, height);
    let dx = rowAddress(dxView, row, depth, height);
    for (let u = 0; u < width; u++, x += xStep, dy += dyStep, dx += dxStep) {
      let c = 0;
      for (; c + 4 <= channels; c += 4) {
        const at = <usize> c << 2;
        const inverse = v128.load(statistics + half + at);
        const n = f32x4.mul(f32x4.sub(v128.load(x + at), v128.load(statistics + at)), inverse);
        const rest = f32x4.sub(
          f32x4.sub(v128.load(dy + at), v128.load(means + at)),
          f32x4.mul(n, v128.load(means + half + at)),
        );
        const factor = scale ? f32x4.mul(inverse, v128.load(scale + at)) : inverse;
        v128.store(dx + at, f32x4.mul(factor, rest));
      }
      for (; c < channels; c++) {
        const at = <usize> c << 2;
        const inverse = load<f32>(statistics + half + at);
        const n = (load<f32>(x + at) - load<f32>(statistics + at)) * inverse;
        const rest = load<f32>(dy + at) - load<f32>(means + at) - n * load<f32>(means + half + at);
        const factor = scale ? inverse * load<f32>(scale + at) : inverse;
        store<f32>(dx + at, factor * rest);
      }
    }
  }
}
