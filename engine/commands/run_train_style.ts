import { type BackendName, type KernelProcessMode, openBackend } from "../backends/open_backend.ts";
import { UsageError } from "../errors/errors.ts";
import type { NdArray } from "../formats/nd_array.ts";
import { logit } from "../inference/logit.ts";
import {
  checkVariables,
  codeChannels,
  inferDecoder,
  inferEncoder,
  type StyleDecoder,
  type StyleEncoder,
} from "../models/secgan/style_networks.ts";
import type { Graph } from "../ops/graph.ts";
import { loadNewest, readVariables } from "../training/checkpoint_store.ts";
import { keptInMemory } from "../training/example_loader.ts";
import { initialVariables } from "../training/initial_variables.ts";
import { trainLoss } from "../training/loss_trainer.ts";
import { DEFAULT_OPTIMIZER, type OptimizerOptions } from "../training/optimizer.ts";
import { Random } from "../training/random.ts";
import { DomainSampler } from "../training/secgan/domain_sampler.ts";
import { panels } from "../training/secgan/panels.ts";
import { styleGraph } from "../training/style/style_graph.ts";
import { gradientName } from "../training/training_graphs.ts";
import { open } from "../volumes/open.ts";
import { channelCount, spatialSize } from "../volumes/volume.ts";
import type { Context, Values } from "./command.ts";
import { showProgress } from "./progress.ts";
import type {
  OPTIMIZER_OPTIONS,
  SMALL_RUN_OPTIONS,
  TRAIN_STYLE_OPTIONS,
} from "./train_style_options.ts";

/** What the command line gives, of both commands. */
export type TrainStyleValues = Values<Record<never, never>, typeof TRAIN_STYLE_OPTIONS> & {
  readonly trained: "encoder" | "decoder";
  readonly lossLambda?: number;
  readonly flatSeed?: string;
  readonly decoderCkpt?: string;
  readonly pixelLossLambda?: number;
  readonly encodingLossLambda?: number;
};

type RunValues = Values<Record<never, never>, typeof SMALL_RUN_OPTIONS>;

/** Trains an encoder or a decoder; checks everything first, and goes on with a run that is in `train_dir`. */
export async function trainStyle(values: TrainStyleValues, context: Context): Promise<void> {
  const { trained, layer, batchSize, fovLen: edge } = values;
  const trainDir = given(values.trainDir, "--train_dir");
  const spec = given(values.volumeSpec, "--volume_spec");
  if (layer === undefined) throw new UsageError("Cannot train without --layer N");
  if (!(values.imageStddev > 0)) {
    throw new UsageError(
      `Cannot use --image_stddev ${values.imageStddev}: it must be larger than 0`,
    );
  }
  noteWithoutEffect(values, context);
  const networks = await loadNetworks(values, layer);
  const { encoder, decoder } = networks;
  const isDecoder = trained === "decoder";
  const graph = styleGraph({
    ...{ encoder, decoder, trained, edge, batch: batchSize },
    pixelWeight: isDecoder ? 1 : values.pixelLossLambda!,
    encodingWeight: isDecoder ? values.lossLambda! : values.encodingLossLambda!,
  });
  const seedValues = shownSeed(values);
  const seed = values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0];
  const random = new Random(seed);
  const start = await startOf(graph, networks.variables, trainDir, seed, context);
  await using opened = new AsyncDisposableStack();
  const volume = opened.use(await keptInMemory(await open(spec, { log: context.note })));
  const size = spatialSize(volume);
  if (channelCount(volume) > 1 || size.some((n) => n < edge)) {
    throw new UsageError(
      `Cannot train on "${spec}": it must have one channel and ${edge} voxels or more per axis (--fov_len), current shape is [${
        volume.shape.join(", ")
      }]`,
    );
  }
  const { imageMean: mean, imageStddev: stddev } = values;
  const scale = { factor: 1 / stddev, shift: -mean / stddev, limit: Number.MAX_VALUE };
  const sampler = new DomainSampler([volume], edge, random, () => scale);
  const backend = opened.use(await computeBackend(values, context));
  const from = start.state ? "" : `, seed ${seed}`;
  context.note(`training on ${backend.description}${from}`);
  using progress = showProgress(context, "training");
  let last = NaN;
  await trainLoss(
    {
      kind: `style ${trained}`,
      ...{ graph, random },
      fixed: fixedValues(networks.variables, seedValues, batchSize),
      next: async () => ({ image: await sampler.next(batchSize) }),
      optimizer: optimizerOf(values),
      maxSteps: values.maxSteps,
      summarySeconds: values.summaryRateSecs,
      tags: {
        "loss/pixel": `${trained}_metrics/pixel_mse`,
        "loss/encoding": `${trained}_metrics/encoding_mse`,
        "loss": `${trained}_metrics/loss`,
      },
      pictures: async (read) => [
        ...panels(`${trained}_metrics/input`, [await read("image")], edge),
        ...panels(`${trained}_metrics/decoded`, [await read("decoded")], edge),
      ],
      checkpoints: checkpointsOf(values, trainDir),
      signal: context.signal,
      log: context.note,
      progress(step, loss) {
        last = loss;
        progress.update({ fraction: step / values.maxSteps, counts: { steps: step } });
      },
    },
    backend,
    start.variables,
    start.state,
  );
  const loss = Number.isNaN(last) ? "" : `, last loss ${last.toPrecision(4)}`;
  context.print(`${values.maxSteps} steps in ${trainDir}${loss}`);
}

/** @throws {UsageError} naming the flag that is missing. */
export function given(value: string | undefined, flag: string): string {
  if (value !== undefined && value !== "") return value;
  throw new UsageError(`Cannot run without ${flag}`);
}

