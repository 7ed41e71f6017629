/**
 * y = x / keep where an element is kept, else 0. Which are kept is a hash of the element's number in C order and a key.
 * Arguments: depth | height | width | channels | threshold of hashes that are kept | 1 / keep (f32) | key of the stream | address
 * of the seed | view x | view y.
 */
import { rowAddress, VIEW, voxelStep } from "./_view";

/** MurmurHash3's finalizer. */
function mix(x: u32): u32 {
  x = (x ^ (x >> 16)) * 0x85ebca6b;
  x = (x ^ (x >> 13)) * 0xc2b2ae35;
  return x ^ (x >> 16);
}

/** Items are rows. */
export function dropout(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const depth = load<i32>(args), height = load<i32>(args, 4), width = load<i32>(args, 8);
  const channels = load<i32>(args, 12);
  const threshold = load<u32>(args, 16);
  const factor = load<f32>(args, 20);
  const key = mix(load<u32>(args, 24) + <u32> <i32> load<f32>(load<usize>(args, 28)));
  const xView = args + 32, yView = xView + VIEW;
  const xStep = voxelStep(xView), yStep = voxelStep(yView);
  for (let item = begin; item < end; item++) {
    let x = rowAddress(xView, item, depth, height);
    let y = rowAddress(yView, item, depth, height);
    let number = <u32> (item * width * channels) * 0x9e3779b1 + key;
    for (let u = 0; u < width; u++, x += xStep, y += yStep) {
      for (let c: usize = 0; c < <usize> channels; c++, number += 0x9e3779b1) {
        const kept = mix(number) < threshold;
        store<f32>(y + (c << 2), kept ? load<f32>(x + (c << 2)) * factor : 0);
      }
    }
  }
}
