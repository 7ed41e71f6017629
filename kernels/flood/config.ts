/** `struct Config` of the flood kernels: what all canvases of a flood have in common. */

type Zyx = readonly [z: number, y: number, x: number];

/** The members of `Config`; vectors are zyx, thresholds are logits. */
export interface FloodConfig {
  /** 255 logits in ascending order: the least that reaches each byte of probability. */
  readonly quantiles: Float32Array;
  readonly imageSize: Zyx;
  readonly seedSize: Zyx;
  readonly predSize: Zyx;
  readonly deltas: Zyx;
  /** Clearance of seeds from earlier objects. */
  readonly near: Zyx;
  readonly init: number;
  readonly pad: number;
  readonly move: number;
  readonly segment: number;
  /** The least f32 that a face maximum must reach. */
  readonly score: number;
  /** Logits above `move` from which the disconnected-seed rule applies; 0xffffffff turns it off. */
  readonly discoCut: number;
  readonly minSize: number;
  readonly countDeleted: boolean;
}

/** Room per canvas in the buffers of a flood. */
export interface FloodCapacity {
  /** Voxels of image, object map and segmentation. */
  readonly voxels: number;
  /** Entries of the ring of queued positions. */
  readonly queue: number;
  /** Grid cells. */
  readonly cells: number;
  readonly seeds: number;
  /** Labels of the histogram, 0 included. */
  readonly labels: number;
  readonly overlaps: number;
  readonly traces: number;
}

/** The bytes of `Config`. */
export function encodeConfig(config: FloodConfig, capacity: FloodCapacity): ArrayBuffer {
  const quantiles = Float32Array.from({ length: 256 }, (_, i) => config.quantiles[i] ?? Infinity);
  const sizes = [
    ...[config.imageSize, config.seedSize, config.predSize, config.deltas, config.near].flat(),
    capacity.voxels,
    Math.ceil(capacity.voxels / 4),
    Math.ceil(capacity.voxels / 16),
    capacity.queue,
    Math.ceil(capacity.cells / 32),
    capacity.seeds,
    capacity.labels,
    capacity.overlaps,
    capacity.traces,
  ];
  const thresholds = [config.init, config.pad, config.move, config.segment, config.score];
  const switches = [
    config.discoCut,
    config.minSize,
    Number(config.countDeleted),
  ];
  const words = new Uint32Array(256 + sizes.length + thresholds.length + switches.length + 3);
  words.set(new Uint32Array(quantiles.buffer));
  words.set(sizes, 256);
  words.set(new Uint32Array(Float32Array.from(thresholds).buffer), 256 + sizes.length);
  words.set(switches, 256 + sizes.length + thresholds.length);
  // A uniform struct with a vec4 member is a multiple of 16 bytes long.
  return words.buffer.slice(0, Math.ceil((words.length - 3) / 4) * 16);
}
