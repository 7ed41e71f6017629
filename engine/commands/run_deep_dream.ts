import { UsageError } from "../errors/errors.ts";
import type { NdArray } from "../formats/nd_array.ts";
import { volumeOf, type Zyx } from "../geometry/vectors.ts";
import { logit } from "../inference/logit.ts";
import { softMask } from "../inference/soft_mask.ts";
import { checkCheckpointFits } from "../models/checkpoint_fit.ts";
import { convStack3d } from "../models/convstack_3d.ts";
import type { Model } from "../models/model.ts";
import { loadNewest, readVariables } from "../training/checkpoint_store.ts";
import { trainLoss } from "../training/loss_trainer.ts";
import { Random } from "../training/random.ts";
import { dreamGraph } from "../training/style/dream_graph.ts";
import { createVolume } from "../volumes/create.ts";
import { open } from "../volumes/open.ts";
import { channelCount, spatialSize, wholeBox } from "../volumes/volume.ts";
import type { Context, Values } from "./command.ts";
import { memoryVolume } from "../volumes/memory.ts";
import { copyLevels } from "./convert_volume.ts";
import { showProgress } from "./progress.ts";
import { checkpointsOf, computeBackend, given, optimizerOf } from "./run_train_style.ts";
import type { OPTIMIZER_OPTIONS, SMALL_RUN_OPTIONS } from "./train_style_options.ts";

/** What the command line gives. */
export interface DeepDreamValues
  extends
    Values<Record<never, never>, typeof OPTIMIZER_OPTIONS>,
    Values<Record<never, never>, typeof SMALL_RUN_OPTIONS> {
  readonly w?: string;
  readonly h?: string;
  readonly d?: string;
  readonly maskSpec?: string;
  readonly outputSpec?: string;
  readonly ckpt?: string;
  readonly depth?: number;
  readonly itBetween: number;
  readonly neuronRadius: number;
  readonly blurRadius: number;
  readonly flatInputMask: boolean;
  readonly imageMean: number;
  readonly imageStddev: number;
  readonly outputDtype: "float32" | "uint8";
  readonly overwrite: boolean;
}

/** Spread of the noise that the image begins as. */
const NOISE = 0.1;
/** The network sees all of the image at once, and what it computes is kept for the gradients. */
const MAX_VOXELS = 160 ** 3;

/** Changes an image from noise on; a run in `train_dir` goes on, and the image is written at the end. */
export async function runDeepDream(values: DeepDreamValues, context: Context): Promise<void> {
  const maskSpec = given(values.maskSpec, "--mask_spec");
  const outputSpec = given(values.outputSpec, "--output_spec");
  const checkpoint = given(values.ckpt, "--ckpt");
  const trainDir = given(values.trainDir, "--train_dir");
  const drawn = await readMask(maskSpec, values, context);
  const { size } = drawn;
  const known = await readVariables(checkpoint);
  const model = networkOf(checkpoint, known, values.depth, size);
  const mask = softMask(drawn.data, size, values.neuronRadius, values.blurRadius);
  const seed = values.seed ?? crypto.getRandomValues(new Uint32Array(1))[0];
  const random = new Random(seed);
  const shape = [1, ...size, 1];
  const newest = await loadNewest(trainDir);
  if (newest && `${newest.variables.get("image")?.shape}` !== `${shape}`) {
    throw new UsageError(
      `Cannot go on in "${trainDir}": it holds no image of zyx size ${
        size.join(", ")
      }; choose another --train_dir`,
    );
  }
  if (newest) context.note(`going on with "${newest.prefix}"`);
  const made = {
    shape: size,
    dtype: values.outputDtype,
    voxelSizeNm: drawn.voxelSizeNm,
    source: JSON.stringify({ command: "run-ffn-deep-dream", mask: maskSpec, checkpoint }),
    type: "image" as const,
    chunkSize: size,
  };
  // Before days are spent on an image: it may be there already, or be nothing that can be written.
  await using target = await createVolume(outputSpec, made, { overwrite: values.overwrite });
  await using backend = await computeBackend(values, context);
  context.note(`changing the image on ${backend.description}, seed ${seed}`);
  const flat = new Float32Array(mask.length);
  const parameters = [...known].flatMap(([name, { data }]) =>
    data instanceof Float32Array ? [[name, data] as const] : []
  );
  using progress = showProgress(context, "changing the image");
  let last = NaN;
  const all = await trainLoss(
    {
      kind: "deep dream",
      ...{ graph: dreamGraph(model), random },
      fixed: new Map<string, ArrayLike<number>>([
        ...parameters,
        ["seed", values.flatInputMask ? flat : mask.map((v) => logit(v))],
        ["labels", mask],
        ["weights", flat.map(() => 1)],
      ]),
      next: () => Promise.resolve({}),
      optimizer: { ...optimizerOf(values), clip: Infinity },
      maxSteps: values.itBetween,
      summarySeconds: values.summaryRateSecs,
      tags: { loss: "deep_dream/loss" },
      checkpoints: checkpointsOf(values, trainDir),
      signal: context.signal,
      log: context.note,
      progress(step, loss) {
        last = loss;
        progress.update({ fraction: step / values.itBetween, counts: { steps: step } });
      },
    },
    backend,
    newest?.variables ?? new Map([["image", noise(shape, random)]]),
    newest?.state ?? null,
  );
  const image = outputOf(all.get("image")!.data as Float32Array, values);
  await using result = memoryVolume({ dtype: made.dtype, shape: size, data: image }, maskSpec);
  await copyLevels(result, target, made, context, "writing");
  await target.commit();
  const loss = Number.isNaN(last) ? "" : `, last loss ${last.toPrecision(4)}`;
  context.print(`"${target.spec}": ${made.dtype} [${size.join(", ")}]${loss}`);
}

