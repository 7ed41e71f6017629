import { type BackendName, type KernelProcessMode, openBackend } from "../backends/open_backend.ts";
import { UsageError } from "../errors/errors.ts";
import { mapZyx, minZyx, type Zyx } from "../geometry/vectors.ts";
import {
  marginOf,
  openGeneratorVolume,
  tileGraph,
  transferredSize,
} from "../inference/generator_volume.ts";
import type { GeneratorOptions } from "../models/secgan/generator.ts";
import { inferGenerator } from "../models/secgan/generator_checkpoint.ts";
import { meanVariables } from "../models/secgan/mean_variables.ts";
import { networkVariables, SCOPES } from "../models/secgan/secgan.ts";
import { checkSecganCheckpoint } from "../models/secgan/secgan_checkpoint.ts";
import { readVariables } from "../training/checkpoint_store.ts";
import { BYTE_SCALE, domainScale, scaled } from "../training/secgan/domain_sampler.ts";
import { activationBytes } from "../training/secgan/memory_plan.ts";
import { findCheckpointPrefix } from "../volumes/checkpoint_prefix.ts";
import { createVolume } from "../volumes/create.ts";
import { memoryVolume } from "../volumes/memory.ts";
import { open } from "../volumes/open.ts";
import { channelCount, type Volume, wholeBox } from "../volumes/volume.ts";
import type { Context } from "./command.ts";
import { copyLevels } from "./convert_volume.ts";

/** What `ffn run-secgan-xfer` was given. */
export interface TransferValues {
  readonly contentVolumeSpec?: string;
  readonly outputSpec?: string;
  readonly checkpointPath?: string;
  readonly averageWith?: string;
  readonly fOrG: "F" | "G";
  readonly pad: "none" | "reflect";
  readonly outputDtype: "float32" | "uint8";
  readonly volumeScale: "auto" | "bytes" | "none";
  readonly tileSize?: number;
  readonly overwrite: boolean;
  readonly allowTiledNorm: boolean;
  readonly generatorDepth?: number;
  readonly generatorChannels?: number;
  readonly generatorMargin?: number;
  readonly ffnFovSize?: number;
  readonly nchunks?: number;
  readonly threads?: number;
  readonly backend: string;
  readonly kernelProcess: string;
}

/** Of activations of a tile; the wasm memory has 4 GiB. */
const TILE_BYTES = 1.5 * 2 ** 30;

/** Chunks of the result: a multiple of 3 like the tiles, so that no voxel is computed for two boxes. */
const CHUNK: Zyx = [96, 96, 96];

/** What is tried to compute at once, each whole chunks or a part of one. */
const TILES: readonly Zyx[] = [[96, 96, 192], CHUNK, [48, 96, 96], [48, 48, 48], [24, 24, 24]];

