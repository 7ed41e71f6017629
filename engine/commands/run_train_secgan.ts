import { join } from "node:path";
import { type BackendName, type KernelProcessMode, openBackend } from "../backends/open_backend.ts";
import type { NdArray } from "../formats/nd_array.ts";
import { SCOPES, type SecganModel, secganVariables } from "../models/secgan/secgan.ts";
import { checkSecganCheckpoint } from "../models/secgan/secgan_checkpoint.ts";
import { loadNewest, readVariables, type RunState } from "../training/checkpoint_store.ts";
import { keptInMemory } from "../training/example_loader.ts";
import { initialVariables } from "../training/initial_variables.ts";
import { Random } from "../training/random.ts";
import { BYTE_SCALE, DomainSampler, domainScale } from "../training/secgan/domain_sampler.ts";
import { planMemory } from "../training/secgan/memory_plan.ts";
import { STEPS_PER_ITERATION, trainSecgan } from "../training/secgan/secgan_trainer.ts";
import { segmenterSeed } from "../training/secgan/segmenter_seed.ts";
import { writeFileAtomically } from "../volumes/atomic_file.ts";
import { open } from "../volumes/open.ts";
import { type COMPUTE_OPTIONS, type Context, flagOf, type Values } from "./command.ts";
import { replacedFlags, sharesParameters } from "./exchange_settings.ts";
import { joinRun } from "./join_run.ts";
import { showProgress } from "./progress.ts";
import { runOwner } from "./run_owner.ts";
import { secganExchange, secganRun } from "./secgan_run.ts";
import { type FrozenNetwork, loadFrozenNetwork, pictureSegmenter } from "./secgan_segmenter.ts";
import {
  lambdasOf,
  needed,
  secganModel,
  secganOptimizer,
  type SecganValues,
  volumeSpecs,
} from "./train_secgan_settings.ts";
import { checkSingleProcess } from "./training_settings.ts";

/** Runs `ffn train-secgan`: checks everything, then begins a run or goes on with the one in `train_dir`. */
export async function runTrainSecgan(
  values: SecganValues & Values<Record<never, never>, typeof COMPUTE_OPTIONS>,
  context: Context,
): Promise<void> {
  if (!sharesParameters(values)) checkSingleProcess(values);
  const exchange = secganExchange(values);
  if (exchange) { for (const line of replacedFlags(values)) context.note(line); }
  // Of several processes one saves and summarises.
  const isChief = !exchange || exchange.index === 0;
  const trainDir = needed(values, "trainDir");
  const specs = volumeSpecs(values);
  const frozen = await frozenNetwork(values, context);
  const model = secganModel(values, frozen);
  const seed = values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0];
  const sharedRun = secganRun(values, model, () => startOf(model, values, seed, trainDir, context));
  if (exchange?.isOwner) return await runOwner(exchange, sharedRun, context);
  await using opened = new AsyncDisposableStack();
  const shared = exchange && opened.use(await joinRun(exchange, sharedRun, context));
  // Each worker, and a later copy of one, sees images of its own.
  const random = new Random(
    isChief ? seed : seed + 1_000_003 * exchange!.index + shared!.step,
  );
  const samplerOf = async (list: readonly string[]) => {
    const volumes = [];
    for (const spec of list) volumes.push(opened.use(await keptInMemory(await open(spec))));
    return new DomainSampler(volumes, model.geometry.cycleSize, random, scaleOf(values, context));
  };
  const labeled = await samplerOf(specs.labeled);
  const unlabeled = await samplerOf(specs.unlabeled);
  const start = isChief
    ? await startOf(model, values, seed, trainDir, context)
    : { variables: initialVariables({ variables: secganVariables(model) }, random), state: null };
  const backend = opened.use(
    await openBackend({
      name: values.backend as BackendName,
      threads: values.threads,
      kernelProcess: values.kernelProcess as KernelProcessMode,
      onChoice: context.note,
      onRestart: context.note,
    }),
  );
  const { batchSize, recompute } = values;
  // Owners have the states of the optimizers, so that the one here is to be as small as can be.
  const optimizer = { ...secganOptimizer(values), ...shared && { name: "sgd" as const } };
  const memory = planMemory(model, batchSize, backend.name, optimizer, {
    microBatch: values.microBatch,
    recompute: recompute === "auto" ? undefined : recompute === "on",
  });
  // A run that goes on has its random numbers from its state.
  const begunWith = start.state ? await firstSeed(trainDir) : seed;
  if (isChief) await writeFlags(trainDir, { ...values, seed: begunWith });
  const parts = memory.microBatch < batchSize ? `, ${memory.microBatch} samples at once` : "";
  const twice = memory.recompute ? ", blocks of the generators computed twice" : "";
  const from = start.state ? "" : `, seed ${seed}`;
  context.note(`training on ${backend.description}${from}${parts}${twice}`);
  using progress = showProgress(context, "training");
  let last = "";
  const segmenterInput = segmenterSeed(values.ffnFovSize, values.seedLogit === "true");
  const everySteps = values.checkpointEverySteps;
  const train = () =>
    trainSecgan(
      {
        ...memory,
        ...{ model, batchSize, optimizer, isChief },
        exchange: shared?.exchange,
        lambdas: lambdasOf(values),
        seed: segmenterInput,
        maxIterations: values.maxSteps,
        poolSize: values.fakepoolSz,
        labelNoise: values.labelNoise,
        summarySeconds: values.summaryRateSecs,
        segment: frozen && model.segmenter &&
          pictureSegmenter(frozen, model, segmenterInput, backend),
        checkpoints: {
          folder: trainDir,
          everySeconds: values.checkpointEverySecs,
          everySteps: everySteps && STEPS_PER_ITERATION * everySteps,
          maxToKeep: values.maxCheckpointsToKeep,
          keepEveryHours: values.keepCheckpointEveryHours,
        },
        signal: context.signal,
        log: context.note,
        progress: (iteration, totals) => {
          last = `, last losses F ${totals.F.toFixed(3)}, G ${totals.G.toFixed(3)}`;
          progress.update({
            fraction: iteration / values.maxSteps,
            counts: { iterations: iteration },
          });
        },
      },
      backend,
      start.variables,
      frozen?.variables ?? new Map(),
      { random, labeled, unlabeled },
      start.state,
    );
  const iterations = shared ? await shared.takingPart(train) : await train();
  if (iterations === null) return;
  context.print(`${iterations} iterations in ${trainDir}${last}`);
}