async function readMask(spec: string, { w, h, d }: DeepDreamValues, { note }: Context) {
  await using volume = await open(spec, { log: note });
  const size = spatialSize(volume);
  const sizes = [d, h, w];
  const axis = sizes.findIndex((text, i) => text !== undefined && Number(text) !== size[i]);
  if (axis >= 0) {
    throw new UsageError(
      `Cannot use size ${"zyx"[axis]} ${sizes[axis]}: the mask "${spec}" has ${
        size[axis]
      }; leave sizes out`,
    );
  }
  if (channelCount(volume) > 1 || volumeOf(size) > MAX_VOXELS) {
    throw new UsageError(
      `Cannot use the mask "${spec}": it must have one channel and up to ${MAX_VOXELS} voxels, current shape is [${
        volume.shape.join(", ")
      }]; cut out a part as ${spec}[:33,:33,:33]`,
    );
  }
  const data = await volume.read(wholeBox(volume));
  if (!(data as Float32Array).some((v) => v > 0)) {
    throw new UsageError(`Cannot use the mask "${spec}": no voxel is above 0`);
  }
  return { size, data, voxelSizeNm: volume.voxelSizeNm };
}

/** The network with a field of view of the size of the image: all layers are padded, so that any size will do. */
function networkOf(
  path: string,
  variables: ReadonlyMap<string, NdArray>,
  depth: number | undefined,
  size: Zyx,
): Model {
  const architecture = convStack3d.inferArchitecture(variables);
  if (!architecture) {
    throw new UsageError(
      `Cannot use "${path}": it must be a checkpoint of ${convStack3d.name}, the variable "seed_update/conv0_a/weights" is missing`,
    );
  }
  if (depth !== undefined && depth !== architecture.depth) {
    throw new UsageError(
      `Cannot use --depth ${depth}: the network in "${path}" has ${architecture.depth}; leave the flag out`,
    );
  }
  const model = convStack3d.create({
    ...architecture,
    fov_size: size.toReversed(),
    deltas: size.map((n) => n >> 1).toReversed(),
  });
  checkCheckpointFits(model, path, variables);
  return model;
}

function noise(shape: readonly number[], random: Random): NdArray {
  const count = shape.reduce((a, b) => a * b, 1);
  const data = Float32Array.from({ length: count }, () => NOISE * random.normal());
  return { dtype: "float32", shape: [...shape], data };
}

function outputOf(
  image: Float32Array,
  { imageMean, imageStddev, outputDtype }: DeepDreamValues,
): Float32Array | Uint8Array {
  const values = image.map((v) => v * imageStddev + imageMean);
  if (outputDtype === "float32") return values;
  return Uint8Array.from(values, (v) => Math.min(255, Math.max(0, Math.round(v))));
}
