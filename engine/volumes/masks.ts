/** Masks of requests: which voxels of a box are excluded. */
import type { TypedArray } from "../formats/nd_array.ts";
import type {
  DecoratedVolume,
  MaskChannelConfig,
  MaskConfig,
  VolumeMaskOptions,
} from "../formats/protobuf/masks.ts";
import { alignAndCrop } from "../geometry/alignment.ts";
import { type Box, intersect } from "../geometry/box.ts";
import { volumeOf } from "../geometry/vectors.ts";
import { parseCoordinateExpression } from "./coordinate_expression.ts";
import { channelCount, type Volume, wholeBox } from "./volume.ts";

/** Where masks take their voxels from. */
export interface MaskSources {
  /** Raw image `[z, y, x]` of the box, for masks made of it. */
  readonly image?: TypedArray;
  /** Opens the volume of a mask, or gives one that is open; it stays open. */
  openVolume?(volume: DecoratedVolume): Promise<Volume>;
}

/**
 * Unites masks over a box, whose start may be negative: voxels outside a mask's volume count as 0.
 *
 * @returns `[z, y, x]`, 1 where any mask applies; null when there is no mask.
 * @throws {RangeError} when a mask has no source, or its volume no such channel.
 */
export async function buildMask(
  configs: readonly MaskConfig[],
  box: Box,
  sources: MaskSources,
): Promise<Uint8Array | null> {
  checkMaskConfigs(configs, "mask");
  let all: Uint8Array | null = null;
  for (const config of configs) {
    const mask = await maskOf(config, box, sources);
    if (config.invert) { for (let i = 0; i < mask.length; i++) mask[i] ^= 1; }
    if (all === null) all = mask;
    else for (let i = 0; i < mask.length; i++) all[i] |= mask[i];
  }
  return all;
}

/**
 * Checks masks without reading anything.
 *
 * @param field Field of the request that they stand in, for messages.
 * @throws {RangeError | SyntaxError} when a mask has no source, a wrong channel or a bad expression.
 */
export function checkMaskConfigs(configs: readonly MaskConfig[], field: string): void {
  for (const { image, volume, coordinateExpression } of configs) {
    if (coordinateExpression !== undefined) {
      parseCoordinateExpression(coordinateExpression.expression ?? "");
      continue;
    }
    if (volume === undefined && image === undefined) {
      throw new RangeError(
        `Cannot use ${field}: it needs a source, one of volume, image and coordinate_expression`,
      );
    }
    if (volume !== undefined && volume.mask === undefined) {
      throw new RangeError(`Cannot use ${field}: its volume names none, write mask { hdf5: "…" }`);
    }
    for (const { channel = 0 } of (volume ?? image)!.channels ?? []) {
      if (channel < 0 || (image !== undefined && channel > 0)) {
        throw new RangeError(
          `Cannot use ${field}: channels ${
            image ? "of the image go from 0 to 0" : "start at 0"
          }, current ${channel}`,
        );
      }
    }
  }
}

async function maskOf(config: MaskConfig, box: Box, sources: MaskSources): Promise<Uint8Array> {
  if (config.coordinateExpression) {
    return parseCoordinateExpression(config.coordinateExpression.expression ?? "").evaluate(box);
  }
  const mask = new Uint8Array(volumeOf(box.size));
  const { channels = [] } = (config.volume ?? config.image)!;
  for (const channel of channels) {
    const voxels = config.volume
      ? await volumeVoxels(config.volume, channel.channel ?? 0, box, sources)
      : imageVoxels(sources);
    unite(mask, voxels, channel);
  }
  return mask;
}

function imageVoxels({ image }: MaskSources): TypedArray {
  if (image !== undefined) return image;
  throw new RangeError("Cannot build a mask from the image: no image was given");
}

/** One channel of a mask's volume over a box, 0 outside of it. */
async function volumeVoxels(
  { mask }: VolumeMaskOptions,
  channel: number,
  box: Box,
  { openVolume }: MaskSources,
): Promise<TypedArray> {
  if (openVolume === undefined) {
    throw new RangeError("Cannot build a mask from a volume: no way to open one was given");
  }
  const volume = await openVolume(mask!);
  if (volume.shape.length !== 4) {
    throw new RangeError(
      `Cannot use "${volume.spec}" as a mask: it must have 4 dimensions (channel, z, y, x), ` +
        `current shape is [${volume.shape.join(", ")}]`,
    );
  }
  if (channel >= channelCount(volume)) {
    throw new RangeError(
      `Cannot use "${volume.spec}" as a mask: its channels go from 0 to ${
        channelCount(volume) - 1
      }, current ${channel}`,
    );
  }
  const part = intersect(box, wholeBox(volume));
  if (part === null) return new Uint8Array(volumeOf(box.size));
  const voxels = await volume.read(part, channel);
  const numbers = volume.dtype === "float16"
    ? new Float16Array(voxels.buffer as ArrayBuffer)
    : voxels;
  return alignAndCrop(numbers as Float32Array, part, box);
}

/** Sets the mask where a channel's test holds. */
function unite(mask: Uint8Array, voxels: TypedArray, config: MaskChannelConfig): void {
  const { minValue = 0, maxValue = 0, values = [], invert = false } = config;
  const isBig = typeof voxels[0] === "bigint";
  const wanted: ReadonlySet<number | bigint> = new Set<number | bigint>(
    isBig ? values : values.map(Number),
  );
  const hit = invert ? 0 : 1;
  for (let i = 0; i < mask.length; i++) {
    const value = voxels[i];
    const isIn = wanted.size > 0 ? wanted.has(value) : value >= minValue && value <= maxValue;
    if ((isIn ? 1 : 0) === hit) mask[i] = 1;
  }
}
