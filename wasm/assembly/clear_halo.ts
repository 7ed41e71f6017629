/**
 * Writes zeros around an activation, and into the floats that fill up its voxels. Arguments: depth | height | width with the
 * halo | first voxel z | y | x inside it | depth | height | width inside | channels | floats of a voxel | address of the array.
 */

/** Items are rows, those of the halo included. */
export function clear_halo(args: usize, begin: i32, end: i32, _scratch: usize): void {
  const depth = load<i32>(args), height = load<i32>(args, 4), width = load<i32>(args, 8);
  const firstZ = load<i32>(args, 12), firstY = load<i32>(args, 16), firstX = load<i32>(args, 20);
  const insideZ = load<i32>(args, 24), insideY = load<i32>(args, 28), insideX = load<i32>(args, 32);
  const channels = load<usize>(args, 36) << 2, voxel = load<usize>(args, 40) << 2;
  const row = <usize> width * voxel;
  const before = <usize> firstX * voxel, inside = <usize> insideX * voxel;
  for (let item = begin; item < end; item++) {
    const slice = item / height;
    const y = item - slice * height - firstY, z = slice % depth - firstZ;
    const at = load<usize>(args, 44) + <usize> item * row;
    if (<u32> z >= <u32> insideZ || <u32> y >= <u32> insideY) {
      memory.fill(at, 0, row);
      continue;
    }
    memory.fill(at, 0, before);
    memory.fill(at + before + inside, 0, row - before - inside);
    if (channels == voxel) continue;
    for (let x = at + before; x < at + before + inside; x += voxel) {
      memory.fill(x + channels, 0, voxel - channels);
    }
  }
}