/** Rewrites a volume box by box; it appears under its name when it is complete. */
export async function transferVolume(values: TransferValues, context: Context): Promise<void> {
  const [content, output, checkpoint] = [
    ["--content_volume_spec", values.contentVolumeSpec],
    ["--output_spec", values.outputSpec],
    ["--checkpoint_path", values.checkpointPath],
  ].map(([flag, value]) => {
    if (value) return value;
    throw new UsageError(`Cannot transfer without ${flag}`);
  });
  if (values.nchunks !== undefined) context.note("--nchunks has no effect: tiles need no hint");
  const scope = SCOPES[values.fOrG];
  // Of a folder in which training goes on: boxes of one volume shall come from one generator.
  const prefix = await findCheckpointPrefix(checkpoint);
  const found = await readVariables(prefix);
  const generator = inferGenerator(checkpoint, found, scope);
  checkFlags(values, checkpoint, generator);
  const wanted = networkVariables({ generator } as never, values.fOrG);
  checkSecganCheckpoint(checkpoint, found, wanted, [scope]);
  const more = values.averageWith?.split(/\s+/).filter(Boolean) ?? [];
  const others = await Promise.all(more.map((path) => findCheckpointPrefix(path)));
  const names = wanted.map(({ name }) => name);
  const variables = await meanVariables(prefix, found, names, others);
  await using source = await open(content, { log: context.note });
  if (channelCount(source) > 1) {
    throw new UsageError(
      `Cannot transfer "${content}": it must have one channel, current number is ${
        channelCount(source)
      }; choose one as ${content}[0]`,
    );
  }
  const scale = values.volumeScale === "none"
    ? { factor: 1, shift: 0 }
    : values.volumeScale === "bytes"
    ? BYTE_SCALE
    : domainScale(content, source.dtype);
  const size = transferredSize(source, marginOf(generator), values.pad);
  const tileSize = tileOf(values, generator, scope, size);
  await using backend = await openBackend({
    name: values.backend as BackendName,
    threads: values.threads,
    kernelProcess: values.kernelProcess as KernelProcessMode,
    onChoice: context.note,
    onRestart: context.note,
  });
  await using transferred = await openGeneratorVolume(source, backend, {
    ...{ generator, scope, variables, pad: values.pad, dtype: values.outputDtype, tileSize },
    toInput: (data) => scaled(data, source.dtype, scale),
  });
  const isWhole = tileSize.every((n, axis) => n >= size[axis]);
  await using result = isWhole ? await computed(transferred) : borrowed(transferred);
  const attributes = {
    checkpoint_path: [checkpoint, ...more].join(" "),
    content_volume_spec: content,
  };
  const made = {
    shape: size,
    dtype: values.outputDtype,
    voxelSizeNm: transferred.voxelSizeNm,
    offset: transferred.offset,
    source: JSON.stringify({ command: "run-secgan-xfer", ...attributes, network: values.fOrG }),
    attributes,
    type: "image" as const,
    chunkSize: minZyx(CHUNK, size),
  };
  const { overwrite, pad, fOrG, volumeScale } = values;
  await using target = await createVolume(output, made, {
    overwrite,
    settings: { ...attributes, prefix: [prefix, ...others].join(" "), pad, fOrG, volumeScale },
  });
  if (target.journal && target.journal.resumed > 0) {
    context.note(`Going on with unfinished work of ${target.journal.resumed} steps`);
  }
  context.note(`transferring on ${backend.description}, tiles of zyx ${tileSize.join(", ")}`);
  const levels = await copyLevels(result, target, made, context, "transferring");
  await target.commit();
  context.print(
    `"${target.spec}": ${made.dtype} [${size.join(", ")}]` +
      (levels > 1 ? ` in ${levels} levels` : ""),
  );
}

function checkFlags(
  { generatorDepth, generatorChannels, generatorMargin }: TransferValues,
  path: string,
  generator: GeneratorOptions,
): void {
  const margin = marginOf(generator);
  const checks = [
    ["--generator_depth", generatorDepth, generator.depth],
    ["--generator_channels", generatorChannels, generator.channels],
    ["--generator_margin", generatorMargin, margin],
  ] as const;
  for (const [flag, given, there] of checks) {
    if (given === undefined || given === there) continue;
    throw new UsageError(
      `Cannot use ${flag} ${given}: the generator in "${path}" has ${there}; leave the flag out`,
    );
  }
}

/** What is computed at once: all of it under a normalisation, else as much as fits. */
function tileOf(
  { tileSize, allowTiledNorm }: TransferValues,
  generator: GeneratorOptions,
  scope: string,
  size: Zyx,
): Zyx {
  const margin = marginOf(generator);
  const bytes = (tile: Zyx) =>
    activationBytes(tileGraph(generator, scope, mapZyx((n) => n + 2 * margin, tile)));
  const isTiled = tileSize !== undefined && size.some((n) => n > tileSize);
  const mustBeWhole = generator.norm !== "none" && !allowTiledNorm;
  if (mustBeWhole && (isTiled || bytes(size) > TILE_BYTES)) {
    throw new UsageError(
      `Cannot transfer in tiles: with generator_norm "${generator.norm}" each tile would be normalised by its own statistics, and the whole volume ${
        isTiled ? `is larger than --tile_size ${tileSize}` : "does not fit in memory"
      }; cut a smaller volume with a slice, or add --allow_tiled_norm`,
    );
  }
  if (mustBeWhole) return size;
  if (tileSize !== undefined) return [tileSize, tileSize, tileSize];
  if (bytes(size) <= TILE_BYTES) return size;
  return TILES.find((tile) => bytes(minZyx(tile, size)) <= TILE_BYTES) ?? TILES.at(-1)!;
}

/** All of a volume, computed once. */
async function computed(volume: Volume): Promise<Volume> {
  const { dtype, shape, spec, voxelSizeNm } = volume;
  const data = await volume.read(wholeBox(volume));
  return memoryVolume({ dtype, shape, data }, spec, voxelSizeNm);
}

/** A volume that somebody else disposes of. */
function borrowed(volume: Volume): Volume {
  const { spec, shape, dtype } = volume;
  return {
    spec,
    shape,
    dtype,
    read: (box) => volume.read(box),
    [Symbol.asyncDispose]: async () => {},
  };
}