/** The backend that the flags ask for. */
export function computeBackend(
  values: Pick<RunValues, "backend" | "threads" | "kernelProcess">,
  context: Pick<Context, "note">,
) {
  return openBackend({
    name: values.backend as BackendName,
    threads: values.threads,
    kernelProcess: values.kernelProcess as KernelProcessMode,
    onChoice: context.note,
    onRestart: context.note,
  });
}

/** How weights are changed; gradients are clipped as in every training of flood-filling networks. */
export function optimizerOf(
  values: Values<Record<never, never>, typeof OPTIMIZER_OPTIONS>,
): OptimizerOptions {
  const { learningRate, momentum, adamBeta1, adamBeta2, rmspropDecay, epsilon } = values;
  return {
    ...{ name: values.optimizer, clip: DEFAULT_OPTIMIZER.clip },
    ...{ learningRate, momentum, adamBeta1, adamBeta2, rmspropDecay, epsilon },
  };
}

/** When checkpoints are saved, and which stay. */
export function checkpointsOf(values: RunValues, folder: string) {
  return {
    folder,
    everySeconds: values.checkpointEverySecs,
    everySteps: values.checkpointEverySteps,
    maxToKeep: values.maxCheckpointsToKeep,
    keepEveryHours: Infinity,
  };
}

function noteWithoutEffect(values: TrainStyleValues, { note }: Pick<Context, "note">): void {
  const flags = {
    "--depth": values.depth,
    "--ffn_delta": values.ffnDelta,
    "--learning_rate_decay_factor": values.learningRateDecayFactor,
    "--num_epochs_per_decay": values.numEpochsPerDecay,
  };
  for (const [flag, value] of Object.entries(flags)) {
    if (value !== undefined) note(`${flag} has no effect, as in the reference`);
  }
}

/** Encoder, decoder, and those of their variables that are known. */
async function loadNetworks(values: TrainStyleValues, layer: number): Promise<{
  readonly encoder: StyleEncoder;
  readonly decoder: StyleDecoder;
  readonly variables: ReadonlyMap<string, NdArray>;
}> {
  if (values.trained === "decoder") {
    const path = given(values.ffnCkpt, "--ffn_ckpt");
    const variables = await readVariables(path);
    const encoder = inferEncoder(path, variables, "seed_update", layer);
    const decoder = { depth: layer, channels: codeChannels(encoder) };
    return { encoder, decoder, variables };
  }
  const path = given(values.decoderCkpt, "--decoder_ckpt");
  const known = await readVariables(path);
  const decoder = inferDecoder(path, known, layer);
  const variables = new Map([...known].filter(([name]) => name.startsWith("decoder/")));
  if (values.ffnCkpt === undefined) {
    const features = new Array<number>(2 * layer).fill(decoder.channels);
    return { encoder: { scope: "encoder", features }, decoder, variables };
  }
  const ffn = await readVariables(values.ffnCkpt);
  const { features } = inferEncoder(values.ffnCkpt, ffn, "seed_update", layer);
  if (features.at(-1) !== decoder.channels) {
    throw new UsageError(
      `Cannot train an encoder of "${values.ffnCkpt}" for the decoder in "${path}": the decoder takes ${decoder.channels} channels, the network's module ${layer} gives ${
        features.at(-1)
      }`,
    );
  }
  for (const [name, array] of ffn) {
    if (name.startsWith("seed_update/")) {
      variables.set(name.replace("seed_update", "encoder"), array);
    }
  }
  return { encoder: { scope: "encoder", features }, decoder, variables };
}

/** Variables and state to begin with: those of the newest checkpoint, else what is known and random ones. */
async function startOf(
  graph: Graph,
  known: ReadonlyMap<string, NdArray>,
  trainDir: string,
  seed: number,
  { note }: Pick<Context, "note">,
) {
  const all = [...graph.parameters.values()];
  const trained = all.filter(({ name }) => graph.outputs.has(gradientName(name)));
  checkVariables("the frozen network", known, all.filter((value) => !trained.includes(value)));
  const newest = await loadNewest(trainDir);
  if (newest) {
    checkVariables(newest.prefix, newest.variables, trained);
    note(`going on with "${newest.prefix}"`);
    return newest;
  }
  const variables = initialVariables({ variables: trained }, new Random(seed));
  for (const { name } of trained) {
    const array = known.get(name);
    if (array) variables.set(name, array);
  }
  checkVariables("the network to begin with", variables, trained);
  return { variables, state: null };
}

/** What the network is shown beside the image, of one cube; logits. */
function shownSeed({ fovLen, seedPad, seedInit, flatSeed }: TrainStyleValues): Float32Array {
  if (flatSeed === "true") return new Float32Array(fovLen ** 3);
  const seed = new Float32Array(fovLen ** 3).fill(logit(seedPad));
  const middle = fovLen >> 1;
  seed[(middle * fovLen + middle) * fovLen + middle] = logit(seedInit);
  if (seed.every(Number.isFinite)) return seed;
  throw new UsageError(
    `Cannot use --seed_pad ${seedPad} and --seed_init ${seedInit}: both must be above 0 and below 1`,
  );
}

function fixedValues(
  variables: ReadonlyMap<string, NdArray>,
  seed: Float32Array,
  batch: number,
): ReadonlyMap<string, ArrayLike<number>> {
  const seeds = new Float32Array(batch * seed.length);
  for (let i = 0; i < batch; i++) seeds.set(seed, i * seed.length);
  const known = [...variables].flatMap(([name, { data }]) =>
    data instanceof Float32Array ? [[name, data] as const] : []
  );
  return new Map<string, ArrayLike<number>>([...known, ["seed", seeds]]);
}