/** The segmenter, and a remark where it probably sees other values than it knows. */
export async function frozenNetwork(
  values: SecganValues,
  context: Context,
): Promise<FrozenNetwork | null> {
  if (values.segEnhanced === "false") {
    if (values.ffnCkpt !== undefined) {
      context.note("--ffn_ckpt has no effect with --seg_enhanced false");
    }
    return null;
  }
  const frozen = await loadFrozenNetwork(needed(values, "ffnCkpt"), values.ffnFovSize);
  if (values.ffnImageMean === undefined) {
    context.note(
      "the segmenter sees images in -1 to 1; if it was trained with an image_mean and image_stddev, give them as --ffn_image_mean and --ffn_image_stddev",
    );
  }
  return frozen;
}

function scaleOf({ volumeScale }: SecganValues, context: Context): typeof domainScale {
  return (spec, dtype) => {
    if (volumeScale === "none") return { factor: 1, shift: 0, limit: Number.MAX_VALUE };
    const scale = volumeScale === "bytes" ? BYTE_SCALE : domainScale(spec, dtype);
    if (scale === BYTE_SCALE) context.note(`"${spec}": 0 to 255 become -1 to 1`);
    return scale;
  };
}

/** Variables and state to begin with: those of the newest checkpoint, of the one named, or random ones. */
async function startOf(
  model: SecganModel,
  values: SecganValues,
  seed: number,
  trainDir: string,
  context: Context,
): Promise<{ variables: Map<string, NdArray>; state: RunState | null }> {
  const variables = secganVariables(model);
  const scopes = Object.values(SCOPES);
  const newest = await loadNewest(trainDir);
  if (newest) {
    checkSecganCheckpoint(newest.prefix, newest.variables, variables, scopes);
    if (!newest.state) context.note(`"${newest.prefix}" has no state of a run: fakes begin anew`);
    context.note(`going on with "${newest.prefix}"`);
    return newest;
  }
  if (values.initFromCheckpoint === undefined) {
    return { variables: initialVariables({ variables }, new Random(seed)), state: null };
  }
  const all = await readVariables(values.initFromCheckpoint);
  checkSecganCheckpoint(values.initFromCheckpoint, all, variables, scopes);
  const own = variables.map(({ name }) => [name, all.get(name)!] as const);
  return { variables: new Map(own), state: null };
}

const FLAG_FILE = "flagfile.txt";

/** The seed with which the run of a folder was begun, as far as its flags say. */
async function firstSeed(folder: string): Promise<string | undefined> {
  const flags = await Deno.readTextFile(join(folder, FLAG_FILE)).catch(() => "");
  return /^--seed=(.*)$/m.exec(flags)?.[1];
}

/** `--name=value` lines, as the reference writes them. */
async function writeFlags(
  folder: string,
  values: Readonly<Record<string, unknown>>,
): Promise<void> {
  const lines = Object.entries(values).flatMap(([name, value]) => {
    const flag = `--${flagOf(name).slice(2).replaceAll("-", "_")}`;
    return value === undefined ? [] : [`${flag}=${value}`];
  });
  const bytes = new TextEncoder().encode(`${lines.join("\n")}\n`);
  await writeFileAtomically(join(folder, FLAG_FILE), bytes);
}
