import { UsageError } from "../errors/errors.ts";
import type { NdArray } from "../formats/nd_array.ts";
import { minZyx, type Zyx } from "../geometry/vectors.ts";
import {
  FeatureHistograms,
  FeatureStatistics,
  histogramTransfer,
} from "../inference/feature_statistics.ts";
import {
  computedSize,
  StyledVolume,
  styleGraphs,
  type StyleOptions,
} from "../inference/style_volume.ts";
import { type WhiteningName, whiteningTransfer } from "../inference/whitening.ts";
import {
  checkVariables,
  codeChannels,
  inferDecoder,
  inferEncoder,
} from "../models/secgan/style_networks.ts";
import { readVariables } from "../training/checkpoint_store.ts";
import { scaled } from "../training/secgan/domain_sampler.ts";
import { activationBytes } from "../training/secgan/memory_plan.ts";
import { createVolume } from "../volumes/create.ts";
import { open } from "../volumes/open.ts";
import { channelCount, spatialSize, type Volume } from "../volumes/volume.ts";
import type { COMPUTE_OPTIONS, Context, Values } from "./command.ts";
import { copyLevels } from "./convert_volume.ts";
import { showProgress } from "./progress.ts";
import { computeBackend, given } from "./run_train_style.ts";

/** What `ffn run-style-xfer` was given. */
export interface StyleTransferValues extends Values<Record<never, never>, typeof COMPUTE_OPTIONS> {
  readonly method: "wc" | "wct" | "hm" | "hmt";
  readonly contentspec?: string;
  readonly stylespec?: string;
  readonly outspec?: string;
  readonly whitening: WhiteningName;
  readonly layer?: number;
  readonly ffnCkpt?: string;
  readonly encoderCkpt?: string;
  readonly decoderCkpt?: string;
  readonly imageMean: number;
  readonly imageStddev: number;
  readonly outputDtype: "float32" | "uint8";
  readonly tileSize?: number;
  readonly overwrite: boolean;
}

/** Of activations of a tile; the wasm memory has 4 GiB. */
const TILE_BYTES = 1.5 * 2 ** 30;
const CHUNK: Zyx = [96, 96, 96];
const TILES: readonly Zyx[] = [[96, 96, 192], CHUNK, [48, 96, 96], [48, 48, 48], [24, 24, 24]];

/** Looks at all of both volumes first, then rewrites one box by box; the result appears under its name when it is complete. */
export async function transferStyle(values: StyleTransferValues, context: Context): Promise<void> {
  const contentSpec = given(values.contentspec, "--contentspec");
  const styleSpec = given(values.stylespec, "--stylespec");
  const outSpec = given(values.outspec, "--outspec");
  if (!(values.imageStddev > 0)) {
    throw new UsageError(
      `Cannot use --image_stddev ${values.imageStddev}: it must be larger than 0`,
    );
  }
  const networks = await loadNetworks(values);
  await using content = await openImage(contentSpec, context);
  await using style = await openImage(styleSpec, context);
  const toInput = (dtype: Volume["dtype"]) => (data: ArrayLike<number | bigint>) =>
    scaled(data, dtype, {
      factor: 1 / values.imageStddev,
      shift: -values.imageMean / values.imageStddev,
    });
  const optionsOf = (volume: Volume): StyleOptions => ({
    ...networks,
    tileSize: tileOf(values, networks, spatialSize(volume)),
    toInput: toInput(volume.dtype),
  });
  const made = {
    shape: spatialSize(content),
    dtype: values.outputDtype,
    voxelSizeNm: content.voxelSizeNm,
    offset: content.offset,
    source: JSON.stringify({ command: "run-style-xfer", ...provenanceOf(values) }),
    type: "image" as const,
    chunkSize: minZyx(CHUNK, spatialSize(content)),
  };
  const { overwrite } = values;
  // Before anything is computed: it may be there already, or be nothing that can be written.
  await using target = await createVolume(outSpec, made, {
    overwrite,
    settings: provenanceOf(values),
  });
  if (target.journal && target.journal.resumed > 0) {
    context.note(`Going on with unfinished work of ${target.journal.resumed} steps`);
  }
  await using backend = await computeBackend(values, context);
  context.note(`transferring on ${backend.description}`);
  const styleFound = await (async () => {
    await using styled = await StyledVolume.open(style, backend, optionsOf(style));
    return await look(styled, values, networks, context, "looking at the style");
  })();
  await using styled = await StyledVolume.open(content, backend, optionsOf(content));
  const contentFound = await look(styled, values, networks, context, "looking at the content");
  const channels = codeChannels(networks.encoder);
  const transfer = contentFound.histograms
    ? histogramTransfer(contentFound.histograms, styleFound.histograms!, channels)
    : whiteningTransfer(contentFound.moments, styleFound.moments, values.whitening);
  await using result = styled.output({
    dtype: values.outputDtype,
    transfer,
    toOutput: (decoded) => toImage(decoded, values),
  });
  const levels = await copyLevels(result, target, made, context, "transferring");
  await target.commit();
  context.print(
    `"${target.spec}": ${made.dtype} [${made.shape.join(", ")}]` +
      (levels > 1 ? ` in ${levels} levels` : ""),
  );
}

/** What decides about the voxels of the result. */
function provenanceOf(values: StyleTransferValues): Record<string, unknown> {
  const { contentspec, stylespec, method, whitening, layer, ffnCkpt, encoderCkpt } = values;
  const { decoderCkpt, imageMean, imageStddev } = values;
  return {
    ...{ contentspec, stylespec, method, whitening, layer, ffnCkpt, encoderCkpt },
    ...{ decoderCkpt, imageMean, imageStddev },
  };
}

async function loadNetworks(values: StyleTransferValues) {
  const { layer, ffnCkpt, encoderCkpt } = values;
  if (layer === undefined) throw new UsageError("Cannot run without --layer N");
  if ((ffnCkpt === undefined) === (encoderCkpt === undefined)) {
    throw new UsageError("Cannot encode: give either --ffn_ckpt or --encoder_ckpt");
  }
  const decoderPath = given(values.decoderCkpt, "--decoder_ckpt");
  const path = ffnCkpt ?? encoderCkpt!;
  const scope = ffnCkpt === undefined ? "encoder" : "seed_update";
  const own = await readVariables(path);
  const encoder = inferEncoder(path, own, scope, layer);
  const found = await readVariables(decoderPath);
  const decoder = inferDecoder(decoderPath, found, layer);
  if (decoder.channels !== codeChannels(encoder)) {
    throw new UsageError(
      `Cannot decode what "${path}" encodes by "${decoderPath}": the decoder takes ${decoder.channels} channels, module ${layer} gives ${
        codeChannels(encoder)
      }`,
    );
  }
  const graphs = styleGraphs({ encoder, decoder }, [1, 1, 1]);
  checkVariables(path, own, graphs.encode.parameters.values());
  checkVariables(decoderPath, found, graphs.decode.parameters.values());
  const variables = new Map<string, NdArray>([...own, ...found]);
  for (const { name } of graphs.encode.parameters.values()) variables.set(name, own.get(name)!);
  return { encoder, decoder, variables };
}

async function openImage(spec: string, context: Context): Promise<Volume> {
  const volume = await open(spec, { log: context.note });
  if (channelCount(volume) === 1) return volume;
  await volume[Symbol.asyncDispose]();
  throw new UsageError(
    `Cannot transfer "${spec}": it must have one channel, current number is ${
      channelCount(volume)
    }; choose one as ${spec}[0]`,
  );
}

function tileOf(
  { tileSize }: StyleTransferValues,
  networks: Pick<StyleOptions, "encoder" | "decoder">,
  size: Zyx,
): Zyx {
  if (tileSize !== undefined) return [tileSize, tileSize, tileSize];
  const bytes = (tile: Zyx) => {
    const { encode, decode } = styleGraphs(
      networks,
      computedSize(size, tile, networks.decoder),
    );
    return activationBytes(encode) + activationBytes(decode);
  };
  return TILES.find((tile) => bytes(tile) <= TILE_BYTES) ?? TILES.at(-1)!;
}

/** Statistics of all features of a volume. */
async function look(
  styled: StyledVolume,
  { method }: StyleTransferValues,
  { encoder }: Pick<StyleOptions, "encoder">,
  context: Context,
  label: string,
) {
  const channels = codeChannels(encoder);
  const moments = new FeatureStatistics(channels);
  using display = showProgress(context, label);
  const tiles = [...styled.tiles()];
  const needsHistograms = method === "hm" || method === "hmt";
  const rounds = needsHistograms ? 2 : 1;
  let done = 0;
  const each = async (take: (features: Float32Array) => void) => {
    for (const tile of tiles) {
      context.signal.throwIfAborted();
      take(await styled.features(tile));
      done++;
      display.update({ fraction: done / tiles.length / rounds, counts: { tiles: done } });
    }
  };
  await each((features) => moments.add(features));
  if (!needsHistograms) return { moments, histograms: null };
  const histograms = new FeatureHistograms(moments);
  await each((features) => histograms.add(features));
  return { moments, histograms };
}

/** Decoded values in the units of the volumes. */
function toImage(
  decoded: Float32Array,
  { imageMean, imageStddev, outputDtype }: StyleTransferValues,
): Float32Array | Uint8Array {
  if (outputDtype === "float32") return decoded.map((v) => v * imageStddev + imageMean);
  return Uint8Array.from(
    decoded,
    (v) => Math.min(255, Math.max(0, Math.round(v * imageStddev + imageMean))),
  );
}
